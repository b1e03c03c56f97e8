"""`hotslot audit export`: all that an auditor needs to verify the log, in a folder or a zip."""

import base64
import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hotslot.cli.client import Json
from hotslot.cli.exports.errors import ExportError
from hotslot.cli.exports.exporting import Export, Exported
from hotslot.cli.exports.folder import Folder
from hotslot.cli.exports.source import Log
from hotslot.cli.exports.zipped import folder_beside, pack
from hotslot.cli.output import card, cell, fail, moment, say, screen
from hotslot.cli.progress import with_bar
from hotslot.cli.session import Session, checked_moment, reads
from hotslot.client import OutOfReach

REFUSED = 1
_ZIP = ".zip"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def add_to(trail: typer.Typer) -> None:
    """Put the command on `hotslot audit`."""
    reads(trail, "export", _show)(export)


def export(
    session: Session,
    to: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|FILE.zip",
            help="A folder, or a zip file. An export that is there is brought up to date.",
        ),
    ],
    *,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="POSITION|TIME",
            help="Up to the first checkpoint that covers this position, or what happened until "
            "this time or day. Unset, up to the newest.",
            callback=checked_moment,
        ),
    ] = None,
) -> Json:
    """Export the log: every event, the tree over them, and the checkpoint that was signed.

    All of it is verified on its way, and what is wrong ends the export with status 1. The same
    command goes on with an export that was interrupted. `hotslot-verify` verifies it elsewhere; the
    README.md in it says how, and how to do that with other tools. The key must be one that may read
    the trail, and that is limited to no customer.
    """
    log = Log(session.client.hotslot)
    zip_ = to if to.suffix == _ZIP else None
    with _told(to):
        at_least = _events_until(log, until)
        folder = Folder(to if zip_ is None else folder_beside(zip_))
        with folder.opened():
            exported = with_bar(
                f"exporting to {to}", lambda progress: _run(Export(log, folder, progress), at_least)
            )
            if zip_ is not None:
                with_bar(f"packing {to}", lambda progress: pack(folder.path, zip_, progress))
    return _answer(to, exported)


def _run(export_: Export, at_least: int | None) -> Exported:
    """Run an export. Where it is interrupted, it is said how far it has come."""
    try:
        return export_.run(at_least)
    except (OutOfReach, KeyboardInterrupt, OSError):
        so_far = f"{export_.done} of {export_.total} events are there. " if export_.total else ""
        again = "The same command goes on from there." if so_far else "Run it again later."
        say(screen(stderr=True), f"The export is not finished. {so_far}{again}")
        raise


def _events_until(log: Log, until: str | None) -> int | None:
    """How many events there were up to a position or a time."""
    if until is None:
        return None
    events = int(until) if until.isdecimal() else log.position_at(until)
    if events == 0:
        raise ExportError(f"Nothing had happened by {until}: there is nothing to export.")
    return events


@contextlib.contextmanager
def _told(to: Path) -> Iterator[None]:
    """End the command with a sentence where the export can't be made."""
    try:
        yield
    except ExportError as error:
        fail(REFUSED, str(error))
    except OSError as error:
        if error.errno in _NO_ROOM:
            fail(REFUSED, f"There is no room left for {to}: {error.strerror}. Make some first.")
        fail(REFUSED, f"{error.filename or to} can't be used: {error.strerror or error}.")


def _answer(to: Path, exported: Exported) -> Json:
    checkpoint = exported.checkpoint
    return {
        "export": str(to),
        "origin": checkpoint.origin,
        "events": checkpoint.size,
        "fetched": exported.fetched,
        "root": base64.b64encode(checkpoint.root).decode(),
        "last_event_at": exported.last_event_at and exported.last_event_at.isoformat(),
        "checkpoint_at": checkpoint.at and checkpoint.at.isoformat(),
    }


def _show(console: Console, answer: Json) -> None:
    console.print(
        card(
            {
                "export": answer["export"],
                "log": answer["origin"],
                "events": f"{answer['events']}, of which {answer['fetched']} are new",
                "last event (UTC)": moment(answer["last_event_at"]),
                "checkpoint (UTC)": moment(answer["checkpoint_at"]),
            }
        )
    )
    say(console, f"Verify it: hotslot-verify {cell(answer['export'])} --key VERIFIER-KEY")
