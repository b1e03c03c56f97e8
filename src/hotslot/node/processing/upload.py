"""A body on its way to disk: hashed as it comes, in constant memory."""

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from hotslot.node.processing.right import Warrant

IDLE_SECONDS = 60.0
"""A client that sends nothing for so long is given up: it holds a place."""
FREE_SECONDS = 60.0
"""So long an upload may be as slow as it is."""
LEAST_RATE = 1024
"""Bytes a second, on average, of an upload that takes longer than that."""

# So much is written and hashed at once, in a thread: more would only cost memory.
_PORTION = 1 << 20


class StalledError(Exception):
    """The client has stopped sending, or sends too slowly."""


class Spooled(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was taken in."""

    path: Path
    size: int
    sha256: str
    sha1: str
    md5: str


async def receive(body: AsyncIterator[bytes], path: Path, warrant: Warrant) -> Spooled:
    """Write the body to a new file. On failure nothing is left of it.

    Raises:
        NotActiveError: the right was lost meanwhile.
        StalledError: the client has stopped sending, or sends too slowly.
        OSError: the disk is full, or can't be written to.

    """
    spool = _Spool(path)
    try:
        await _take_in(body, spool, warrant)
    except BaseException:
        # A portion may still be on its way to disk in its thread.
        await asyncio.to_thread(spool.discard)
        raise
    return await asyncio.to_thread(spool.finish)


def deadline(began: float, now: float, size: int) -> float:
    """By when the next part has to be here, of an upload that has brought `size` bytes by now."""
    return min(now + IDLE_SECONDS, began + FREE_SECONDS + size / LEAST_RATE)


async def _take_in(body: AsyncIterator[bytes], spool: "_Spool", warrant: Warrant) -> None:
    loop = asyncio.get_running_loop()
    began, size = loop.time(), 0
    try:
        async with asyncio.timeout_at(deadline(began, began, size)) as limit:
            warrant.on_revoked = lambda: limit.reschedule(loop.time())
            try:
                portion = bytearray()
                async for chunk in body:
                    # First: a new deadline would undo that the warrant was revoked.
                    warrant.check()
                    size += len(chunk)
                    limit.reschedule(deadline(began, loop.time(), size))
                    portion += chunk
                    if len(portion) >= _PORTION:
                        await asyncio.to_thread(spool.write, portion)
                        portion = bytearray()
                await asyncio.to_thread(spool.write, portion)
            finally:
                warrant.on_revoked = None
    except TimeoutError:
        warrant.check()
        raise StalledError from None


class _Spool:
    """The file. Its methods block, and may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file = path.open("xb", buffering=0)
        self._hashes = [
            hashlib.new(name, usedforsecurity=False) for name in ("sha256", "sha1", "md5")
        ]
        self._size = 0

    def write(self, data: bytearray) -> None:
        with self._lock:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
            for digest in self._hashes:
                digest.update(data)
            self._size += len(data)

    def finish(self) -> Spooled:
        with self._lock:
            self._file.close()
        sha256, sha1, md5 = (digest.hexdigest() for digest in self._hashes)
        return Spooled(path=self._path, size=self._size, sha256=sha256, sha1=sha1, md5=md5)

    def discard(self) -> None:
        with self._lock:
            self._file.close()
            with contextlib.suppress(OSError):
                self._path.unlink()
