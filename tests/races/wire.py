"""HTTP clients that cost next to nothing, so that the servers under test get the processor."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.serving import ADMIN_KEY


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    raw: bytes

    @property
    def body(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.raw)

    @property
    def code(self) -> str | None:
        """The code of a problem; None when it is none."""
        return None if self.status < 400 else self.body["code"]

    @property
    def position(self) -> int:
        """The ledger position that the answer shows."""
        return int(self.headers["hotslot-position"])


class Connection:
    """One connection to a server, kept open: one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request and await the answer; with the admin key, unless there is another one.

        An underscore in the name of a header stands for a hyphen.

        Raises:
            OSError, asyncio.IncompleteReadError: the server went away.

        """
        content = b"" if body is None else json.dumps(body).encode()
        if "activation_key" not in headers:
            headers.setdefault("authorization", f"Bearer {ADMIN_KEY}")
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: test",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
            *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        ]
        return await self.send("\r\n".join([*lines, "", ""]).encode() + content)

    async def send(self, request: bytes) -> Answer:
        """Send the very bytes and await the answer."""
        self._writer.write(request)
        with contextlib.suppress(ConnectionError):  # the answer may be there all the same
            await self._writer.drain()
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(first.split()[1]), headers, body)

    def begin(self, request: bytes) -> None:
        """Send a part of a request, and leave it at that."""
        self._writer.write(request)

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def connect(url: str) -> Connection:
    """Connect to a server."""
    address = urlsplit(url)
    return Connection(*await asyncio.open_connection(address.hostname, address.port))


@contextlib.asynccontextmanager
async def connected(*urls: str) -> AsyncIterator[list[Connection]]:
    """Connections to servers, one for each URL, for the length of a block."""
    connections = await asyncio.gather(*map(connect, urls))
    try:
        yield connections
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))
