"""`hotslot audit replay`: the record, event by event, with the slots after each."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console

from hotslot.cli.client import Json, path
from hotslot.cli.output import cell, moment, say, show_table
from hotslot.cli.session import Session, checked_id, checked_moment, streams

PAGE = 200
"""So many events are printed at a time."""

NAMED = 3
"""So many active deployments are named for people."""


def add_to(trail: typer.Typer) -> None:
    """Put the command on `hotslot audit`."""
    streams(trail, "replay", _show, "steps")(replay)


def replay(
    session: Session,
    *,
    license_: Annotated[
        str | None,
        typer.Option("--license", help="Only the events of this license.", callback=checked_id),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="From this event on: a position, a time or a day. Unset, from the first.",
            callback=checked_moment,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Up to this event: a position, a time or a day. Unset, the last one there is now.",
            callback=checked_moment,
        ),
    ] = None,
) -> Iterator[Json]:
    """Step through the events in their order, and show the slots after each of them.

    Events are printed as they are read, so that it may be stopped at any time. With --json each
    event is a line of its own, with its license as it left it.
    """
    asked: dict[str, str | int | None] = {"from": from_, "to": to}
    cursor: str | None = None
    while True:
        page = session.client.get(
            path("audit", "replay"), license=license_, **asked, limit=PAGE, cursor=cursor
        )
        yield page
        cursor = page["next"]
        if cursor is None:
            return
        # Now goes on: what happens meanwhile is not in it.
        asked = {"from": page["from"], "to": page["to"]}


def _show(console: Console, pages: Iterator[Json]) -> None:
    shown = 0
    for page in pages:
        if not page["steps"]:
            break
        if not shown:
            say(console, f"From position {page['from']} to position {page['to']}.", "dim")
        console.print()
        _show_steps(console, page["steps"])
        shown += len(page["steps"])
    if not shown:
        say(console, "No events.")
        return
    console.print()
    say(console, f"{shown} {'event' if shown == 1 else 'events'}.")


def _show_steps(console: Console, steps: list[Json]) -> None:
    show_table(
        console,
        (
            "position",
            "at (UTC)",
            "what",
            "deployment",
            "license",
            "status",
            "slots",
            "active",
            "backups",
            "term",
        ),
        (
            (
                step["entry"]["position"],
                moment(step["entry"]["at"]),
                _what(step["entry"]),
                step["entry"]["deployment"],
                step["entry"]["license"],
                *_slots(step["after"]),
            )
            for step in steps
        ),
    )


def _what(entry: Json) -> str:
    """Say an event in few words: `license.` goes without saying, and a refusal has its code."""
    if entry["outcome"] == "refused":
        return f"refused: {entry['data'].get('command')}, {entry['data'].get('code')}"
    return str(entry["type"]).removeprefix("license.")


def _slots(after: Json | None) -> tuple[Any, ...]:
    if after is None:
        return (None,) * 5
    named = ", ".join(after["active"][:NAMED])
    more = after["slots"]["used"] - NAMED
    return (
        after["status"],
        f"{after['slots']['used']} of {after['slots']['total']}",
        cell(named) + (f" and {more} more" if more > 0 else ""),
        after["backup_count"],
        after["term"],
    )
