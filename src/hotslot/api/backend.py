"""The composition root: everything that a serving process works with, put together once."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from starlette.requests import Request

from hotslot.api.freshness import Freshness
from hotslot.api.keyring import Keyring
from hotslot.api.license_files import LicenseFiles
from hotslot.api.metrics import LOG_CONTRADICTIONS
from hotslot.api.trail_reads import TrailReads
from hotslot.api.view_cache import ViewCache
from hotslot.checkpoints.keys import LogKeys
from hotslot.checkpoints.signer import Signer
from hotslot.checkpoints.store import last
from hotslot.domain.events import Recorded, license_stream
from hotslot.domain.license import License
from hotslot.leases.desk import Desk
from hotslot.leases.sightings import Sightings
from hotslot.leases.signers import Signers
from hotslot.ledger import mapper
from hotslot.ledger.cache import Cache
from hotslot.ledger.channels import WANTED_CHANNEL
from hotslot.ledger.housekeeping import keep_house
from hotslot.ledger.mapper import UnknownEventError
from hotslot.ledger.tail import Tail, head
from hotslot.ledger.writer import Writer
from projections.reading import configure, projection_position
from projections.slots.views import DeploymentView, LicenseView

_log = structlog.get_logger(__name__)

Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]

TAIL_MAY_LAG_SECONDS = 0.75
"""Keys are taken as known only if the ledger was read this recently: a revoked one must not work
for more than a second."""


START_LIMIT_SECONDS = 15.0
"""So long a process that starts waits for the database."""

CHECKPOINT_PATIENCE_SECONDS = 3.0
"""A proof waits so long for a checkpoint that covers it: they are signed every 2 s."""

# The refusals of late, and the last event, which tells the time of the record.
READ_OF_LATE = """
SELECT position, stream, version, type, state::text FROM ledger.events
 WHERE position > %(head)s - 20000
   AND (type = 'license.command-refused' OR position = %(head)s)
 ORDER BY position
"""

# Tells followers that a read waits for a position.
ASK_FOLLOWERS = f"SELECT pg_notify('{WANTED_CHANNEL}', %s)"


def utc_now() -> datetime:
    """The clock of the service."""
    return datetime.now(UTC)


class Backend:
    """What the routes use. Lives as long as the process serves."""

    def __init__(self, dsn: str, license_files: LicenseFiles, log_keys: LogKeys) -> None:
        self.license_files = license_files
        self.pool: Pool = AsyncConnectionPool(
            dsn,
            open=False,
            min_size=2,
            max_size=8,
            timeout=5.0,
            configure=configure,
        )
        self._wanted = 0
        self._asking: asyncio.Task[None] | None = None
        self.keyring = Keyring()
        self.slots = Freshness("slots", self._ask_followers)
        self.trail = Freshness("trail", self._ask_followers)
        self.tree = Freshness("proofs", self._ask_followers)
        self.checkpoints = Freshness(
            "checkpoints", self._ask_followers, CHECKPOINT_PATIENCE_SECONDS
        )
        self.trail_reads = TrailReads()
        self.license_views: ViewCache[LicenseView] = ViewCache()
        self.deployment_views: ViewCache[DeploymentView] = ViewCache()
        self._cache = Cache()
        self.tail = Tail(
            dsn,
            subscribers=(self._cache.apply, self._saw),
            prepare=self._prepare,
            connected=self._look_at_projections,
            projected=self._projected,
        )
        self.writer = Writer(
            dsn,
            self.pool,
            self._cache,
            clock=utc_now,
            committed=self._committed,
        )
        self.leases = Desk(dsn, self._cache, clock=utc_now)
        self.sightings = Sightings(self.pool)
        self.log_keys = log_keys
        self.signer = Signer(self.pool, log_keys, contradicted=LOG_CONTRADICTIONS.inc)
        self.lease_signers = Signers(license_files.signing_key)

    @property
    def known_position(self) -> int:
        """The last position that this process knows of."""
        return self.tail.position or 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the ledger and write to it, until the block ends."""
        await self.pool.open()
        work = (
            self.tail.run(),
            self.writer.run(),
            self.leases.run(),
            self.signer.run(),
            keep_house(self.pool, lambda: self._cache.forget_old_refusals(utc_now())),
        )
        tasks = [asyncio.create_task(each) for each in work]
        for task in tasks:
            task.add_done_callback(_end_with)
        try:
            # With a limit: a process that is starting heeds no signal.
            async with asyncio.timeout(START_LIMIT_SECONDS):
                await self.tail.began.wait()
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.pool.close()

    async def _prepare(self, connection: AsyncConnection[Any]) -> None:
        await self.keyring.load(connection)
        cursor = await connection.execute(READ_OF_LATE, {"head": self.tail.position})
        async for row in cursor:
            # An event that this version does not know tells it nothing.
            with contextlib.suppress(UnknownEventError):
                self._cache.note(mapper.decode(*row))

    async def _look_at_projections(self, connection: AsyncConnection[Any]) -> None:
        for freshness in (self.slots, self.trail, self.tree):
            freshness.reach(await projection_position(connection, freshness.projection))
        if (signed := await last(connection)) is not None:
            self.checkpoints.reach(signed.size)

    def _committed(self, head_before: int, recorded: Sequence[Recorded]) -> None:
        if not self.tail.take_in(head_before, recorded):
            for event in recorded:
                self._saw(event)

    def _saw(self, recorded: Recorded) -> None:
        self.keyring.apply(recorded)
        self.slots.saw(recorded)
        self.license_views.saw(recorded)
        self.deployment_views.saw(recorded)

    def _projected(self, payload: str) -> None:
        name, _, position = payload.partition(":")
        for freshness in (self.slots, self.trail, self.tree, self.checkpoints):
            if freshness.projection == name:
                freshness.reach(int(position))
        if name == self.tree.projection:
            self.signer.wake()

    def _ask_followers(self, position: int) -> None:
        """Have the followers come to a position at once, instead of gathering what else comes."""
        if position > self._wanted:
            self._wanted = position
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        asked = 0
        # Those who wait find out by themselves when the database does not answer.
        with contextlib.suppress(psycopg.Error, PoolTimeout):
            async with self.pool.connection() as connection:
                while asked < self._wanted:
                    asked = self._wanted
                    await connection.execute(ASK_FOLLOWERS, (str(asked),))

    async def license(self, license_id: str) -> License | None:
        """The license as the ledger has it, for checking an activation key."""
        state = (await self.writer.load(license_stream(license_id))).state
        return state if isinstance(state, License) else None

    async def head(self) -> int:
        """The ledger's last position, read now."""
        async with self.pool.connection() as connection:
            return await head(connection)

    async def hear_of_revocations(self) -> None:
        """Make sure that the tail has read the ledger lately."""
        now = asyncio.get_running_loop().time()
        if now - self.tail.last_contact > TAIL_MAY_LAG_SECONDS:
            await self.catch_up()

    async def catch_up(self) -> None:
        """Take in all that the ledger holds now."""
        async with self.pool.connection() as connection:
            await self.tail.read(connection)


def _end_with(task: asyncio.Task[None]) -> None:
    """End the process with a task that it can't serve without."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("background-task-failed", exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)


def backend_of(request: Request) -> Backend:
    """The backend of the app that serves the request."""
    return cast("Backend", request.app.state.backend)
