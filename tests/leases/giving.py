"""Desks on a database, as serving processes have them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from hotslot.domain import commands
from hotslot.leases.deciding import Asked
from hotslot.leases.desk import Desk, Outcome
from hotslot.leases.lease import Lease
from hotslot.ledger.cache import Cache
from hotslot.ledger.submission import Done
from hotslot.ledger.writer import Writer
from tests.ledger.writing import ADMIN, activate, issue, register, submission

# Processes that wait for a lock, and what it is.
WAITING = """
SELECT l.locktype, l.mode FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
 WHERE NOT l.granted AND a.datname = current_database()
"""


def now() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def giving(
    dsn: str, cache: Cache | None = None, clock: Callable[[], datetime] = now
) -> AsyncIterator[Desk]:
    """A desk with a cache of its own that nobody refreshes, for the length of a block."""
    desk = Desk(dsn, Cache() if cache is None else cache, clock=clock)
    running = asyncio.create_task(desk.run())
    try:
        yield desk
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def asked(deployment: str, *, processing: bool | None = None) -> Asked:
    return Asked(deployment, ADMIN, processing)


def leased(outcome: Outcome) -> Lease:
    """The lease that came of it."""
    assert isinstance(outcome.result, Lease), outcome
    return outcome.result


async def do(writer: Writer, command: commands.Command) -> Done:
    """Have a command recorded."""
    outcome = await writer.submit(submission(command))
    assert isinstance(outcome, Done), outcome
    return outcome


async def set_up(writer: Writer, license_id: str, active: str, *backups: str) -> None:
    """Issue a license, with one active deployment and backups."""
    for each in (
        issue(license_id),
        activate(active, license_id),
        *(register(backup, license_id) for backup in backups),
    ):
        assert isinstance(await writer.submit(each), Done)


async def locks_waited_for(connection: AsyncConnection[Any]) -> set[tuple[str, str]]:
    """The kinds of locks that somebody waits for in this database."""
    return {tuple(row) async for row in await connection.execute(WAITING)}


async def comes_about(condition: Callable[[], Any], what: str) -> None:
    """Wait until it is so, with a limit; the condition is awaited."""
    try:
        async with asyncio.timeout(30):
            while not await condition():  # noqa: ASYNC110 - the database tells of no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"Waited in vain: {what}") from None
