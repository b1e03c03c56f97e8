"""When deployments were last seen, as two processes show it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from hotslot.domain import commands
from hotslot.leases.sightings import KEPT_SECONDS, Sighting, Sightings
from tests.leases.giving import asked, do, giving, leased, set_up
from tests.leases.test_signers import MIDNIGHT, lease
from tests.ledger.writing import writing


def test_what_others_have_seen_is_shown_within_a_second(dsn: str, monkeypatch: pytest.MonkeyPatch):
    async def go() -> None:
        pool = AsyncConnectionPool(dsn, open=False, kwargs={"autocommit": True})
        async with writing(dsn) as writer, giving(dsn) as desk, pool:
            await set_up(writer, "lic", "a", "b")
            here, elsewhere = Sightings(pool), Sightings(pool)
            assert await elsewhere.newest("a", "lic") is None
            assert await here.newest("a", "lic") is None
            first = leased(await desk.ask(asked("a")))
            here.saw(first)
            seen = Sighting(first.issued_at, first.expires_at)
            assert await here.newest("a", "lic") == seen
            assert await elsewhere.newest("a", "lic") is None
            now = asyncio.get_running_loop().time() + KEPT_SECONDS
            monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
            assert await elsewhere.newest("a", "lic") == seen
            assert await elsewhere.newest("a", "other") is None
            await do(writer, commands.NominateBackup(deployment="b"))
            await do(writer, commands.RegisterBackup(deployment="a", license="lic"))
            later = leased(await desk.ask(asked("a")))
            monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now + KEPT_SECONDS)
            newest = Sighting(later.issued_at, later.expires_at)
            assert await elsewhere.newest("a", "lic") == newest

    asyncio.run(go())


class SlowPool:
    """A database that has read the row, and takes its time to say so."""

    def __init__(self, row: tuple[datetime, datetime]) -> None:
        self._row = row
        self.asked, self.told = asyncio.Event(), asyncio.Event()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        yield self

    async def execute(self, *_: Any) -> Any:
        return self

    async def fetchone(self) -> tuple[datetime, datetime]:
        self.asked.set()
        await self.told.wait()
        return self._row


def test_a_lease_that_is_taken_while_the_last_one_is_read_is_not_forgotten():
    async def go() -> None:
        slow: Any = SlowPool((MIDNIGHT, MIDNIGHT))
        sightings = Sightings(slow)
        reading = asyncio.create_task(sightings.newest("a", "lic"))
        await slow.asked.wait()
        later = lease(MIDNIGHT, 60)
        sightings.saw(later)
        slow.told.set()
        seen = Sighting(later.issued_at, later.expires_at)
        assert await reading == seen
        assert await sightings.newest("a", "lic") == seen

    asyncio.run(go())
