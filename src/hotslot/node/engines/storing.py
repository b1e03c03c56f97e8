"""Bytes that come in pieces, written to a file as they come."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from hotslot.node.engines.errors import ContentInvalidError


async def store(
    pieces: AsyncIterator[bytes], path: Path, *, limit: int, progress: Callable[[int], None]
) -> tuple[int, str]:
    """Write a file of at most `limit` bytes; return its size and its SHA-256 in hex.

    `progress` is told the size after each piece, and may raise to end it.

    Raises:
        ContentInvalidError: there are more bytes than that.
        OSError: they can't be written.

    """
    size, digest = 0, hashlib.sha256()
    file = await asyncio.to_thread(path.open, "wb")
    try:
        async for piece in pieces:
            size += len(piece)
            progress(size)
            if size > limit:
                raise ContentInvalidError(f"It has more than {limit} bytes, and is not taken.")
            digest.update(piece)
            await asyncio.to_thread(file.write, piece)
    finally:
        await asyncio.to_thread(file.close)
    return size, digest.hexdigest()
