"""`hotslot audit verify`: holds the database against itself, and against what was signed of it."""

import asyncio
from datetime import datetime
from functools import partial
from typing import Annotated

import msgspec
import psycopg
import typer

from hotslot.checkpoints.keys import LogKeyError, LogKeys
from hotslot.checkpoints.note import NoteError, Verifier
from hotslot.cli.client import Json
from hotslot.cli.exports.signed import Signed
from hotslot.cli.on_database import REFUSED, database
from hotslot.cli.output import cell, fail, moment, say, screen, write_json
from hotslot.cli.progress import with_bar
from hotslot.cli.server_settings import server_settings
from hotslot.cli.stored_checkpoints import StoredCheckpoints
from hotslot.ledger.mapper import UnknownEventError
from projections.catalogue import PROJECTIONS
from projections.check import NotComparableError, check
from projections.projection import ProjectionError
from projections.proofs.verify import Finding, Findings, Verified, verify

# What the log called itself when it signed: the first lines of the notes.
ORIGINS = "SELECT DISTINCT split_part(note, chr(10), 1) FROM checkpoints.checkpoints"

COMPARED = ("slots", "trail")
"""The projections that are compared with a replay; the tree is compared hash by hash."""

REBUILT = {"leaf": "proofs", "tree": "proofs", **{name: name for name in COMPARED}}
"""Kinds of findings that may be about a projection alone, and the projection's name."""

# What a replay of events says that nobody but a forger could have written.
_NO_REPLAY = (ProjectionError, UnknownEventError, NotComparableError, msgspec.DecodeError)


def add_to(trail: typer.Typer) -> None:
    """Put the command on `hotslot audit`."""
    trail.command("verify")(verify_)


def _verifier(text: str) -> Verifier:
    try:
        return Verifier.parse(text.strip())
    except NoteError as error:
        raise typer.BadParameter(str(error)) from error


def verify_(
    *,
    key: Annotated[
        list[Verifier] | None,
        typer.Option(
            "--key",
            metavar="VKEY",
            parser=_verifier,
            help="Believe only this verifier key, and not those in HOTSLOT_LOG_KEYS; may be "
            "repeated.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make every hash again from the ledger itself, and compare with tree and checkpoints.

    Works on the database: the one of HOTSLOT_DATABASE_URL, else the server's own in
    HOTSLOT_DATA_DIR. The server may go on serving. Of each kind of fault the first is named, and
    the status is 1 then. Whoever can write to the database and restart the server can have all of
    it made and signed anew: that is found by auditors who keep checkpoints elsewhere
    (`hotslot-verify --last`).
    """
    findings, notices = Findings(), Findings()
    with database() as dsn:
        checkpoints = StoredCheckpoints(key or _keys_of(dsn), findings, notices)
        try:
            found = with_bar(
                "verifying the tree",
                partial(verify, dsn, checkpoints.read, findings, notices),
            )
        except NotComparableError as error:
            fail(REFUSED, str(error))
        for name in COMPARED:
            _compare(dsn, name, findings)
    if as_json:
        write_json(_result(found, checkpoints, findings, notices))
    else:
        _show(found, checkpoints, findings, notices)
    if list(findings):
        raise typer.Exit(REFUSED)


def _keys_of(dsn: str) -> list[Verifier]:
    """The log's keys, under the name or the names that its checkpoints have."""
    path = server_settings().log_keys_path
    with psycopg.connect(dsn) as connection:
        try:
            origins = [str(origin) for (origin,) in connection.execute(ORIGINS)]
        except psycopg.errors.UndefinedTable:
            fail(REFUSED, "This database has no checkpoints. Start the server once, and try again.")
    try:
        return [
            key
            for origin in origins
            for key in asyncio.run(LogKeys(path, origin).verifiers(origin))
        ]
    except LogKeyError as error:
        fail(REFUSED, f"{error} Or give the log's key with --key.")


def _compare(dsn: str, name: str, findings: Findings) -> None:
    try:
        difference = with_bar(f"checking {name}", partial(check, dsn, PROJECTIONS[name])).difference
    except psycopg.OperationalError:
        raise
    except (*_NO_REPLAY, psycopg.Error) as error:
        findings.add(name, f"{type(error).__name__}: {error}")
    else:
        if difference is not None:
            findings.add(name, str(difference))


def _result(
    found: Verified, checkpoints: StoredCheckpoints, findings: Findings, notices: Findings
) -> Json:
    last = checkpoints.last
    return {
        **msgspec.to_builtins(found),
        "checkpoints": checkpoints.count,
        "last_checkpoint": last
        and {"size": last.size, "at": _written(last.at), "origin": last.origin},
        "findings": msgspec.to_builtins(list(findings)),
        "notices": msgspec.to_builtins(list(notices)),
    }


def _show(
    found: Verified, checkpoints: StoredCheckpoints, findings: Findings, notices: Findings
) -> None:
    at = moment(_written(found.last_event_at))
    say(screen(), f"The ledger has {found.events} events, the last at {at} UTC.")
    behind = found.events - found.leaves
    say(screen(), f"Tree: {found.leaves} leaves" + (f", {behind} behind." if behind > 0 else "."))
    last = checkpoints.last
    if last is None:
        say(screen(), f"Checkpoints: {checkpoints.count}, none with a signature that holds.")
    else:
        signed = moment(_written(last.at))
        say(
            screen(),
            f"Checkpoints: {checkpoints.count}, the last over {last.size} events at {signed} UTC, "
            f"of {cell(last.origin)}.",
        )
    for notice in notices:
        say(screen(), f"Notice: {_told(notice)}")
    if not list(findings):
        say(screen(), f"All agree, and so do {' and '.join(COMPARED)}.")
        return
    console = screen(stderr=True)
    for finding in findings:
        say(console, f"{finding.kind}: {_told(finding)}", "bold red")
    say(console, _meaning(findings, last))


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _told(finding: Finding) -> str:
    more = f" And {finding.more} more of this kind." if finding.more else ""
    return cell(finding.text) + more


def _meaning(findings: Findings, last: Signed | None) -> str:
    """Say what was changed, as far as the kinds of findings tell, and what to do."""
    kinds = {finding.kind: finding for finding in findings}
    signed = 0 if last is None else last.size
    leaf = kinds.get("leaf")
    is_tree = leaf is None or (leaf.index or 0) < signed
    if kinds.keys() <= REBUILT.keys() and is_tree:
        names = dict.fromkeys(REBUILT[kind] for kind in kinds)
        commands = " and ".join(f"hotslot projections rebuild {name}" for name in names)
        return (
            "The ledger is what was signed; what is made of it was changed. Find out who did that, "
            f"and build it anew: {commands}"
        )
    return (
        "The ledger was changed, or the checkpoints of it. Keep the database as it is, find out "
        "who did that, and compare with an export or a backup."
    )
