"""The one writer of this process: takes what has queued up, decides it, appends it at once.

Two ways lead to the ledger. A batch is first decided on the states in the cache, without any lock;
the append then checks, under the ledger's lock, that every stream it rests on is still at the
version it was decided on. If another process was faster, the batch is decided again from fresh
states while the lock is held, which always succeeds. So every answer, a refusal and a quiet repeat
too, was true of the ledger at the moment it was given.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from hotslot.domain.commands import States
from hotslot.domain.events import Recorded
from hotslot.domain.streams import State
from hotslot.ledger import snapshots
from hotslot.ledger.append import APPEND, AnsweredRequest, append_arguments
from hotslot.ledger.cache import Cache
from hotslot.ledger.loading import load
from hotslot.ledger.plan import Plan, Versioned, missing
from hotslot.ledger.submission import (
    Answer,
    Done,
    IdempotencyKeyReusedError,
    LedgerUnavailableError,
    NothingDone,
    Outcome,
    Refused,
    Repeated,
    Submission,
)
from hotslot.ledger.tail import head

MAX_BATCH = 256
"""Submissions that are decided and appended together, at most."""

CLOCKS_DIFFER_BY = timedelta(seconds=5)
"""More than this between the clocks of two servers is a fault of one, and not made up for."""

# Takes the ledger's lock until the transaction ends.
LOCK = "SELECT ledger.lock()"

# Should this process be stopped while it holds the ledger's lock, the others go on.
DO_NOT_HOLD_THE_LOCK_IDLE = "SET idle_in_transaction_session_timeout = '5s'"

# What became of requests with these Idempotency-Keys.
FIND_ANSWERS = """
SELECT i.actor, i.key, i.digest, i.position, i.answer::text
  FROM unnest(%s::text[], %s::text[]) AS n (actor, key)
  JOIN ledger.idempotency AS i USING (actor, key)
"""

Result = Outcome | NothingDone | IdempotencyKeyReusedError
_log = structlog.get_logger(__name__)
_answers = msgspec.json.Decoder(Answer)
_encode = msgspec.json.Encoder().encode


class _UntoldError(Exception):
    """What was committed could not be told. It must not be carried out once more."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


class _Waiting:
    """A submission and the one who waits for its outcome."""

    __slots__ = ("future", "submission")

    def __init__(self, submission: Submission, future: "asyncio.Future[Outcome]") -> None:
        self.submission = submission
        self.future = future

    def settle(self, result: Result | Exception) -> None:
        if self.future.done():  # the client went away
            return
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)


class Writer:
    """Carries submissions into the ledger. Runs in the event loop; `run` until it is canceled.

    `committed` is called with the head before a batch and the batch's events, once they are
    committed and before anyone is answered.
    """

    def __init__(
        self,
        dsn: str,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        cache: Cache,
        *,
        clock: Callable[[], datetime],
        committed: Callable[[int, Sequence[Recorded]], None],
    ) -> None:
        self._dsn = dsn
        self._pool = pool
        self._cache = cache
        self._clock = clock
        self._committed = committed
        self._due_for_snapshot: set[str] = set()
        self._queue: deque[_Waiting] = deque()
        self._woken = asyncio.Event()
        self._connection: AsyncConnection[Any] | None = None
        self._saving: asyncio.Task[None] | None = None

    async def submit(self, submission: Submission) -> Outcome:
        """Hand in a command and wait until it is committed, or turned down.

        Raises:
            PreconditionFailedError: the license has another tag than `if_match` asks for.
            EventTooLargeError: it would take an event that is larger than one may be.
            IdempotencyKeyReusedError: the key was used for another request.
            LedgerUnavailableError: the database is out of reach.

        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(submission, future))
        self._woken.set()
        return await future

    async def load(self, stream: str) -> Versioned:
        """A stream's state, from the cache or the ledger."""
        entry = self._cache.get(stream)
        if entry is None:
            async with self._pool.connection() as connection:
                entry = (await load(connection, {stream: Versioned(0, None)}))[stream]
            self._cache.put(stream, entry)
        return entry

    async def foresee(self, submission: Submission) -> Outcome:
        """Tell what would come of a submission, by the ledger as it is now; record nothing.

        Raises:
            PreconditionFailedError: the license has another tag than `if_match` asks for.
            EventTooLargeError: it would take an event that is larger than one may be.
            LedgerUnavailableError: the database is out of reach.

        """
        known: dict[str, Versioned] = {}
        try:
            async with self._pool.connection() as connection:
                while True:
                    states = States({stream: entry.state for stream, entry in known.items()})
                    absent = missing(submission, states, known)
                    if not absent:
                        break
                    known |= await load(connection, dict.fromkeys(absent, Versioned(0, None)))
                end = await head(connection)
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise LedgerUnavailableError from error
        plan = Plan(known, {}, self._now())
        plan.decide(submission)
        outcome = plan.settle(end)[0]
        if isinstance(outcome, NothingDone):
            raise outcome
        return outcome

    async def run(self) -> None:
        """Write what is submitted, batch by batch, until canceled."""
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                while self._queue:
                    size = min(len(self._queue), MAX_BATCH)
                    await self._write([self._queue.popleft() for _ in range(size)])
                    self._begin_snapshots()
        finally:
            await self._disconnect()
            if self._saving is not None:
                await self._saving
            for waiting in self._queue:
                waiting.settle(LedgerUnavailableError())

    async def _write(self, batch: list[_Waiting]) -> None:
        try:
            if self._connection is None:
                self._connection = await self._connect()
            rest = batch
            while rest:
                rest = await self._append(self._connection, rest)
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
            _log.warning("ledger-unavailable", error=type(error).__name__, detail=str(error))
            self._cache.forget_all()  # whether the batch was committed is not known
            await self._abandon(batch, LedgerUnavailableError())
        except asyncio.CancelledError:
            for waiting in batch:
                waiting.settle(LedgerUnavailableError())
            raise
        except _UntoldError as error:
            _log.exception("commands-not-answered")
            self._cache.forget_all()
            await self._abandon(batch, error.cause)
        except Exception as error:  # noqa: BLE001 - those who wait must hear of it
            if len(batch) == 1:
                _log.exception("command-failed", command=batch[0].submission.command.name)
                await self._abandon(batch, error)
                return
            # One bad command must not take the others with it.
            await self._disconnect()
            for waiting in batch:
                if not waiting.future.done():
                    await self._write([waiting])

    async def _abandon(self, batch: list[_Waiting], error: Exception) -> None:
        await self._disconnect()
        for waiting in batch:
            waiting.settle(error)

    async def _append(
        self, connection: AsyncConnection[Any], batch: list[_Waiting]
    ) -> list[_Waiting]:
        """Append what can be decided together; returns the rest of the batch."""
        plan, rest = await self._decide(connection, batch, fresh=False)
        # A request that fails its precondition may be a repeat of the one that changed the license.
        if not any(v.failed and v.submission.idempotency for v in plan.verdicts):
            stale, repeated, head = await self._send(connection, plan)
            if stale is None and repeated is None:
                self._tell(plan, batch, head)
                return rest
        async with connection.transaction():
            await connection.execute(LOCK)
            undecided = await self._answer_repeats(connection, batch)
            plan, rest = await self._decide(connection, undecided, fresh=True)
            stale, repeated, head = await self._send(connection, plan)
            assert stale is None, stale
            assert repeated is None, repeated
        self._tell(plan, undecided, head)
        return rest

    async def _decide(
        self,
        connection: AsyncConnection[Any],
        batch: list[_Waiting],
        *,
        fresh: bool,
    ) -> tuple[Plan, list[_Waiting]]:
        """Decide the batch from its front, up to a submission that must wait for the next round.

        Such a one reads a stream that only the decisions before it made known, or carries the
        same Idempotency-Key as one before it. `fresh` is to read every state from the ledger.
        """
        known = await self._gather(connection, batch, fresh=fresh)
        plan = Plan(known, self._cache.refused_lately, self._now())
        seen: set[tuple[str, str]] = set()
        for index, waiting in enumerate(batch):
            idempotency = waiting.submission.idempotency
            if idempotency is not None:
                if (idempotency.actor, idempotency.key) in seen:
                    return plan, batch[index:]
                seen.add((idempotency.actor, idempotency.key))
            if not plan.decide(waiting.submission):
                return plan, batch[index:]
        return plan, []

    async def _gather(
        self, connection: AsyncConnection[Any], batch: list[_Waiting], *, fresh: bool
    ) -> dict[str, Versioned]:
        """The states that the batch reads, from the cache and else from the ledger."""
        known: dict[str, Versioned] = {}
        states: dict[str, State] = {}
        pending = [waiting.submission for waiting in batch]
        while pending:
            absent: dict[str, Versioned] = {}
            lacking = []
            for submission in pending:
                while streams := missing(submission, States(states), known):
                    entries = {stream: self._cache.get(stream) for stream in streams}
                    if fresh or None in entries.values():
                        lacking.append(submission)
                        absent |= {s: entry or Versioned(0, None) for s, entry in entries.items()}
                        break
                    for stream, entry in entries.items():
                        assert entry is not None
                        known[stream] = entry
                        states[stream] = entry.state
            if absent:
                loaded = await load(connection, absent)
                for stream, entry in loaded.items():
                    self._cache.put(stream, entry)
                    known[stream] = entry
                    states[stream] = entry.state
                for refused in loaded.refused:
                    self._cache.note(refused)
                self._due_for_snapshot.update(loaded.long)
            pending = lacking
        return known

    def _now(self) -> datetime:
        """The time of the next events: not before those there are, within what clocks differ."""
        now, last = self._clock(), self._cache.last_time
        return last if last is not None and now < last < now + CLOCKS_DIFFER_BY else now

    async def _send(
        self, connection: AsyncConnection[Any], plan: Plan
    ) -> tuple[list[str] | None, list[str] | None, int]:
        requests = []
        events = 0
        for verdict in plan.verdicts:
            events += len(verdict.drafts)
            asked = verdict.submission.idempotency
            if asked is not None and verdict.failed is None:
                answer = msgspec.Raw(_encode(verdict.answer()))
                requests.append(
                    AnsweredRequest(asked.actor, asked.key, asked.digest, events, answer)
                )
        cursor = await connection.execute(
            APPEND, append_arguments(plan.checks, plan.encoded(), requests)
        )
        row = await cursor.fetchone()
        assert row is not None
        stale, repeated, head = row
        return stale, repeated, head

    async def _answer_repeats(
        self, connection: AsyncConnection[Any], batch: list[_Waiting]
    ) -> list[_Waiting]:
        """Give repeated requests their first answer; returns the others."""
        asked = [w.submission.idempotency for w in batch if w.submission.idempotency is not None]
        if not asked:
            return batch
        cursor = await connection.execute(
            FIND_ANSWERS, ([key.actor for key in asked], [key.key for key in asked])
        )
        found = {(row[0], row[1]): row[2:] async for row in cursor}
        undecided = []
        for waiting in batch:
            idempotency = waiting.submission.idempotency
            first = found.get((idempotency.actor, idempotency.key)) if idempotency else None
            if first is None:
                undecided.append(waiting)
                continue
            assert idempotency is not None
            digest, position, answer = first
            if digest == idempotency.digest:
                waiting.settle(Repeated(_answers.decode(answer), position))
            else:
                waiting.settle(IdempotencyKeyReusedError())
        return undecided

    def _tell(self, plan: Plan, batch: list[_Waiting], head: int) -> None:
        try:
            self._settle(plan, batch, head)
        except Exception as error:
            raise _UntoldError(error) from error

    def _settle(self, plan: Plan, batch: list[_Waiting], head: int) -> None:
        outcomes = plan.settle(head)
        recorded = [
            event
            for outcome in outcomes
            if isinstance(outcome, Done | Refused)
            for event in outcome.recorded
        ]
        for stream, entry in plan.left.items():
            self._cache.put(stream, entry)
        for event in recorded:
            self._cache.note(event)
        if recorded:
            self._committed(head, recorded)
        self._due_for_snapshot.update(
            draft.stream for draft in plan.drafts if draft.version % snapshots.EVERY == 0
        )
        for waiting, outcome in zip(batch, outcomes, strict=False):
            waiting.settle(outcome)

    def _begin_snapshots(self) -> None:
        """Save what is due beside the writing; a snapshot is a convenience, and may fail."""
        if self._due_for_snapshot and (self._saving is None or self._saving.done()):
            due = {stream: self._cache.get(stream) for stream in self._due_for_snapshot}
            self._due_for_snapshot.clear()
            rows = [
                (stream, entry.version, snapshots.FORMAT, snapshots.encode(entry.state))
                for stream, entry in due.items()
                if entry is not None
            ]
            self._saving = asyncio.create_task(self._save(rows))

    async def _save(self, rows: list[tuple[str, int, int, str]]) -> None:
        try:
            async with self._pool.connection() as connection, connection.cursor() as cursor:
                await cursor.executemany(snapshots.SAVE, rows)
        except (psycopg.Error, PoolTimeout) as error:
            _log.warning("snapshots-not-saved", error=type(error).__name__, detail=str(error))

    async def _connect(self) -> AsyncConnection[Any]:
        connection = await AsyncConnection.connect(self._dsn, autocommit=True, prepare_threshold=1)
        await connection.execute(DO_NOT_HOLD_THE_LOCK_IDLE)
        return connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()
