"""The commands that ask what is and what was: status, history, audit."""

from collections.abc import Iterable
from typing import Annotated, Literal

import typer
from rich.console import Console

from hotslot.cli.client import Client, Json, RefusedError, path
from hotslot.cli.deployments import show_deployment
from hotslot.cli.licenses import show_license, show_licenses
from hotslot.cli.output import cell, moment, say, show_table
from hotslot.cli.session import AsOfOption, Session, checked_id, checked_time, reads

# An id that names no license, or none that this key may see, may still name a deployment.
NOT_A_LICENSE = (403, 404)
LIMIT = 1000

LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]


def add_to(app: typer.Typer) -> None:
    """Put the commands of this file on the app itself: `hotslot status`."""
    reads(app, "status", _show_status)(status)
    reads(app, "history", _show_history)(history)
    reads(app, "audit", show_trail)(audit)


def status(
    session: Session,
    id_: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="A license or a deployment; unset, all.",
            callback=checked_id,
        ),
    ] = None,
    *,
    as_of: AsOfOption = None,
) -> Json:
    """Show who holds what: all licenses, or one license, or one deployment.

    An id that is no license's is looked up as a deployment's. One that is neither's is told as
    never seen; every deployment that the server has not heard of is unlicensed.
    """
    if id_ is None:
        if as_of is not None:
            raise typer.BadParameter("--as-of needs a license or a deployment")
        return session.client.pages(path("licenses"), "licenses", LIMIT)
    try:
        return session.client.get(path("licenses", id_), as_of=as_of)
    except RefusedError as refused:
        if refused.status not in NOT_A_LICENSE:
            raise
    return session.client.get(path("deployments", id_), as_of=as_of)


def history(
    session: Session,
    id_: Annotated[
        str,
        typer.Argument(metavar="ID", help="A license or a deployment.", callback=checked_id),
    ],
    *,
    limit: LimitOption = LIMIT,
) -> Json:
    """Show who held which role from when to when, and everything asked and done, oldest first."""
    client = session.client
    try:
        tenures = _tenures(client, id_, limit)
        trail = client.pages(path("audit"), "entries", limit, license=id_)
    except RefusedError as refused:
        if refused.status not in NOT_A_LICENSE:
            raise
        trail = client.pages(path("audit"), "entries", limit, deployment=id_)
        tenures = _tenures_of_deployment(client, id_, trail["entries"])
    return {"tenures": tenures, "entries": trail["entries"], "next": trail["next"]}


def audit(
    session: Session,
    *,
    license_: Annotated[
        str | None, typer.Option("--license", help="Only what concerns this license.")
    ] = None,
    deployment: Annotated[
        str | None, typer.Option("--deployment", help="Only what concerns this deployment.")
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", help="Only what this API key or activation key did.")
    ] = None,
    type_: Annotated[
        str | None,
        typer.Option("--type", help="Only events of this type, such as license.backup-nominated."),
    ] = None,
    outcome: Annotated[
        Literal["done", "refused"] | None,
        typer.Option("--outcome", help="Only what was done, or what was refused."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="From this time or day on.", callback=checked_time),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Up to this time or day.", callback=checked_time),
    ] = None,
    limit: LimitOption = LIMIT,
) -> Json:
    """Show the audit trail, oldest first: who asked for what, when, why, and what became of it."""
    return session.client.pages(
        path("audit"),
        "entries",
        limit,
        license=license_,
        deployment=deployment,
        actor=actor,
        type=type_,
        outcome=outcome,
        since=since,
        until=until,
    )


def show_trail(console: Console, answer: Json) -> None:
    """Print entries of the audit trail."""
    if not answer["entries"]:
        say(console, "No entries.")
        return
    show_table(
        console,
        ("position", "at (UTC)", "what", "license", "deployment", "by", "outcome", "reason"),
        (
            (
                entry["position"],
                moment(entry["at"]),
                what_happened(entry),
                entry["license"],
                entry["deployment"],
                f"{entry['actor']['kind']} {entry['actor']['id']}",
                entry["outcome"],
                entry["reason"],
            )
            for entry in answer["entries"]
        ),
    )
    if answer.get("next"):
        say(console, "There are more: raise --limit, or narrow the time with --since.")


def what_happened(entry: Json) -> str:
    """Say an entry's event in few words; for a refusal, what was asked and the reason's code."""
    if entry["outcome"] == "refused":
        return f"{entry['data'].get('command')}: {entry['data'].get('code')}"
    return str(entry["type"])


def _tenures(client: Client, license_: str, limit: int | None) -> list[Json]:
    found = client.pages(path("licenses", license_, "tenures"), "tenures", limit)
    return list(found["tenures"])


def _tenures_of_deployment(client: Client, deployment: str, entries: list[Json]) -> list[Json]:
    """Find the tenures of a deployment on the licenses that it ever held a role on."""
    bound = (entry["license"] for entry in entries if entry["type"] == "deployment.bound")
    held = [
        tenure
        for license_ in dict.fromkeys(bound)
        for tenure in _tenures(client, license_, limit=None)
        if tenure["deployment"] == deployment
    ]
    return sorted(held, key=lambda tenure: int(tenure["from"]["position"]))


def _show_status(console: Console, answer: Json) -> None:
    if "licenses" in answer:
        show_licenses(console, answer)
    elif "capabilities" in answer:
        if answer["since"] is None:
            _say_never_seen(console, answer)
        show_deployment(console, answer)
    else:
        show_license(console, answer)


def _say_never_seen(console: Console, deployment: Json) -> None:
    when = "" if deployment["as_of"] is None else f" as of position {deployment['as_of']}"
    nothing = "never seen: no deployment and no license of this id"
    say(console, f"{cell(deployment['id'])} was {nothing}{when}.", "yellow")
    console.print()


def _show_history(console: Console, answer: Json) -> None:
    if answer["tenures"]:
        _show_tenures(console, answer["tenures"])
    else:
        say(console, "No role was ever held.")
    console.print()
    show_trail(console, answer)


def _show_tenures(console: Console, tenures: Iterable[Json]) -> None:
    show_table(
        console,
        ("deployment", "role", "mode", "license", "term", "from (UTC)", "to (UTC)", "ended by"),
        (
            (
                tenure["deployment"],
                tenure["role"] + _standing_by(tenure),
                tenure["mode"],
                tenure["license"],
                tenure["term"],
                moment(tenure["from"]["at"]),
                moment(tenure["to"]["at"]) if tenure["to"] else "now",
                tenure["to"]["type"] if tenure["to"] else None,
            )
            for tenure in tenures
        ),
    )


def _standing_by(tenure: Json) -> str:
    return f" (for {cell(tenure['standby_for'])})" if tenure["standby_for"] else ""
