"""Writers on a database, as serving processes have them, and the submissions they are given."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from hotslot.domain import commands
from hotslot.domain.asker import Asker
from hotslot.domain.commands import Command
from hotslot.domain.events import Actor, Recorded
from hotslot.domain.streams import State, evolve
from hotslot.ledger import mapper
from hotslot.ledger.cache import Cache
from hotslot.ledger.submission import IdempotencyKey, Submission
from hotslot.ledger.tail import READ
from hotslot.ledger.writer import Writer

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADMIN = Asker(Actor("key", "admin"))
LIMIT_SECONDS = 30


@contextlib.asynccontextmanager
async def writing(
    dsn: str,
    cache: Cache | None = None,
    *,
    kind: type[Writer] = Writer,
    clock: Callable[[], datetime] = lambda: NOON,
    committed: Callable[[int, Sequence[Recorded]], None] = lambda _head, _events: None,
) -> AsyncIterator[Writer]:
    """A writer with a pool and a cache of its own, for the length of a block."""
    async with AsyncConnectionPool(
        dsn, min_size=1, max_size=2, open=False, kwargs={"autocommit": True}
    ) as pool:
        writer = kind(
            dsn,
            pool,
            Cache() if cache is None else cache,
            clock=clock,
            committed=committed,
        )
        running = asyncio.create_task(writer.run())
        try:
            yield writer
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fail when it has not come in time."""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"Waited {LIMIT_SECONDS} s in vain: {what}") from None


def submission(
    command: Command,
    *,
    key: str | None = None,
    asked: str = "",
    if_match: frozenset[str] | None = None,
    asker: Asker = ADMIN,
) -> Submission:
    """A command as an administrator submits it; `asked` stands for the body of the request."""
    idempotency = None if key is None else IdempotencyKey("key:admin", key, asked)
    return Submission(
        command=command,
        asker=asker,
        request_id="r",
        if_match=if_match,
        idempotency=idempotency,
    )


def issue(license_id: str, slots: int = 1, customer: str = "acme") -> Submission:
    """Issue a license."""
    return submission(
        commands.IssueLicense(
            license=license_id,
            product="core",
            customer=customer,
            slots=slots,
            expires_at=None,
            activation_key_sha256="0" * 64,
        )
    )


def activate(deployment: str, license_id: str) -> Submission:
    """Activate a deployment."""
    return submission(commands.Activate(deployment=deployment, license=license_id))


def register(deployment: str, license_id: str, standby_for: str | None = None) -> Submission:
    """Register a backup."""
    return submission(
        commands.RegisterBackup(deployment=deployment, license=license_id, standby_for=standby_for)
    )


def deactivate(deployment: str) -> Submission:
    """Deactivate a deployment."""
    return submission(commands.Deactivate(deployment=deployment))


def nominate(deployment: str, replaces: str | None = None) -> Submission:
    """Nominate a backup."""
    return submission(commands.NominateBackup(deployment=deployment, replaces=replaces))


def resize(license_id: str, slots: int) -> Submission:
    """Resize a license."""
    return submission(commands.ResizeLicense(license=license_id, slots=slots))


async def recorded_events(connection: AsyncConnection[Any], after: int = 0) -> list[Recorded]:
    """Everything in the ledger behind a position."""
    cursor = await connection.execute(READ, (after, 2**31))
    return [mapper.decode(*row) async for row in cursor]


def folded(events: Sequence[Recorded], stream: str) -> State:
    """What the events of a stream add up to, from the first one on."""
    state: State = None
    for event in events:
        if event.stream == stream:
            state = evolve(state, event)
    return state
