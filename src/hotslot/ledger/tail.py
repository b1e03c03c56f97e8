"""Follows the ledger, so that this process knows soon what the others wrote."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection

from hotslot.domain.events import Recorded
from hotslot.ledger import mapper
from hotslot.ledger.channels import LEDGER_CHANNEL, PROJECTIONS_CHANNEL
from hotslot.ledger.listener import Listener

POLL_SECONDS = 0.25
"""The net under LISTEN: so often the ledger is read though nothing was notified."""

OWN_WORD_SECONDS = 0.002
"""Between word of an event and reading it, unless this process takes in that it wrote it itself."""

BATCH = 1000

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
        self._behind = asyncio.Event()
        self._last_heard = 0
        self.position: int | None = None
        self.last_contact = float("-inf")
        """When the ledger was last read, on the event loop's clock."""

    def take_in(self, head: int, recorded: Sequence[Recorded]) -> bool:
        """Hand out what this process wrote itself behind `head`, so that it need not be read back.

        Not where something of others lies in between that is to be read first.
        """
        if self.position != head:
            return False
        for event in recorded:
            self._hand_out(event)
        return True

    def _hand_out(self, event: Recorded) -> None:
        for subscriber in self._subscribers:
            subscriber(event)
        self.position = event.position

    async def run(self) -> None:
        """Follow until canceled; connects again when the database comes back."""
        pause = 0.1
        while True:
            try:
                async with (
                    await self._connect() as listening,
                    await self._connect() as reading,
                ):
                    await listening.execute(LISTEN)
                    with Listener(listening, self._heard) as listener:
                        if not self.began.is_set():
                            self.position = await head(reading)
                            await self._prepare(reading)
                        await self._connected(reading)
                        self.began.set()
                        pause = 0.1
                        await self._follow(reading, listener)
            except (psycopg.Error, OSError) as error:
                _log.warning("tail-lost", error=type(error).__name__, detail=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def _connect(self) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(self._dsn, autocommit=True)

    async def _follow(self, connection: AsyncConnection[Any], listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        while not listener.lost.done():
            if self._last_heard > (self.position or 0) or loop.time() > self._next_poll():
                await self.read(connection)
            behind = asyncio.ensure_future(self._behind.wait())
            await asyncio.wait(
                (listener.lost, behind),
                timeout=max(0.0, self._next_poll() - loop.time()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            behind.cancel()
            if self._behind.is_set():
                # Word of this process's own events comes together with the answer to its append.
                await asyncio.sleep(OWN_WORD_SECONDS)
                self._behind.clear()
        listener.lost.result()

    def _heard(self, channel: str, payload: str) -> None:
        if channel == PROJECTIONS_CHANNEL:
            self._projected(payload)
        else:
            self._last_heard = max(self._last_heard, int(payload))
            if self.position is not None and self._last_heard > self.position:
                self._behind.set()

    def _next_poll(self) -> float:
        return self.last_contact + POLL_SECONDS

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
                    self._take(row)
            self.last_contact = asked
            if len(rows) < BATCH:
                return

    def _take(self, row: tuple[Any, ...]) -> None:
        try:
            self._hand_out(mapper.decode(*row))
        except mapper.UnknownEventError as error:
            # Of a newer version that runs beside this one. Its stream can't be decided on here,
            # and that is found out when it is loaded; the others go on.
            _log.error("event-not-known", detail=str(error))
            self.position = row[0]


async def head(connection: AsyncConnection[Any]) -> int:
    """The position of the last event, 0 where there is none."""
    row = await (await connection.execute(HEAD)).fetchone()
    assert row is not None
    return int(row[0])
