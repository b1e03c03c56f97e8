"""`hotslot failovers`: how long it really took until another one served."""

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from hotslot.cli.client import Json, path
from hotslot.cli.output import cell, moment, say, say_as_of, show_table
from hotslot.cli.reading import DeploymentOption, LicenseOption, LimitOption
from hotslot.cli.session import AsOfOption, Session, checked_time, reads

LIMIT = 20

SILENCE = {
    "stood-down": "it stood down",
    "lease-expired": "its lease ran out",
    "no-lease": "it never had a lease",
}
"""How it is known that the former one is silent, in words."""


def add_to(app: typer.Typer) -> None:
    """Put the command on the app itself: `hotslot failovers`."""
    reads(app, "failovers", _show_failovers)(failovers)


def failovers(
    session: Session,
    *,
    license_: LicenseOption = None,
    deployment: DeploymentOption = None,
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
    """Show nominations, newest first: who took over from whom, and how long it took.

    From the request until the new one served; when the former one was known to be silent, and from
    what; and for how long both could have processed.
    """
    return session.client.pages(
        path("failovers"),
        "failovers",
        limit,
        license=license_,
        deployment=deployment,
        since=since,
        until=until,
        as_of=as_of,
    )


def _show_failovers(console: Console, answer: Json) -> None:
    say_as_of(console, answer)
    if not answer["failovers"]:
        say(console, "No backup was ever nominated.")
        return
    show_table(
        console,
        ("position", "asked (UTC)", "license", "from", "to", "serving", "silent", "both"),
        (
            (
                each["position"],
                moment(each["asked_at"]),
                each["license"],
                each["former"],
                each["nominated"],
                _after(each, "serving_at"),
                _after(each, "silent_at"),
                _seconds(each["overlap_seconds"]),
            )
            for each in answer["failovers"]
        ),
    )
    console.print()
    say(console, "serving: until the new one could process. silent: until the former could not.")
    say(console, "both: how long both could have. All since it was asked; - is not known yet.")
    for each in answer["failovers"]:
        _show_story(console, each)
    if answer["next"]:
        say(console, "There are more: raise --limit, or narrow the time with --since.")


def _show_story(console: Console, failover: Json) -> None:
    told = [
        f"waited for the end of {failover['former']}" if failover["wait_for_release"] else None,
        SILENCE.get(failover["silent_by"]),
        f'reason "{failover["reason"]}"' if failover["reason"] else None,
        f"by {failover['actor']['kind']} {failover['actor']['id']}",
    ]
    console.print()
    title = f"{failover['former'] or 'a free slot'} -> {failover['nominated']}"
    say(console, f"{cell(title)} at position {failover['position']}", "bold")
    say(console, f"  {cell('; '.join(part for part in told if part))}")
    for refusal in failover["refusals"]:
        say(console, f"  before, at {moment(refusal['at'])}: {cell(refusal['detail'])}", "yellow")


def _after(failover: Json, what: str) -> str | None:
    if failover[what] is None:
        return None
    asked, then = (datetime.fromisoformat(failover[at]) for at in ("asked_at", what))
    return _seconds((then - asked).total_seconds())


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.3f} s"
