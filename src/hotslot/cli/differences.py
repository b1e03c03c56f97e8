"""`hotslot license diff`: what became of a license between two moments."""

from typing import Annotated

import typer
from rich.console import Console

from hotslot.cli.client import PAGE, Json, path
from hotslot.cli.output import cell, expiry, moment, say, show_table
from hotslot.cli.session import LicenseArgument, Session, checked_moment, reads

LIMIT = 1000
NAMES = {"backup_count": "backups", "expires_at": "expires (UTC)"}
"""What fields are called for people, where it is not their own name."""


def add_to(app: typer.Typer) -> None:
    """Put the command on `hotslot license`."""
    reads(app, "diff", _show)(diff)


def diff(
    session: Session,
    license_: LicenseArgument,
    *,
    from_: Annotated[
        str,
        typer.Option(
            "--from",
            help="The earlier moment: a position, a time or a day.",
            callback=checked_moment,
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="The later moment: a position, a time or a day. Unset, now.",
            callback=checked_moment,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="At most so many deployments.")
    ] = LIMIT,
) -> Json:
    """Show what changed on a license between two moments, and who holds another role since.

    What happened in between, event by event, is told by `hotslot audit replay`.
    """
    where = path("licenses", license_, "diff")
    answer = session.client.get(where, **{"from": from_, "to": to}, limit=min(PAGE, limit))
    found = answer["deployments"]
    # Now goes on: the other pages are about the same moments as the first.
    asked = {"from": answer["from"], "to": answer["to"]}
    while answer["next"] is not None and len(found) < limit:
        size = min(PAGE, limit - len(found))
        page = session.client.get(where, **asked, limit=size, cursor=answer["next"])
        found += page["deployments"]
        answer["next"] = page["next"]
    return answer


def _show(console: Console, answer: Json) -> None:
    more = " or more" if answer["more_entries"] else ""
    say(
        console,
        f"License {cell(answer['license'])} from position {answer['from']} to position "
        f"{answer['to']}: {_counted(answer['entries'], 'entry', 'entries')}{more} in the trail.",
        "bold",
    )
    if answer["before"] is None:
        say(console, "It was issued in between.")
    if answer["changes"]:
        console.print()
        show_table(
            console,
            ("what", "before", "after"),
            (
                (
                    NAMES.get(each["field"], each["field"]),
                    None if answer["before"] is None else _value(each["field"], each["before"]),
                    _value(each["field"], each["after"]),
                )
                for each in answer["changes"]
            ),
        )
    if answer["deployments"]:
        console.print()
        show_table(
            console,
            ("deployment", "before", "after"),
            (
                (each["deployment"], _role(each["before"]), _role(each["after"]))
                for each in answer["deployments"]
            ),
        )
    if not answer["changes"] and not answer["deployments"]:
        say(console, "Nothing is different.")
    if answer["next"]:
        say(console, "There may be more deployments: raise --limit.")


def _value(field: str, value: str | int | None) -> str | int | None:
    return expiry(value) if field == "expires_at" and not isinstance(value, int) else value


def _role(held: Json | None) -> str:
    if held is None:
        return "no role"
    standby = f" for {held['standby_for']}" if held["standby_for"] else ""
    mode = " offline" if held["mode"] == "offline" else ""
    return (
        f"{held['role']}{mode}{standby} since {moment(held['since'])} (position {held['position']})"
    )


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
