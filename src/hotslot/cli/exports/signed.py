"""Checkpoints as an export handles them: the signed text, and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hotslot.checkpoints.note import COSIGNATURE, Checkpoint, Note, Verifier


@dataclass(frozen=True)
class Signed:
    """A checkpoint that one of the log's keys has signed."""

    text: str
    origin: str
    size: int
    root: bytes
    key: Verifier
    """The newest of the log's keys that has signed it."""
    at: datetime | None
    """When it was signed; None where no signature says so."""

    @classmethod
    def read(cls, text: str, keys: Sequence[Verifier]) -> "Signed":
        """Read and verify a checkpoint.

        Raises:
            NoteError: it is none, or none of these keys has signed it.

        """
        note = Note.parse(text)
        found = note.verify([*keys, *(key.cosigner for key in keys)])
        said = Checkpoint.parse(note.body)
        times = [each.time for key, each in found.items() if key.algorithm == COSIGNATURE]
        at = datetime.fromtimestamp(min(times), UTC) if times else None
        key = next(key for key in keys if key in found or key.cosigner in found)
        return cls(text, said.origin, said.size, said.root, key, at)
