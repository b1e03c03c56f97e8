"""Followers that run while 16 writers in 4 processes append: every event, once, in order.

The lock in `ledger.append` is what makes that so, and the tests show it: each is held against a
database whose append goes without.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import AsyncConnection

from hotslot.ledger.tail import Tail
from projections.catalogue import PROJECTIONS
from projections.follower import following

PROCESSES, THREADS, EVENTS = 4, 4, 60
LIMIT_SECONDS = 60

LOCK = "PERFORM ledger.lock();"
HEAD = "SELECT coalesce(max(e.position), 0) INTO head FROM ledger.events AS e;"
HEAD_OF_SEQUENCE = "head := nextval('ledger.positions') - 1;"


class Outcome(NamedTuple):
    """What became of the appends, and what those who followed saw of them."""

    appended: int
    failed: int
    ledger: list[int]
    """The positions that the ledger holds in the end."""
    tail: list[int]
    """Those that the tail handed out, in its order."""
    trail: list[int]
    """Those that the trail projection has, in the order of its entries."""


def assert_each_was_seen_once_and_in_order(outcome: Outcome) -> None:
    assert outcome.tail == outcome.ledger
    assert outcome.trail == outcome.ledger


def test_every_event_is_seen_once_and_in_order(dsn: str):
    outcome = asyncio.run(followed(dsn))
    assert (outcome.appended, outcome.failed) == (PROCESSES * THREADS * EVENTS, 0)
    assert outcome.ledger == list(range(1, outcome.appended + 1))
    assert_each_was_seen_once_and_in_order(outcome)


def test_without_the_lock_appends_take_each_others_positions(dsn: str):
    alter_append(dsn, (LOCK, ""))
    outcome = asyncio.run(followed(dsn))
    assert outcome.failed > 0


def test_without_the_lock_and_with_a_sequence_events_are_missed(
    new_database: Callable[[], str],
):
    for _ in range(5):  # one round is all but certain to show it
        dsn = new_database()
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE SEQUENCE ledger.positions")
        alter_append(dsn, (LOCK, ""), (HEAD, HEAD_OF_SEQUENCE))
        outcome = asyncio.run(followed(dsn))
        assert (outcome.appended, outcome.failed) == (PROCESSES * THREADS * EVENTS, 0)
        assert len(outcome.ledger) == outcome.appended
        if outcome.tail != outcome.ledger or outcome.trail != outcome.ledger:
            break
    with pytest.raises(AssertionError):
        assert_each_was_seen_once_and_in_order(outcome)


def alter_append(dsn: str, *changes: tuple[str, str]) -> None:
    """Change parts of ledger.append, in this database only."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        (source,) = connection.execute(
            "SELECT pg_get_functiondef('ledger.append'::regproc)"
        ).fetchone() or ("",)
        for part, other in changes:
            assert source.count(part) == 1, part
            source = source.replace(part, other)
        connection.execute(source)


async def followed(dsn: str) -> Outcome:
    """Let the writers write while a tail and the trail's follower read."""
    seen: list[int] = []

    async def nothing(_: AsyncConnection[Any]) -> None:
        pass

    tail = Tail(
        dsn,
        subscribers=[lambda recorded: seen.append(recorded.position)],
        prepare=nothing,
        connected=nothing,
        projected=lambda _: None,
    )
    with following(dsn, [PROJECTIONS["trail"]]):
        running = asyncio.create_task(tail.run())
        try:
            await asyncio.wait_for(tail.began.wait(), LIMIT_SECONDS)
            counts = await asyncio.gather(*(writers(dsn, f"p{i}") for i in range(PROCESSES)))
            ledger, trail = await until_all_is_read(dsn, tail)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    appended, failed = (sum(each) for each in zip(*counts, strict=True))
    return Outcome(appended, failed, ledger, seen, trail)


async def writers(dsn: str, name: str) -> Sequence[int]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.races.appending", dsn, name, str(THREADS), str(EVENTS)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(), LIMIT_SECONDS)
    assert process.returncode == 0
    counts: list[int] = json.loads(said)
    return counts


async def until_all_is_read(dsn: str, tail: Tail) -> tuple[list[int], list[int]]:
    """Wait until both readers are at the end; returns the positions of ledger and trail."""
    async with (
        asyncio.timeout(LIMIT_SECONDS),
        await AsyncConnection.connect(dsn, autocommit=True) as connection,
    ):
        ledger = await positions(connection, "SELECT position FROM ledger.events ORDER BY 1")
        while tail.position != ledger[-1]:  # noqa: ASYNC110 - the tail has no event for it
            await asyncio.sleep(0.01)
        reached = "SELECT position FROM projections.positions WHERE name = 'trail'"
        while await positions(connection, reached) != ledger[-1:]:  # noqa: ASYNC110 - nor that
            await asyncio.sleep(0.01)
        entries = "SELECT position FROM trail.entries ORDER BY index"
        return ledger, await positions(connection, entries)


async def positions(connection: AsyncConnection[Any], query: Any) -> list[int]:
    return [row[0] async for row in await connection.execute(query)]
