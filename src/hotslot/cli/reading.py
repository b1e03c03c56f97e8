"""The commands that ask what is and what was: status, history, audit."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import typer
import typer.core
from rich.console import Console

from hotslot.cli import audit_export, audit_log, audit_verify, replay
from hotslot.cli.client import Client, Json, path
from hotslot.cli.deployments import show_deployment
from hotslot.cli.licenses import read_license, show_license, show_licenses
from hotslot.cli.output import cell, moment, say, say_as_of, show_table
from hotslot.cli.session import AsOfOption, Session, checked_id, checked_time, reads
from hotslot.client import Refused

# An id that names no license, or none that this key may see, may still name a deployment.
NOT_A_LICENSE = (403, 404)
LIMIT = 1000

ENTRIES = "entries"
"""The command that `hotslot audit` is when it is followed by none."""


TIES = (("reason", "reason"), ("trace id", "trace_id"))
"""What may make steps one procedure: what it is called, and its field."""


class _Trail(typer.core.TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take `hotslot audit --license …` for `hotslot audit entries --license …`."""
        names_none = not args or (args[0].startswith("-") and args[0] != "--help")
        return super().parse_args(ctx, [ENTRIES, *args] if names_none else args)


LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]
LicenseOption = Annotated[
    str | None, typer.Option("--license", help="Only what concerns this license.")
]
DeploymentOption = Annotated[
    str | None, typer.Option("--deployment", help="Only what concerns this deployment.")
]


def add_to(app: typer.Typer) -> None:
    """Put the commands of this file on the app itself: `hotslot status`."""
    reads(app, "status", _show_status)(status)
    reads(app, "history", _show_history)(history)
    trail = typer.Typer(
        cls=_Trail,
        help="Ask the audit trail: its entries, unless it is followed by another command.",
    )
    reads(trail, ENTRIES, show_trail)(audit)
    reads(trail, "procedures", _show_procedures)(procedures)
    replay.add_to(trail)
    audit_export.add_to(trail)
    audit_log.add_to(trail)
    audit_verify.add_to(trail)
    app.add_typer(trail, name="audit")


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
        return session.client.pages(path("licenses"), "licenses", LIMIT, as_of=as_of)
    try:
        return read_license(session.client, id_, as_of)
    except Refused as refused:
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
    as_of: AsOfOption = None,
    limit: LimitOption = LIMIT,
) -> Json:
    """Show who held which role from when to when, and everything asked and done, oldest first.

    With --as-of it is told as it would have been then.
    """
    client = session.client
    try:
        tenures = _tenures(client, id_, limit, as_of)
        asked = {"license": id_, "as_of": as_of}
        trail = client.pages(path("audit"), "entries", limit, **asked)
    except Refused as refused:
        if refused.status not in NOT_A_LICENSE:
            raise
        asked = {"deployment": id_, "as_of": as_of}
        trail = client.pages(path("audit"), "entries", limit, **asked)
        tenures = _tenures_of_deployment(client, id_, trail["entries"], as_of)
    found = _procedures(client, limit, **asked)["procedures"]
    return {"tenures": tenures, "procedures": found, **trail}


def audit(
    session: Session,
    *,
    license_: LicenseOption = None,
    deployment: DeploymentOption = None,
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
    as_of: AsOfOption = None,
    limit: LimitOption = LIMIT,
) -> Json:
    """Show the audit trail, oldest first: who asked for what, when, why, and what became of it.

    The same as `hotslot audit` without a command.
    """
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
        as_of=as_of,
    )


def procedures(
    session: Session,
    *,
    license_: LicenseOption = None,
    deployment: DeploymentOption = None,
    as_of: AsOfOption = None,
    limit: LimitOption = LIMIT,
) -> Json:
    """Show offline procedures, oldest first: which backup took over from whom in three steps.

    The steps are that an active deployment is deactivated, a backup unregistered, and that one
    activated with a license file. They are one procedure if all three have the same --reason, or
    the same trace id.
    """
    return _procedures(session.client, limit, license=license_, deployment=deployment, as_of=as_of)


def show_trail(console: Console, answer: Json) -> None:
    """Print entries of the audit trail, with their places in `procedures` if the answer has any."""
    say_as_of(console, answer)
    if not answer["entries"]:
        say(console, "No entries.")
        return
    places = _places(answer.get("procedures", []))
    show_table(
        console,
        ("position", "at (UTC)", "what", "license", "deployment", "by", "outcome", "reason"),
        (
            (
                entry["position"],
                moment(entry["at"]),
                what_happened(entry) + places.get(entry["position"], ""),
                entry["license"],
                entry["deployment"],
                _who(entry),
                entry["outcome"],
                entry["reason"],
            )
            for entry in answer["entries"]
        ),
    )
    if answer.get("next"):
        say(console, "There are more: raise --limit, or narrow the time with --since.")


def _places(found: list[Json]) -> dict[int, str]:
    """Say of which procedure an entry is which step, by the entry's position."""
    return {
        entry["position"]: f" ({number} of {len(procedure['entries'])}: {_title(procedure)})"
        for procedure in found
        for number, entry in enumerate(procedure["entries"], start=1)
    }


def _title(procedure: Json) -> str:
    return f"{procedure['kind']} {procedure['former']} -> {procedure['deployment']}"


def _who(entry: Json) -> str:
    return f"{entry['actor']['kind']} {entry['actor']['id']}"


def what_happened(entry: Json) -> str:
    """Say an entry's event in few words; for a refusal, what was asked and the reason's code."""
    if entry["outcome"] == "refused":
        return f"{entry['data'].get('command')}: {entry['data'].get('code')}"
    return str(entry["type"])


def _procedures(client: Client, limit: int, **asked: str | None) -> Json:
    return client.pages(path("audit", "procedures"), "procedures", limit, **asked)


def _tenures(client: Client, license_: str, limit: int | None, as_of: str | None) -> list[Json]:
    found = client.pages(path("licenses", license_, "tenures"), "tenures", limit, as_of=as_of)
    return list(found["tenures"])


def _tenures_of_deployment(
    client: Client, deployment: str, entries: list[Json], as_of: str | None
) -> list[Json]:
    """Find the tenures of a deployment on the licenses that it ever held a role on."""
    bound = (entry["license"] for entry in entries if entry["type"] == "deployment.bound")
    held = [
        tenure
        for license_ in dict.fromkeys(bound)
        for tenure in _tenures(client, license_, None, as_of)
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
        _show_tenures(console, answer["tenures"], "now" if answer.get("as_of") is None else "then")
    else:
        say(console, "No role was ever held.")
    console.print()
    show_trail(console, answer)


def _show_tenures(console: Console, tenures: Iterable[Json], lasting: str) -> None:
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
                moment(tenure["to"]["at"]) if tenure["to"] else lasting,
                tenure["to"]["type"] if tenure["to"] else None,
            )
            for tenure in tenures
        ),
    )


def _standing_by(tenure: Json) -> str:
    return f" (for {cell(tenure['standby_for'])})" if tenure["standby_for"] else ""


def _show_procedures(console: Console, answer: Json) -> None:
    say_as_of(console, answer)
    if not answer["procedures"]:
        say(console, "No procedures.")
        return
    for number, procedure in enumerate(answer["procedures"]):
        if number:
            console.print()
        say(console, f"{cell(_title(procedure))} on license {cell(procedure['license'])}", "bold")
        ties = [f'{name} "{procedure[key]}"' for name, key in TIES if procedure[key] is not None]
        say(console, f"One procedure by their {cell(' and '.join(ties))}:")
        show_table(
            console,
            ("position", "at (UTC)", "what", "deployment", "by"),
            (
                (
                    entry["position"],
                    moment(entry["at"]),
                    what_happened(entry),
                    entry["deployment"],
                    _who(entry),
                )
                for entry in procedure["entries"]
            ),
        )
    if answer["next"]:
        say(console, "There are more: raise --limit, or ask for one --license or --deployment.")
