"""Holds the ledger, the tree over it, and what was signed of it against each other.

Every leaf is made again from the ledger's rows, which is the only thing that is believed.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from psycopg import Connection, IsolationLevel, ServerCursor
from psycopg.errors import InvalidSchemaName, UndefinedTable

from hotslot.ledger.leaf import leaf
from hotslot.ledger.writer import CLOCKS_DIFFER_BY
from projections.check import NotComparableError, Progress
from projections.proofs.merkle import Frontier, leaf_hash, subtree_hash
from projections.proofs.projection import LEVEL_BITS, LEVEL_WIDTH
from projections.source import BATCH, head

LOCK = "LOCK TABLE proofs.hashes IN ACCESS SHARE MODE"

EVENTS = """
SELECT position, stream, version, type, convert_to(state::text, 'UTF8')
  FROM ledger.events ORDER BY position
"""

SIZE_AND_TOP = """
SELECT coalesce(max(index) FILTER (WHERE level = 0) + 1, 0), coalesce(max(level), 0)
  FROM proofs.hashes
"""

HASHES = "SELECT index, hash FROM proofs.hashes WHERE level = %s ORDER BY index"


class Signed(NamedTuple):
    """What was signed: that the tree of the first `size` events has this root."""

    number: int
    size: int
    root: bytes


class Finding(msgspec.Struct, frozen=True):
    """The first thing of its kind that is not as it must be."""

    kind: str
    text: str
    index: int | None = None
    """The leaf that is wrong; None where it is about no single one."""
    more: int = 0
    """So many others of this kind there are."""


class Findings:
    """The first of each kind, and how many more there are."""

    def __init__(self) -> None:
        self._first: dict[str, Finding] = {}
        self._more: dict[str, int] = {}

    def add(self, kind: str, text: str, index: int | None = None) -> None:
        """Take in a finding."""
        if kind in self._first:
            self._more[kind] += 1
        else:
            self._first[kind] = Finding(kind, text, index)
            self._more[kind] = 0

    def __iter__(self) -> Iterator[Finding]:
        for kind, finding in self._first.items():
            yield msgspec.structs.replace(finding, more=self._more[kind])

    def __contains__(self, kind: str) -> bool:
        return kind in self._first


class Verified(msgspec.Struct, frozen=True):
    """What there is, as of one moment; what is wrong is in the findings."""

    events: int
    """The ledger's last position."""
    last_event_at: datetime | None
    leaves: int
    """Of the tree, which may be behind the ledger."""


class _Context(msgspec.Struct):
    at: datetime


class _State(msgspec.Struct):
    context: _Context


_state = msgspec.json.Decoder(_State)


def verify(
    dsn: str,
    signed: Callable[[Connection[Any]], Iterable[Signed]],
    findings: Findings,
    notices: Findings,
    progress: Progress = lambda _done, _total: None,
) -> Verified:
    """Make every leaf again; compare with the tree on all its levels, and with what was signed.

    All is read from one snapshot, a batch at a time, while the server may go on serving. `signed`
    reads from it what was signed, by size. What is wrong goes to `findings`, and what is strange
    (a clock that was set back) to `notices`.

    Raises:
        NotComparableError: there is no tree in the database.

    """
    with Connection.connect(dsn) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        try:
            # Before the snapshot is taken: from here on, no rebuild can swap the table.
            connection.execute(LOCK)
            return _Verification(connection, findings, notices).run(signed(connection), progress)
        except (UndefinedTable, InvalidSchemaName) as error:
            raise NotComparableError(
                "There is no tree over this ledger. Start the server once, which makes it, or run: "
                "hotslot projections rebuild proofs"
            ) from error
        finally:
            connection.rollback()


class _Level:
    """The stored hashes of one level, in order."""

    def __init__(self, cursor: ServerCursor[Any], level: int) -> None:
        cursor.itersize = BATCH
        self._rows = iter(cursor.execute(HASHES, (level,)))
        self._next = next(self._rows, None)

    def take(self, index: int) -> tuple[bytes | None, int]:
        """The hash at an index, if it is there, and how many lie before it that nobody took."""
        passed = 0
        while self._next is not None and self._next[0] < index:
            self._next = next(self._rows, None)
            passed += 1
        if self._next is None or self._next[0] != index:
            return None, passed
        (_, hash_), self._next = self._next, next(self._rows, None)
        return hash_, passed

    def rest(self) -> int:
        """How many there are that nobody took."""
        return (self._next is not None) + sum(1 for _ in self._rows)


class _Verification:
    def __init__(self, connection: Connection[Any], findings: Findings, notices: Findings) -> None:
        self._connection = connection
        self._findings = findings
        self._notices = notices
        row = connection.execute(SIZE_AND_TOP).fetchone() or (0, 0)
        self._leaves, self._top = int(row[0]), int(row[1])
        self._levels: list[_Level] = []
        self._edge: list[list[bytes | None]] = [[] for _ in range(self._top + 2)]
        self._ledger = Frontier()
        self._gap: int | None = None
        self._agreed = 0
        self._latest: datetime | None = None

    def run(self, signed: Iterable[Signed], progress: Progress) -> Verified:
        total = head(self._connection)
        signatures = iter(signed)
        due = next(signatures, None)
        position, at = 0, None
        with ExitStack() as open_cursors:

            def server_cursor(name: str) -> ServerCursor[Any]:
                return open_cursors.enter_context(ServerCursor(self._connection, name))

            self._levels = [
                _Level(server_cursor(f"hotslot_level_{level}"), level)
                for level in range(self._top + 1)
            ]
            cursor = server_cursor("events_to_verify")
            cursor.execute(EVENTS)
            while rows := cursor.fetchmany(BATCH):
                for row in rows:
                    if row[0] < 1:
                        self._findings.add(
                            "position", f"There is an event at position {row[0]}; the first is 1."
                        )
                        continue
                    self._take_gap(position + 1, row[0])
                    position = row[0]
                    self._take(position - 1, leaf_hash(leaf(*row)))
                    at = self._take_time(position - 1, row[-1]) or at
                    while due is not None and due.size <= position:
                        self._compare(due)
                        due = next(signatures, None)
                progress(position, total)
            while due is not None:
                self._findings.add(
                    "checkpoint-longer",
                    f"Checkpoint {due.number} was signed over {due.size} events, and the ledger "
                    f"ends at position {position}: what came after was cut off.",
                    position,
                )
                due = next(signatures, None)
            self._take_ends(position)
        return Verified(events=position, last_event_at=at, leaves=self._leaves)

    def _take_gap(self, expected: int, position: int) -> None:
        if position > expected:
            self._gap = self._gap or expected
            self._findings.add(
                "position",
                f"The event at position {expected} is missing; the next one is at {position}.",
                expected - 1,
            )
            for missing in range(expected, min(position, self._leaves + 1)):
                self._put(0, missing - 1, self._stored(0, missing - 1))

    def _take(self, index: int, hash_: bytes) -> None:
        """Take the next leaf, as the ledger has it."""
        self._ledger.append(hash_)
        stored = self._stored(0, index)
        if stored is not None and stored != hash_:
            self._findings.add(
                "leaf",
                f"The event at position {index + 1} is not the one that the tree was made of.",
                index,
            )
        if index < self._leaves:  # it may be behind
            self._put(0, index, stored)

    def _stored(self, level: int, index: int) -> bytes | None:
        """The tree's hash, which is missed where the tree should have it."""
        hash_, passed = self._levels[level].take(index) if level < len(self._levels) else (None, 0)
        if passed or (hash_ is None and index < self._leaves >> (LEVEL_BITS * level)):
            self._findings.add(
                "tree",
                f"The tree lacks a hash of its level {level} at or before {index}.",
                _first(level, index),
            )
        return hash_

    def _put(self, level: int, index: int, hash_: bytes | None) -> None:
        """Put a hash of the tree on its level, and compare every sixteen with the one over them."""
        hashes = self._edge[level]
        hashes.append(hash_)
        if len(hashes) < LEVEL_WIDTH:
            return
        whole = [each for each in hashes if each is not None]
        hashes.clear()
        above = self._stored(level + 1, index // LEVEL_WIDTH)
        if above is not None and len(whole) == LEVEL_WIDTH and subtree_hash(whole) != above:
            self._findings.add(
                "tree",
                f"The tree contradicts itself: the hash {index // LEVEL_WIDTH} of its level "
                f"{level + 1} is not that of the {LEVEL_WIDTH} below it.",
                _first(level + 1, index // LEVEL_WIDTH),
            )
        if level + 1 < len(self._edge):
            self._put(level + 1, index // LEVEL_WIDTH, above)

    def _take_time(self, index: int, state: bytes) -> datetime | None:
        try:
            at = _state.decode(state).context.at
        except msgspec.DecodeError:
            return None  # the projections tell of an event that can't be read
        if self._latest is not None and at < self._latest - CLOCKS_DIFFER_BY:
            self._notices.add(
                "clock",
                f"A clock was set back: the event at position {index + 1} says {at.isoformat()}, "
                f"and one before it {self._latest.isoformat()}.",
                index,
            )
        self._latest = at if self._latest is None else max(self._latest, at)
        return at

    def _compare(self, signed: Signed) -> None:
        if self._gap is not None and self._gap <= signed.size:
            self._findings.add(
                "checkpoint-root",
                f"Checkpoint {signed.number} was signed over {signed.size} events, of which "
                f"position {self._gap} is missing.",
                self._gap - 1,
            )
        elif self._ledger.size != signed.size or self._ledger.root() != signed.root:
            self._findings.add(
                "checkpoint-root",
                f"Checkpoint {signed.number}, over {signed.size} events, was signed for another "
                "root than the ledger's events have: something was changed between the positions "
                f"{self._agreed + 1} and {signed.size}.",
            )
        else:
            self._agreed = signed.size

    def _take_ends(self, position: int) -> None:
        if self._leaves > position:
            self._findings.add(
                "tree-longer",
                f"The tree has {self._leaves} leaves, and the ledger ends at position {position}: "
                "what came after was cut off.",
                position,
            )
        elif any(level.rest() for level in self._levels):
            self._findings.add("tree", "The tree has hashes that are over no leaves of it.")


def _first(level: int, index: int) -> int:
    """The first leaf below a hash."""
    return index << (LEVEL_BITS * level)
