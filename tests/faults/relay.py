"""Stands between a server and its PostgreSQL: the way can be cut, and the address stays."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Relay:
    """A Unix socket that leads to another one; it lives in the event loop."""

    def __init__(self, folder: Path, target: str) -> None:
        self._path = folder / ".s.PGSQL.5432"
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.dsn = make_conninfo(target, host=str(folder), port=5432)

    async def lead_to(self, target: str) -> None:
        """Lead to the PostgreSQL at a DSN from now on."""
        await self.cut()
        parts = conninfo_to_dict(target)
        path = f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}"

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._open.add(writer)
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_unix_connection(path)
                self._open.add(far_writer)
                await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
            writer.close()

        self._server = await asyncio.start_unix_server(serve, self._path)

    async def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._path.unlink(missing_ok=True)
        while self._open:
            self._open.pop().transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def relaying(target: str) -> AsyncIterator[Relay]:
    """A relay for the length of a block."""
    # Not in pytest's folders: their names are too long for a socket.
    with tempfile.TemporaryDirectory(prefix="relay-") as folder:
        relay = Relay(Path(folder), target)
        await relay.lead_to(target)
        try:
            yield relay
        finally:
            await relay.cut()
