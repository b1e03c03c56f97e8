"""The tail: every event once and in order, whoever wrote it and whatever happens on the way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from hotslot.domain.events import Actor, Context, LicenseResized, Recorded
from hotslot.ledger import mapper
from hotslot.ledger.append import APPEND, AppendedEvent, append_arguments
from hotslot.ledger.tail import BATCH, Tail
from tests.ledger.writing import LIMIT_SECONDS, NOON, until

CONTEXT = Context(at=NOON, actor=Actor("key", "admin"), request_id="r")
NAME = "the tail under test"


def resized(position: int, slots: int = 1) -> Recorded:
    event = LicenseResized(license="l", slots=slots)
    return Recorded(position, "license:l", position, CONTEXT, event)


class Ledger:
    """A connection that appends, as another process would."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._version = 0

    async def append(self, count: int = 1) -> None:
        events = [
            AppendedEvent(
                "license:l",
                self._version + i,
                "license.resized",
                msgspec.Raw(mapper.encode(CONTEXT, LicenseResized(license="l", slots=1))),
            )
            for i in range(1, count + 1)
        ]
        arguments = append_arguments({"license:l": self._version}, events, [])
        row = await (await self._connection.execute(APPEND, arguments)).fetchone()
        assert row is not None
        assert row[:2] == (None, None)
        self._version += count

    async def end_the_tails_sessions(self) -> None:
        cursor = await self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
            (NAME,),
        )
        # The tail may have ended the second one itself when it lost the first.
        assert (True,) in await cursor.fetchall()


class Followed(msgspec.Struct):
    """A tail that runs, and what it told."""

    tail: Tail
    ledger: Ledger
    heard: list[int]
    prepared: list[int | None]
    connected: list[int | None]
    projected: list[str]

    async def until_heard(self, last: int) -> None:
        await until(lambda: self.tail.position == last, f"position {last}")


@contextlib.asynccontextmanager
async def following(dsn: str, before: int = 0) -> AsyncIterator[Followed]:
    heard: list[int] = []
    prepared: list[int | None] = []
    connected: list[int | None] = []
    projected: list[str] = []

    async def prepare(_: AsyncConnection[Any]) -> None:
        prepared.append(tail.position)

    async def connect(_: AsyncConnection[Any]) -> None:
        connected.append(tail.position)

    tail = Tail(
        make_conninfo(dsn, application_name=NAME),
        subscribers=[lambda recorded: heard.append(recorded.position)],
        prepare=prepare,
        connected=connect,
        projected=projected.append,
    )
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        ledger = Ledger(connection)
        if before:
            await ledger.append(before)
        running = asyncio.create_task(tail.run())
        try:
            await asyncio.wait_for(tail.began.wait(), LIMIT_SECONDS)
            yield Followed(tail, ledger, heard, prepared, connected, projected)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def test_it_begins_behind_what_is_there(dsn: str):
    async def scenario() -> None:
        async with following(dsn, before=3) as followed:
            assert followed.prepared == followed.connected == [3]
            await followed.ledger.append(2)
            await followed.until_heard(5)
            assert followed.heard == [4, 5]

    asyncio.run(scenario())


def test_more_than_a_batch_comes_once_and_in_order(dsn: str):
    async def scenario() -> None:
        async with following(dsn) as followed:
            await followed.ledger.append(2 * BATCH + 1)
            await followed.until_heard(2 * BATCH + 1)
            assert followed.heard == list(range(1, 2 * BATCH + 2))

    asyncio.run(scenario())


def test_own_commits_are_taken_in_without_being_read(dsn: str):
    async def scenario() -> None:
        async with following(dsn, before=1) as followed:
            # The ledger holds neither of them: they can't have come from there.
            followed.tail.take_in(1, [resized(2), resized(3)])
            assert (followed.heard, followed.tail.position) == ([2, 3], 3)

    asyncio.run(scenario())


def test_own_commits_are_not_read_back(dsn: str):
    async def scenario() -> None:
        async with following(dsn) as followed:
            await followed.ledger.append(2)
            # Whether the tail has read them already or hears of them here first.
            followed.tail.take_in(0, [resized(1), resized(2)])
            await followed.ledger.append()
            await followed.until_heard(3)
            assert followed.heard == [1, 2, 3]

    asyncio.run(scenario())


def test_own_commits_behind_those_of_others_wait_their_turn(dsn: str):
    async def scenario() -> None:
        async with following(dsn) as followed:
            followed.tail.take_in(1, [resized(2)])
            assert followed.heard == []
            await followed.ledger.append(2)
            await followed.until_heard(2)
            assert followed.heard == [1, 2]

    asyncio.run(scenario())


def test_reads_at_the_same_time_hand_out_everything_once(dsn: str):
    async def scenario() -> None:
        async with following(dsn) as followed:
            connections = [await AsyncConnection.connect(dsn, autocommit=True) for _ in range(4)]
            for _ in range(20):
                await followed.ledger.append(5)
                await asyncio.gather(*map(followed.tail.read, connections))
            await followed.until_heard(100)
            assert followed.heard == list(range(1, 101))
            for connection in connections:
                await connection.close()

    asyncio.run(scenario())


def test_a_lost_connection_loses_no_event(dsn: str):
    async def scenario() -> None:
        async with following(dsn) as followed:
            await followed.ledger.append(2)
            await followed.until_heard(2)
            for last in (4, 6, 8):
                await followed.ledger.end_the_tails_sessions()
                await followed.ledger.append(2)
                await followed.until_heard(last)
            assert followed.heard == list(range(1, 9))
            # Each new connection is one after which the progress of projections is asked anew.
            assert len(followed.connected) == 4
            assert followed.prepared == [0]

    asyncio.run(scenario())


def test_events_that_nobody_was_notified_of_are_found(dsn: str):
    async def scenario() -> None:
        async with following(dsn) as followed:
            async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
                await connection.execute(
                    "INSERT INTO ledger.events VALUES (1, 'license:l', 1, 'license.resized', %s)",
                    (mapper.encode(CONTEXT, LicenseResized(license="l", slots=1)).decode(),),
                )
            await followed.until_heard(1)
            assert followed.heard == [1]

    asyncio.run(scenario())


def test_the_progress_of_projections_is_passed_on(dsn: str):
    async def scenario() -> None:
        async with following(dsn) as followed:
            async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
                await connection.execute("SELECT pg_notify('hotslot_projections', 'slots:7')")
            await until(lambda: followed.projected == ["slots:7"], "word of the projection")

    asyncio.run(scenario())


def test_it_tells_when_it_last_read_the_ledger(dsn: str):
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with following(dsn) as followed:
            now = loop.time()
            await until(lambda: followed.tail.last_contact > now, "a reading after now")
            with contextlib.suppress(psycopg.Error):
                await followed.ledger.end_the_tails_sessions()
            now = loop.time()
            await until(lambda: followed.tail.last_contact > now, "a reading on a new connection")

    asyncio.run(scenario())
