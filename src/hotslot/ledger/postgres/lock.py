"""The lock that keeps a second server off the same data."""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Self

from hotslot.ledger.postgres.errors import EmbeddedPostgresError

PATIENCE = 1.0  # seconds: somebody who only looks holds it for an instant


class DataLock:
    """Held by the process that runs the server; the kernel lets go of it when that one ends.

    The file stays for ever and holds a note of who has it, for others to read.
    """

    def __init__(self, handle: int, note: dict[str, str | int]) -> None:
        self._handle = handle
        self.previous = note

    @classmethod
    def take(cls, home: Path) -> Self:
        """Take the lock; `previous` is then the note of a holder that did not let go of it.

        Raises `EmbeddedPostgresError`, naming the process, when another one holds it.
        """
        handle = os.open(_path(home), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        deadline = time.monotonic() + PATIENCE
        while not _try(handle, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                holder = _read(handle).get("pid", "unknown")
                os.close(handle)
                raise EmbeddedPostgresError(
                    f"Another Hotslot server (process {holder}) already runs on the database in "
                    f"{home}. Stop that one, or give this one another data directory "
                    "(HOTSLOT_DATA_DIR, --data-dir)."
                )
            time.sleep(0.02)
        lock = cls(handle, _read(handle))
        lock.note(pid=os.getpid())
        return lock

    def note(self, **facts: str | int) -> None:
        """Replace what others can read about the holder."""
        os.ftruncate(self._handle, 0)
        if facts:
            os.pwrite(self._handle, json.dumps(facts).encode(), 0)

    def release(self) -> None:
        """Let go of the lock, with nothing left to clear away."""
        self.note()
        os.close(self._handle)


def holder_note(home: Path) -> dict[str, str | int] | None:
    """Return the note of the process that holds the lock now, or None when nobody does."""
    try:
        handle = os.open(_path(home), os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        return None if _try(handle, fcntl.LOCK_SH) else _read(handle)
    finally:
        os.close(handle)


def _path(home: Path) -> Path:
    return home / "lock"


def _try(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(handle: int) -> dict[str, str | int]:
    try:
        note = json.loads(os.pread(handle, 4096, 0))
    except ValueError:  # empty, or the holder is just writing it
        return {}
    return note if isinstance(note, dict) else {}
