"""Follows the ledger, so that this process knows soon what the others wrote."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection

from hotslot.domain.events import Recorded
from hotslot.ledger import mapper

POLL_SECONDS = 0.25
"""The net under LISTEN: so often the ledger is read though nothing was notified."""

BATCH = 1000

LEDGER_CHANNEL = "hotslot_ledger"
PROJECTIONS_CHANNEL = "hotslot_projections"

# Notifications must be asked for before the first read, or an event in between is late.
LISTEN = f"LISTEN {LEDGER_CHANNEL}; LISTEN {PROJECTIONS_CHANNEL}"

# The last position.
HEAD = "SELECT coalesce(max(position), 0) FROM ledger.events"

# The events behind a position, in order.
READ = """
SELECT position, stream, version, type, state::text
  FROM ledger.events WHERE position > %s ORDER BY position LIMIT %s
"""

_log = structlog.get_logger(__name__)


class Tail:
    """Reads new events and hands each to the subscribers, once and in order.

    `prepare` is awaited once, with a connection, after the tail has fixed where it begins and
    before it hands out the first event; `connected` is awaited whenever there is a new connection;
    `projected` is called with what followers say of their progress: `name:position`. What they
    said between two connections was not heard.
    """

    def __init__(
        self,
        dsn: str,
        subscribers: Sequence[Callable[[Recorded], None]],
        prepare: Callable[[AsyncConnection[Any]], Awaitable[None]],
        connected: Callable[[AsyncConnection[Any]], Awaitable[None]],
        projected: Callable[[str], None],
    ) -> None:
        self._dsn = dsn
        self._subscribers = subscribers
        self._prepare = prepare
        self._connected = connected
        self._projected = projected
        self.began = asyncio.Event()
        """Set once the tail has its beginning."""
        self.position: int | None = None
        self.last_contact = float("-inf")
        """When the ledger was last read, on the event loop's clock."""

    def committed(self, head: int, recorded: Sequence[Recorded]) -> None:
        """Take in what this process wrote itself behind `head`.

        Where nothing of others lies in between, it need not be read back.
        """
        if self.position != head:
            return
        for event in recorded:
            self._hand_out(event)

    def _hand_out(self, event: Recorded) -> None:
        for subscriber in self._subscribers:
            subscriber(event)
        self.position = event.position

    async def run(self) -> None:
        """Follow until canceled; connects again when the database comes back."""
        pause = 0.1
        while True:
            try:
                async with await AsyncConnection.connect(self._dsn, autocommit=True) as connection:
                    await connection.execute(LISTEN)
                    if not self.began.is_set():
                        self.position = await head(connection)
                        await self._prepare(connection)
                    await self._connected(connection)
                    self.began.set()
                    pause = 0.1
                    await self._follow(connection)
            except (psycopg.Error, OSError) as error:
                _log.warning("tail-lost", error=type(error).__name__, detail=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def _follow(self, connection: AsyncConnection[Any]) -> None:
        while True:
            await self.read(connection)
            await self._until_behind(connection)

    async def _until_behind(self, connection: AsyncConnection[Any]) -> None:
        """Return on word of an event that was not taken in yet, and after a poll's time anyway."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + POLL_SECONDS
        behind = False
        while not behind and (left := deadline - loop.time()) > 0:
            # To the end, though there is news: those that came together would be lost.
            async for notify in connection.notifies(timeout=left, stop_after=1):
                if notify.channel == PROJECTIONS_CHANNEL:
                    self._projected(notify.payload)
                elif int(notify.payload) > (self.position or 0):
                    behind = True

    async def read(self, connection: AsyncConnection[Any]) -> None:
        """Hand out everything that is behind the present position."""
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            cursor = await connection.execute(READ, (self.position, BATCH))
            rows = await cursor.fetchall()
            for row in rows:
                # While this read was under way, own events may have been taken in.
                if row[0] > (self.position or 0):
                    self._hand_out(mapper.decode(*row))
            self.last_contact = asked
            if len(rows) < BATCH:
                return


async def head(connection: AsyncConnection[Any]) -> int:
    """The position of the last event, 0 where there is none."""
    row = await (await connection.execute(HEAD)).fetchone()
    assert row is not None
    return int(row[0])
