"""The desk of this process: takes the leases that are asked for meanwhile, and gives them at once.

As with the writer, a batch is first decided on the states in the cache. `leases.grant` then checks
that the ledger still is as they say while nobody can append; if it is not, the batch is decided
again, from fresh states, under the same lock. So no lease outlives the role that it is for by more
than its length, whatever the caches of several processes say.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg import AsyncConnection

from hotslot.domain import refusals
from hotslot.domain.commands import States
from hotslot.domain.deployment import Duty, Owed
from hotslot.domain.events import deployment_stream, license_stream
from hotslot.domain.refusals import Refusal
from hotslot.domain.rights import rights_of
from hotslot.leases.deciding import Asked, Decision, Wanted, decide
from hotslot.leases.lease import Lease
from hotslot.leases.store import HOLD_LEDGER, Given, Granted, grant
from hotslot.ledger.cache import Cache
from hotslot.ledger.loading import load
from hotslot.ledger.plan import Versioned
from hotslot.ledger.submission import LedgerUnavailableError

MAX_BATCH = 256
"""Leases that are given together, at most."""

# Should this process be stopped while it holds the ledger's lock, the others go on.
DO_NOT_HOLD_THE_LOCK_IDLE = "SET idle_in_transaction_session_timeout = '5s'"

_log = structlog.get_logger(__name__)


class Outcome(msgspec.Struct, frozen=True):
    """A lease or a refusal, what the ledger held at that time, and what is to be recorded."""

    result: Lease | Refusal
    head: int
    confirms: Owed | None
    """The duty that the deployment has fulfilled by this; it is for the caller to record."""


class _Waiting:
    """Someone who asked, and waits for what comes of it."""

    __slots__ = ("asked", "future")

    def __init__(self, asked: Asked, future: "asyncio.Future[Outcome]") -> None:
        self.asked = asked
        self.future = future


class Desk:
    """Gives leases. Runs in the event loop; `run` until it is canceled."""

    def __init__(self, dsn: str, cache: Cache, *, clock: Callable[[], datetime]) -> None:
        """`clock` tells which licenses have expired; all else goes by the database's clock."""
        self._dsn = dsn
        self._cache = cache
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._woken = asyncio.Event()
        self._connection: AsyncConnection[Any] | None = None

    async def ask(self, asked: Asked) -> Outcome:
        """Ask for a lease and wait until it is committed, or refused.

        Raises:
            LedgerUnavailableError: the database is out of reach.

        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(asked, future))
        self._woken.set()
        return await future

    async def run(self) -> None:
        """Give what is asked for, batch by batch, until canceled."""
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                while self._queue:
                    await self._serve(self._next())
        finally:
            await self._disconnect()
            _fail(self._queue, LedgerUnavailableError())

    def _next(self) -> list[_Waiting]:
        """The next batch: one request of each deployment, in the order in which they came."""
        batch: dict[str, _Waiting] = {}
        later = []
        while self._queue and len(batch) < MAX_BATCH:
            waiting = self._queue.popleft()
            if batch.setdefault(waiting.asked.deployment, waiting) is not waiting:
                later.append(waiting)
        self._queue.extendleft(reversed(later))
        return list(batch.values())

    async def _serve(self, batch: list[_Waiting]) -> None:
        try:
            if self._connection is None:
                self._connection = await self._connect()
            outcomes = await self._give(self._connection, [waiting.asked for waiting in batch])
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
            _log.warning("leases-unavailable", error=type(error).__name__, detail=str(error))
            await self._disconnect()
            _fail(batch, LedgerUnavailableError())
        except asyncio.CancelledError:
            _fail(batch, LedgerUnavailableError())
            raise
        except Exception as error:  # noqa: BLE001 - those who wait must hear of it
            await self._disconnect()
            if len(batch) == 1:
                _log.exception("lease-failed", deployment=batch[0].asked.deployment)
                _fail(batch, error)
                return
            # What is wrong with one, such as an event of a newer version, is not with the others.
            for waiting in batch:
                await self._serve([waiting])
        else:
            for waiting, outcome in zip(batch, outcomes, strict=True):
                if not waiting.future.done():  # the client may have gone away
                    waiting.future.set_result(outcome)

    async def _give(
        self, connection: AsyncConnection[Any], batch: Sequence[Asked]
    ) -> list[Outcome]:
        checks, decisions = await self._decide(connection, batch, fresh=False)
        granted = await _grant(connection, batch, checks, decisions)
        if granted is None:
            async with connection.transaction():
                await connection.execute(HOLD_LEDGER)
                checks, decisions = await self._decide(connection, batch, fresh=True)
                granted = await _grant(connection, batch, checks, decisions)
            assert granted is not None
        given = {each.deployment: each for each in granted.leases}
        return [
            _outcome(decision, given.get(asked.deployment), granted)
            for asked, decision in zip(batch, decisions, strict=True)
        ]

    async def _decide(
        self, connection: AsyncConnection[Any], batch: Sequence[Asked], *, fresh: bool
    ) -> tuple[dict[str, int], list[Decision]]:
        """Decide a batch, on states from the cache or, `fresh`, from the ledger."""
        streams = [deployment_stream(asked.deployment) for asked in batch]
        known = await self._states(connection, streams, fresh=fresh)
        deployments = States({stream: entry.state for stream, entry in known.items()})
        homes = [deployments.deployment(asked.deployment).home for asked in batch]
        streams = [license_stream(home) for home in homes if home is not None]
        known |= await self._states(connection, streams, fresh=fresh)
        states = States({stream: entry.state for stream, entry in known.items()})
        now = self._clock()
        decisions = [
            decide(asked, states.deployment(asked.deployment), states.license(home), now)
            for asked, home in zip(batch, homes, strict=True)
        ]
        return {stream: entry.version for stream, entry in known.items()}, decisions

    async def _states(
        self, connection: AsyncConnection[Any], streams: Iterable[str], *, fresh: bool
    ) -> dict[str, Versioned]:
        cached = {stream: self._cache.get(stream) for stream in streams}
        known = {stream: entry for stream, entry in cached.items() if entry is not None}
        absent = {s: e or Versioned(0, None) for s, e in cached.items() if fresh or e is None}
        if absent:
            loaded = await load(connection, absent)
            for stream, entry in loaded.items():
                self._cache.put(stream, entry)
            for refused in loaded.refused:
                self._cache.note(refused)
            known |= loaded
        return known

    async def _connect(self) -> AsyncConnection[Any]:
        connection = await AsyncConnection.connect(self._dsn, autocommit=True, prepare_threshold=1)
        await connection.execute(DO_NOT_HOLD_THE_LOCK_IDLE)
        return connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()


async def _grant(
    connection: AsyncConnection[Any],
    batch: Sequence[Asked],
    checks: dict[str, int],
    decisions: Sequence[Decision],
) -> Granted | None:
    wanted = [each.result for each in decisions if isinstance(each.result, Wanted)]
    stopped = [
        asked.deployment
        for asked, decision in zip(batch, decisions, strict=True)
        if decision.stopped
    ]
    return await grant(connection, checks, wanted, stopped)


def _outcome(decision: Decision, given: Given | None, granted: Granted) -> Outcome:
    confirms = decision.owes if decision.stopped else None
    wanted = decision.result
    if isinstance(wanted, Refusal):
        return Outcome(wanted, granted.head, confirms)
    if given is None:
        assert wanted.license_ends is not None
        expired = refusals.LicenseExpired(license=wanted.license, expires_at=wanted.license_ends)
        return Outcome(expired, granted.head, confirms)
    if given.processes and decision.owes is not None and decision.owes.duty is Duty.TAKE_OVER:
        confirms = decision.owes
    lease = Lease(
        deployment=wanted.deployment,
        license=wanted.license,
        role=decision.role,
        rights=rights_of(decision.role, valid=True, waits=given.awaits is not None),
        term=wanted.term,
        position=granted.head,
        issued_at=granted.at.astimezone(UTC),
        expires_at=given.expires_at,
        waits_for=given.waits_for,
    )
    return Outcome(lease, granted.head, confirms)


def _fail(batch: Iterable[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.future.done():
            waiting.future.set_exception(error)
