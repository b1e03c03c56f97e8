"""What can be done to a log by whoever owns the database, and who notices it: the table of tests.

`docs/audit.md` shows it to auditors; `table()` writes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import msgspec
import psycopg

from hotslot.checkpoints.note import Note
from hotslot.domain.events import LicenseSuspended
from hotslot.licensefiles import KeyFolder
from tests.projections.history import START, History
from tests.tampering.world import World, Worlds

POSITION = 154
"""Of the event that is tampered with: a license is issued, by a command with no other event."""

INDEX = POSITION - 1
CUT = 10
FORGED = "decode(repeat('ab', 32), 'hex')"


@dataclass(frozen=True)
class Case:
    """A way to tamper, and what each program finds then, as `kind` or `kind@index`; empty: nothing.

    Each list is all that is found. Whether something is a fault or just strange is told apart:
    `notices` leave the exit status at 0.
    """

    name: str
    what: str
    tamper: Callable[[Worlds], World]
    """Gives the world that the auditor is shown."""
    database: tuple[str, ...] = ()
    """By `hotslot audit verify`."""
    with_key: tuple[str, ...] | None = None
    """By the same with `--key`; None is the same."""
    server: tuple[str, ...] = ()
    """By `hotslot-verify URL`."""
    remembered: tuple[str, ...] | None = None
    """By the same with `--last`; None is the same."""
    export: str | None = None
    """What a new `hotslot audit export` says when it gives up; None: it is made."""
    update: str | None = None
    """What it says over an earlier export; None: that is brought up to date."""
    notices: tuple[str, ...] = ()
    """What `hotslot audit verify` says without taking it for a fault."""
    is_heard: bool = False
    """Whether `hotslot-verify` has a notice, too."""

    @property
    def is_only_seen_outside(self) -> bool:
        """Whether nothing but a checkpoint that was kept outside reveals it."""
        return bool(self.remembered) and not (self.database or self.server)


def sql(*statements: str) -> Callable[[Worlds], World]:
    """Tamper with the database by statements."""

    def tamper(worlds: Worlds) -> World:
        now = worlds.now()
        now.execute(*statements)
        return now

    return tamper


CHANGE = f"""
UPDATE ledger.events SET state = replace(state::text, 'operator-1', 'operator-2')::json
 WHERE position = {POSITION}
"""
MAKE_ROOM = f"""
UPDATE ledger.events SET position = -position - 1 WHERE position >= {POSITION};
UPDATE ledger.events SET position = -position WHERE position < 0
"""
INSERT = f"""
INSERT INTO ledger.events (position, stream, version, type, state)
SELECT {POSITION}, 'license:slipped-in', 1, type,
       replace(state::text, '"license-0"', '"slipped-in"')::json
  FROM ledger.events WHERE stream = 'license:license-0' AND version = 1
"""
SWAP = f"""
UPDATE ledger.events SET position = -position WHERE position IN ({POSITION}, {POSITION + 1});
UPDATE ledger.events SET position = {2 * POSITION + 1} + position WHERE position < 0
"""
CUT_OFF = f"""
DELETE FROM ledger.events
 WHERE position > (SELECT max(position) FROM ledger.events) - {CUT}
"""


def restored(worlds: Worlds) -> World:
    """The database is that of an older backup."""
    return worlds.early()


def restored_and_gone_on(worlds: Worlds) -> World:
    """And other things were recorded since."""
    early = restored(worlds)
    early.record(suspend("license-7"))
    early.record(suspend("license-8", "license-9", "license-10", "license-11", "license-12"))
    early.record(suspend("license-13", "license-14", "license-15", "license-16", "license-17"))
    return early


def suspend(*licenses: str) -> Callable[[History], None]:
    def work(history: History) -> None:
        for each in licenses:
            history.record(LicenseSuspended(license=each))

    return work


def changed_and_rebuilt(worlds: Worlds) -> World:
    """The ledger was changed, and all that is made of it built anew."""
    now = worlds.now()
    now.execute(CHANGE)
    now.rebuild("proofs", "trail", "slots")
    return now


def changed_with_checkpoints(worlds: Worlds) -> World:
    """And the checkpoints were edited, by somebody who does not have the key."""
    now = changed_and_rebuilt(worlds)
    with psycopg.connect(now.dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        found = connection.execute(
            "SELECT number, size, note FROM checkpoints.checkpoints"
        ).fetchall()
        for number, size, note in found:
            body = now.checkpoint(size).body
            forged = Note(body, Note.parse(note).signatures)
            connection.execute(
                "UPDATE checkpoints.checkpoints SET root = %s, note = %s WHERE number = %s",
                (now.checkpoint(size).root, str(forged), number),
            )
    return now


def changed_and_signed_anew(worlds: Worlds) -> World:
    """And the checkpoints were deleted; a server that starts then signs what it finds."""
    now = changed_and_rebuilt(worlds)
    now.execute("TRUNCATE checkpoints.checkpoints")
    now.sign()
    return now


def key_exchanged(worlds: Worlds) -> World:
    """Somebody put a key of theirs in the place of the log's, and went on."""
    now = worlds.now()
    for path in now.keys.iterdir():
        path.unlink()
    KeyFolder(now.keys).generate(START)
    now.record(suspend("license-20"))
    return now


def key_added(worlds: Worlds) -> World:
    """The same, as if the key had been rotated: the old one is still there, to verify."""
    now = worlds.now()
    KeyFolder(now.keys).generate(START.replace(year=2100))
    now.record(suspend("license-20"))
    return now


def clock_set_back(worlds: Worlds) -> World:
    """The server's clock was a year late for a while."""
    now = worlds.now()

    def work(history: History) -> None:
        suspend("license-20")(history)
        last = history.events[-1]
        context = msgspec.structs.replace(last.context, at=START - timedelta(days=365))
        history.events[-1] = msgspec.structs.replace(last, context=context)

    now.record(work)
    return now


def checkpoint_set_back(worlds: Worlds) -> World:
    """The clock was a year late when the last checkpoint was signed."""
    now = worlds.now()
    at = START - timedelta(days=365)
    key = KeyFolder(now.keys).read().signing
    assert key is not None
    with psycopg.connect(now.dsn) as connection:
        connection.execute(
            "INSERT INTO checkpoints.checkpoints (size, root, signed_at, key, note) "
            "SELECT size, root, %s, key, %s FROM checkpoints.checkpoints "
            "ORDER BY number DESC LIMIT 1",
            (at, str(now.checkpoint(now.events).sign(key, int(at.timestamp())))),
        )
    return now


CASES = [
    Case(
        "changed",
        "a byte of an event is changed",
        sql(CHANGE),
        database=(f"leaf@{INDEX}", "checkpoint-root", "trail"),
        server=(f"leaf@{INDEX}", "root"),
        export=f"Entry {INDEX} is not what the log's tree was made of",
    ),
    Case(
        "deleted",
        "an event is deleted",
        sql(f"DELETE FROM ledger.events WHERE position = {POSITION}"),
        database=(f"position@{INDEX}", f"checkpoint-root@{INDEX}", "slots", "trail"),
        server=("entries@0",),
        export="does not give it: entries from 0 on are gone",
    ),
    Case(
        "inserted",
        "an event is inserted, and those behind it are moved on",
        sql(MAKE_ROOM, INSERT),
        database=(f"leaf@{INDEX}", "checkpoint-root", "slots", "trail"),
        server=(f"leaf@{INDEX}", "root"),
        export=f"Entry {INDEX} is not what",
        notices=(f"clock@{INDEX}",),
        is_heard=True,
    ),
    Case(
        "swapped",
        "two events are swapped",
        sql(SWAP),
        database=(f"leaf@{INDEX}", "checkpoint-root", "slots", "trail"),
        server=(f"leaf@{INDEX}", f"version@{INDEX}", "root"),
        export=f"Entry {INDEX} is not what",
    ),
    Case(
        "cut-off",
        "the newest events are cut off",
        sql(CUT_OFF),
        database=("checkpoint-longer@361", "tree-longer@361", "slots", "trail"),
        server=("entries@256",),
        export="does not give it: entries from 256 on are gone",
    ),
    Case(
        "trail",
        "the trail is edited",
        sql("UPDATE trail.entries SET actor_id = 'nobody' WHERE index = 9"),
        database=("trail",),
    ),
    Case(
        "slots",
        "the slots are edited",
        sql("UPDATE slots.tenures SET mode = 'offline' WHERE deployment = 'a9'"),
        database=("slots",),
    ),
    Case(
        "leaf",
        "a leaf of the tree is edited",
        sql(f"UPDATE proofs.hashes SET hash = {FORGED} WHERE level = 0 AND index = {INDEX}"),
        database=(f"leaf@{INDEX}", f"tree@{INDEX - INDEX % 16}"),
        server=(f"leaf@{INDEX}",),
        export=f"Entry {INDEX} is not what",
    ),
    Case(
        "node",
        "a hash further up in the tree is edited",
        sql(f"UPDATE proofs.hashes SET hash = {FORGED} WHERE level = 2 AND index = 0"),
        database=("tree@0",),
        server=("tile@0",),
        export="Entries from 0 are not what",
    ),
    Case(
        "rebuilt",
        "an event is changed, and all projections are built anew",
        changed_and_rebuilt,
        database=("checkpoint-root",),
        server=("root",),
        export="agree with its tiles, but not with the checkpoint",
    ),
    Case(
        "checkpoints",
        "the same, and the checkpoints are edited",
        changed_with_checkpoints,
        database=("checkpoint-signature",),
        server=("signature",),
        export="not signed by its keys",
        update="not signed by its keys",
    ),
    Case(
        "signed-anew",
        "the same, but the checkpoints are deleted, and the server is restarted: it signs anew",
        changed_and_signed_anew,
        remembered=("forked",),
        update="its history was changed or forked",
    ),
    Case(
        "restored",
        "the whole database is restored from an older copy",
        restored,
        remembered=("rolled-back",),
        update="was rolled back, or cut off",
    ),
    Case(
        "forked",
        "the same, and other events are recorded since",
        restored_and_gone_on,
        remembered=("forked",),
        update="its history was changed or forked",
    ),
    Case(
        "key-exchanged",
        "the log's key is exchanged for another",
        key_exchanged,
        database=("checkpoint-signature",),
        server=("signature",),
        update="ask who exchanged its keys, and why",
        notices=("checkpoint-key",),
    ),
    Case(
        "key-added",
        "another key is put beside it, as by a rotation, of which nobody was told",
        key_added,
        with_key=("checkpoint-signature",),
        server=("signature",),
        notices=("checkpoint-key",),
    ),
    Case(
        "clock",
        "the clock is set back when an event is recorded",
        clock_set_back,
        notices=("clock@371",),
        is_heard=True,
    ),
    Case(
        "checkpoint-clock",
        "the clock is set back when a checkpoint is signed",
        checkpoint_set_back,
        notices=("checkpoint-clock",),
        is_heard=True,
    ),
]

HEAD = """\
| Somebody does this | `hotslot audit verify` | `hotslot-verify` | with `--last` |
| --- | --- | --- | --- |
"""


def table() -> str:
    """The cases as a table in Markdown."""
    return HEAD + "".join(f"| {' | '.join((case.what, *_row(case)))} |\n" for case in CASES)


def _row(case: Case) -> tuple[str, str, str]:
    heard = "a notice" if case.is_heard else "-"
    database = _told(case.database, "a notice" if case.notices else "-")
    if case.with_key is not None:
        database += f"; with `--key`: {_told(case.with_key, '-')}"
    remembered = _told(case.server if case.remembered is None else case.remembered, heard)
    if case.is_only_seen_outside:
        remembered += ": **only this**"
    return database, _told(case.server, heard), remembered


def _told(found: tuple[str, ...], otherwise: str) -> str:
    return ", ".join(f"`{each.partition('@')[0]}`" for each in found) or otherwise
