"""Where engines come from: a folder, or an HTTP server that shows one."""

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

import httpx

from hotslot.node.engines.errors import DownloadFailedError

_PIECE = 1 << 18
_SECONDS = 30.0
"""How long a server may be silent."""


class Source(Protocol):
    """A folder of packages with an index."""

    @property
    def shown(self) -> str:
        """Where it is, without passwords."""

    def read(self, name: str) -> AsyncGenerator[bytes, None]:
        """The bytes of a file, in pieces; as many as the source cares to give.

        Raises:
            DownloadFailedError: there is no such file, or it can't be read to the end.

        """


def source_at(place: str) -> Source:
    """The source at a URL (`http://`, `https://`) or in a folder."""
    if place.startswith(("http://", "https://")):
        return HttpSource(place)
    return FolderSource(Path(place))


async def read_small(source: Source, name: str, limit: int) -> bytes:
    """A whole file of at most `limit` bytes.

    Raises:
        DownloadFailedError: it can't be read, or is larger.

    """
    data = bytearray()
    async with contextlib.aclosing(source.read(name)) as pieces:
        async for piece in pieces:
            data += piece
            if len(data) > limit:
                raise DownloadFailedError(
                    f"{name} at {source.shown} has more than {limit} bytes, and is not taken."
                )
    return bytes(data)


class FolderSource:
    """A folder that this machine can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def shown(self) -> str:
        return str(self._folder)

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        try:
            # Without O_NONBLOCK, a pipe in the place of a file would hold up everything.
            handle = os.open(self._folder / name, os.O_RDONLY | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise DownloadFailedError(f"{name} in {self.shown} is no plain file.")
                while piece := await asyncio.to_thread(file.read, _PIECE):
                    yield piece
        except OSError as error:
            raise DownloadFailedError(
                f"{name} can't be read from {self.shown}: {error.strerror or error}. Publish to "
                "this folder with `hotslot engines publish`, or correct the update source."
            ) from None


class HttpSource:
    """A folder that an HTTP server shows."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = httpx.URL(url.rstrip("/") + "/")
        self._transport = transport

    @property
    def shown(self) -> str:
        return str(self._url.copy_with(username=None, password=None, query=None)).rstrip("/")

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        # What is unpacked on the way could be any size: the bytes are taken as they are.
        headers = {"Accept-Encoding": "identity"}
        try:
            async with (
                httpx.AsyncClient(transport=self._transport, timeout=_SECONDS) as client,
                client.stream("GET", self._url.join(name), headers=headers) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise DownloadFailedError(
                        f"{self.shown} answers {response.status_code} for {name}. See whether the "
                        "update source is right and the server shows the published folder."
                    )
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise DownloadFailedError(
                        f"{self.shown} sends {name} compressed, unasked. Switch this off there."
                    )
                async for piece in response.aiter_raw(_PIECE):
                    yield piece
        except httpx.HTTPError as error:
            raise DownloadFailedError(
                f"{name} can't be had from {self.shown}: {type(error).__name__}. See whether the "
                "server runs and can be reached from here."
            ) from None
