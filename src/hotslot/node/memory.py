"""What an instance still knows after a restart: its activation key, and the lease it holds.

One JSON file with a checksum, for its owner's eyes only. A damaged one is put aside and never
trusted in part.
"""

import asyncio
import hashlib
import time
from pathlib import Path

import msgspec
import structlog

from hotslot.node.atomic_file import write_private
from hotslot.node.lease import Lease, Seen

VERSION = 1

_log = structlog.get_logger(__name__)


class Remembered(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything that is kept. Change it in place, then `save`."""

    activation_key: str | None = None
    lease: Lease | None = None
    seen: Seen | None = None


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    sha256: str
    content: msgspec.Raw


class Memory:
    """The memory of one instance. Saving that fails is said and survived."""

    def __init__(self, path: Path) -> None:
        """Read it; one that is not there is empty.

        Raises:
            OSError: the file is there, and can't be read or put aside.

        """
        self._path = path
        self._saving = asyncio.Lock()
        self._stored: bytes | None = None
        self.damage: str | None = None
        """What was wrong with the file at the start, for a person."""
        self.fault: str | None = None
        """Why the last save failed, for a person; None when it did not."""
        self.content = self._read()

    async def save(self) -> None:
        """Keep the content as it is now. On failure `fault` says why, and the old file stays."""
        data = _written(self.content)
        async with self._saving:
            if data == self._stored:
                return
            try:
                await asyncio.to_thread(write_private, self._path, data)
            except OSError as error:
                self.fault = (
                    f"{self._path.name} can't be written: {error.strerror}. This instance goes on, "
                    "and forgets what is new when it is started again."
                )
                _log.error("memory-not-saved", file=str(self._path), detail=error.strerror)
            else:
                self._stored, self.fault = data, None

    def _read(self) -> Remembered:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return Remembered()
        try:
            content = _understood(data)
        except ValueError as error:
            aside = self._path.with_name(f"{self._path.name}.broken-{time.time_ns()}")
            self._path.rename(aside)
            self.damage = (
                f"The memory of this instance was damaged: {error}. It starts unlicensed. The "
                f"file was kept as {aside.name}. Without a node key, activate or register it again."
            )
            _log.error("memory-damaged", file=str(aside), detail=str(error))
            return Remembered()
        self._stored = data
        return content


def _written(content: Remembered) -> bytes:
    encoded = msgspec.json.encode(content)
    digest = hashlib.sha256(encoded).hexdigest()
    return msgspec.json.encode(_Stored(VERSION, digest, msgspec.Raw(encoded)))


def _understood(data: bytes) -> Remembered:
    """Raise `ValueError` for anything but a whole file of this version. It quotes nothing of it."""
    try:
        stored = msgspec.json.decode(data, type=_Stored)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ValueError("it is cut short, or no memory of a node") from None
    if stored.version != VERSION:
        raise ValueError(f"it is of version {stored.version}, and {VERSION} is known here")
    if hashlib.sha256(stored.content).hexdigest() != stored.sha256:
        raise ValueError("its checksum doesn't fit")
    try:
        return msgspec.json.decode(stored.content, type=Remembered)
    except msgspec.DecodeError:
        raise ValueError("what it says is not of the form of a memory") from None
