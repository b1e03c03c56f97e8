"""The checkpoints in the database, as `hotslot audit verify` reads and verifies them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection, ServerCursor

from hotslot.checkpoints.note import NoteError, Verifier
from hotslot.cli.exports.signed import Signed as SignedNote
from projections.proofs.verify import CLOCKS_MAY_DIFFER, Findings, Signed

# By size, since that is how a tree grows, each with the one that was signed before it.
CHECKPOINTS = """
SELECT number, size, root, signed_at, note,
       lag(size) OVER before AS size_before, lag(signed_at) OVER before AS signed_before
  FROM checkpoints.checkpoints
WINDOW before AS (ORDER BY number)
 ORDER BY size, number
"""


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
        with ServerCursor(connection, "hotslot_checkpoints") as cursor:
            for row in cursor.execute(CHECKPOINTS):
                number, size, root, at, note, size_before, signed_before = row
                self.count += 1
                self._take_order(number, size, at, size_before, signed_before)
                self._take_note(number, size, root, at, note)
                yield Signed(number, size, root)

    def _take_order(
        self,
        number: int,
        size: int,
        at: datetime,
        size_before: int | None,
        signed_before: datetime | None,
    ) -> None:
        if size_before is not None and size < size_before:
            self._findings.add(
                "checkpoint-order",
                f"Checkpoint {number} was signed over {size} events, and the one before it over "
                f"{size_before}: the log was rolled back.",
                size,
            )
        if signed_before is not None and at < signed_before - CLOCKS_MAY_DIFFER:
            self._notices.add(
                "checkpoint-clock",
                f"A clock was set back: checkpoint {number} was signed at {at.isoformat()}, and "
                f"the one before it at {signed_before.isoformat()}.",
            )

    def _take_note(self, number: int, size: int, root: bytes, at: datetime, note: str) -> None:
        try:
            signed = SignedNote.read(note, self._keys)
        except NoteError as error:
            self._findings.add("checkpoint-signature", f"Checkpoint {number}: {error}")
            return
        if (signed.size, signed.root, signed.at) != (size, root, at.replace(microsecond=0)):
            self._findings.add(
                "checkpoint-row",
                f"Checkpoint {number} stands in the table with another size, root or time than "
                f"was signed: over {size} events instead of {signed.size}, at {at.isoformat()}.",
            )
        if self.last is None or signed.size >= self.last.size:
            self.last = signed
