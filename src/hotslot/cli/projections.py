"""`hotslot projections`: what an operator does with the read side, where the database is."""

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Annotated

import msgspec
import psycopg
import typer

from hotslot.cli.on_database import REFUSED, database
from hotslot.cli.output import cell, fail, moment, say, screen, show_table, write_json
from hotslot.cli.progress import with_bar
from hotslot.ledger.mapper import UnknownEventError
from projections.catalogue import PROJECTIONS
from projections.check import Checked, NotComparableError, check
from projections.positions import Status, status
from projections.projection import Projection, ProjectionError
from projections.rebuild import RebuildRunningError, rebuild

app = typer.Typer(
    help="Check, rebuild and watch the projections. These commands work on the database itself: "
    "the one of HOTSLOT_DATABASE_URL, else the server's own in HOTSLOT_DATA_DIR.",
    no_args_is_help=True,
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def _known(name: str | None) -> str | None:
    if name is not None and name not in PROJECTIONS:
        raise typer.BadParameter(f"there is no such projection; known are {', '.join(PROJECTIONS)}")
    return name


NameArgument = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="The projection; else all of them.", callback=_known),
]


@app.command("check")
def check_(name: NameArgument = None, *, as_json: JsonOption = False) -> None:
    """Fold the whole ledger from nothing and compare the result with the live tables.

    Ends with status 1 at a difference, and names the first one. The server may go on serving.
    """
    with database() as dsn, _told():
        results = [
            with_bar(f"checking {projection.name}", partial(check, dsn, projection))
            for projection in _chosen(name)
        ]
    if as_json:
        write_json({"projections": msgspec.to_builtins(results)})
    else:
        for result in results:
            _show_checked(result)
    if any(result.difference for result in results):
        raise typer.Exit(REFUSED)


@app.command("rebuild")
def rebuild_(name: NameArgument = None, *, as_json: JsonOption = False) -> None:
    """Build the tables anew from the whole ledger and swap them in, while the server serves.

    Ctrl-C leaves the live tables as they are.
    """
    positions = {}
    with database() as dsn, _told():
        for projection in _chosen(name):
            positions[projection.name] = with_bar(
                f"building {projection.name}", partial(rebuild, dsn, projection)
            )
    if as_json:
        write_json({"rebuilt": [{"name": each, "position": positions[each]} for each in positions]})
        return
    for each, position in positions.items():
        say(screen(), f"{each} is rebuilt, up to position {position}.")


@app.command("status")
def status_(*, as_json: JsonOption = False) -> None:
    """Show how far each projection has come, and why one has stopped."""
    with database() as dsn, psycopg.connect(dsn) as connection:
        found = [status(connection, projection) for projection in PROJECTIONS.values()]
    known = [each for each in found if each is not None]
    if as_json:
        write_json({"projections": msgspec.to_builtins(known)})
        return
    show_table(
        screen(),
        ("projection", "version", "position", "behind", "last moved on (UTC)", "state"),
        (
            (
                each.name,
                each.version,
                each.position,
                each.head - each.position,
                moment(each.applied_at.isoformat()),
                _state(each),
            )
            for each in known
        ),
    )
    for each in known:
        if each.error is not None:
            say(screen(), f"{each.name} stopped: {cell(each.error)}")


def _state(status_: Status) -> str:
    if status_.state == "following" and not status_.followed:
        return "no process follows"
    return status_.state


def _show_checked(result: Checked) -> None:
    if result.difference is None:
        say(
            screen(),
            f"{result.projection} agrees with the ledger: {result.rows} rows at position "
            f"{result.position}.",
        )
        return
    console = screen(stderr=True)
    say(console, f"{result.projection} differs from the ledger at position {result.position}:")
    say(console, cell(str(result.difference)))
    say(console, f"Build it anew with: hotslot projections rebuild {result.projection}")


def _chosen(name: str | None) -> list[Projection]:
    return [PROJECTIONS[name]] if name else list(PROJECTIONS.values())


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (NotComparableError, ProjectionError, RebuildRunningError, UnknownEventError) as error:
        fail(REFUSED, str(error))
