"""The checkpoints in the database, as `hotslot audit verify` reads and verifies them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection, ServerCursor

from hotslot.checkpoints.note import NoteError, Verifier
from hotslot.cli.exports.signed import Signed as SignedNote
from hotslot.ledger.writer import CLOCKS_DIFFER_BY
from projections.proofs.verify import Findings, Signed

IS_INSTALLED = "SELECT to_regclass('checkpoints.checkpoints') IS NOT NULL"

# By size, since that is how a tree grows, each with the one that was signed before it.
CHECKPOINTS = """
SELECT number, size, root, signed_at, note, key,
       lag(size) OVER before, lag(signed_at) OVER before, lag(key) OVER before
  FROM checkpoints.checkpoints
WINDOW before AS (ORDER BY number)
 ORDER BY size, number
"""


class _Place(NamedTuple):
    """A checkpoint among the others."""

    number: int
    size: int
    at: datetime
    key: str


class StoredCheckpoints:
    """Reads them once, and remembers what it saw of them."""

    def __init__(self, keys: Sequence[Verifier], findings: Findings, notices: Findings) -> None:
        self._keys = keys
        self._findings = findings
        self._notices = notices
        self.count = 0
        self.last: SignedNote | None = None
        """The last one whose signature holds."""

    def read(self, connection: Connection[Any]) -> Iterator[Signed]:
        """Read them by size, and verify the signature of each and its place among the others."""
        if connection.execute(IS_INSTALLED).fetchone() != (True,):
            return  # a database from before there were any
        with ServerCursor(connection, "hotslot_checkpoints") as cursor:
            for row in cursor.execute(CHECKPOINTS):
                number, size, root, at, note, key, *before = row
                self.count += 1
                if before[0] is not None:
                    self._take_order(_Place(number, size, at, key), *before)
                self._take_note(_Place(number, size, at, key), root, note)
                yield Signed(number, size, root)

    def _take_order(self, it: _Place, size: int, at: datetime, key: str) -> None:
        """Compare one with the one that was signed before it."""
        if it.size < size:
            self._findings.add(
                "checkpoint-order",
                f"Checkpoint {it.number} was signed over {it.size} events, and the one before it "
                f"over {size}: the log was rolled back.",
                it.size,
            )
        if it.at < at - CLOCKS_DIFFER_BY:
            self._notices.add(
                "checkpoint-clock",
                f"A clock was set back: checkpoint {it.number} was signed at {it.at.isoformat()}, "
                f"and the one before it at {at.isoformat()}.",
            )
        if it.key != key:
            self._notices.add(
                "checkpoint-key",
                f"From checkpoint {it.number} on, {it.key} signs, and no longer {key}. Auditors "
                "reject that unless they were told of it; if nobody rotated the key, find out "
                "where the new one comes from.",
            )

    def _take_note(self, it: _Place, root: bytes, note: str) -> None:
        try:
            signed = SignedNote.read(note, self._keys)
        except NoteError as error:
            self._findings.add("checkpoint-signature", f"Checkpoint {it.number}: {error}")
            return
        row = (it.size, root, it.at.replace(microsecond=0), it.key)
        if row != (signed.size, signed.root, signed.at, str(signed.key)):
            self._findings.add(
                "checkpoint-row",
                f"Checkpoint {it.number} does not stand in the table as it was signed: over "
                f"{signed.size} events, at {signed.at}, with {signed.key}.",
            )
        if self.last is None or signed.size >= self.last.size:
            self.last = signed
