"""Signs checkpoints while the ledger grows, and now and then while it doesn't."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from hotslot.checkpoints import store
from hotslot.checkpoints.keys import LogKeyError, LogKeys, origin_of, tell_of_change
from hotslot.checkpoints.note import Checkpoint, Verifier
from hotslot.checkpoints.store import Stored
from projections.proofs import queries as proofs
from projections.proofs.queries import NotInTreeError

GROWING_SECONDS = 2.0
"""While events arrive, checkpoints are at least so far apart."""

IDLE_SECONDS = 3300.0
"""While none arrive they are no further apart than this: one in every hour, with time to spare."""

LOOK_SECONDS = 1.0
"""The net under being woken: so often the tree is looked at."""

SAY_AGAIN_SECONDS = 60.0
"""What keeps checkpoints from being signed is logged so often while it lasts."""

_log = structlog.get_logger(__name__)


class ContradictionError(Exception):
    """The ledger or the tree is not what was signed."""


class Signer:
    """Signs for this process, with the others in turn: one at a time, and none more often for that.

    Which of them signs is left to chance. Every one of them keeps an eye on what was signed last.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        keys: LogKeys,
        *,
        contradicted: Callable[[], None] = lambda: None,
        growing: float = GROWING_SECONDS,
        idle: float = IDLE_SECONDS,
    ) -> None:
        """`contradicted` is called whenever the ledger turns out not to be what was signed.

        `growing` and `idle` are in seconds.
        """
        self._pool = pool
        self._keys = keys
        self._origin = keys.origin
        self._contradicted = contradicted
        self._growing = growing
        self._idle = idle
        self._woken = asyncio.Event()
        self._said: dict[str, float] = {}
        self._has_signed = False
        self.last: Stored | None = None
        """The last checkpoint that this process has seen."""
        self._seen_at = 0.0

    @property
    def age(self) -> float:
        """How many seconds ago the last checkpoint was signed, by a clock that nobody sets.

        Before the first one, for how many seconds there has been none.
        """
        return asyncio.get_running_loop().time() - self._seen_at

    def wake(self) -> None:
        """Look at the tree: it has grown."""
        self._woken.set()

    async def origin(self) -> str:
        """The name of this log."""
        if self._origin is None:
            async with self._pool.connection() as connection:
                self._origin = origin_of(await store.ledger(connection))
        return self._origin

    async def run(self) -> None:
        """Sign when it is due, until canceled. Whatever is in the way, it is tried again."""
        self._seen_at = asyncio.get_running_loop().time()
        while True:
            self._woken.clear()
            rest = LOOK_SECONDS
            try:
                rest = await self.look()
            except ContradictionError as error:
                self._contradicted()
                self._say(_log.critical, "log-contradicted", str(error))
            except LogKeyError as error:
                self._say(_log.error, "log-key-unreadable", str(error))
            except (psycopg.Error, NotInTreeError, OSError) as error:
                self._say(_log.warning, "checkpoint-delayed", f"{type(error).__name__}: {error}")
            if rest:
                await asyncio.sleep(rest)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), LOOK_SECONDS)

    async def look(self) -> float:
        """Sign if it is due; returns for how many seconds there is no need to look again.

        Raises:
            ContradictionError: the ledger or its tree is not what was signed. Nothing is signed.
            LogKeyError: there is no key.

        """
        async with self._pool.connection() as connection:
            size = await proofs.size(connection)
            await self._hold_against_memory(connection, await store.last(connection), size)
            head = await store.head(connection)
        last = self.last
        signed = 0 if last is None else last.size
        if head < max(size, signed):
            raise ContradictionError(
                f"The ledger has {head} events, where {signed} were signed and {size} are in the "
                "tree: events are gone. Stop the server, keep the database as it is, and find out "
                "what was done to it. (A backup that was restored is behind what auditors have.)"
            )
        if size == 0 or size < signed:
            # The follower is at work on it: it began anew, or lost its last steps in a crash.
            return LOOK_SECONDS
        grown = size > signed
        wait = 0.0 if last is None else (self._growing if grown else self._idle) - self.age
        if wait > 0:
            return wait if grown else 0.0
        await self._sign(last)
        return self._growing

    async def _hold_against_memory(
        self, connection: AsyncConnection[Any], last: Stored | None, size: int
    ) -> None:
        """Go on only if the last checkpoint of the table continues the last one seen here.

        Who can delete from that table could otherwise have anything signed.
        """
        seen = self.last
        if seen is not None and seen.number != _number(last):
            if last is None or last.number < seen.number or last.size < seen.size:
                raise ContradictionError(
                    f"A checkpoint over {seen.size} events was signed, and the table of "
                    "checkpoints no longer has it, or ends with a smaller one. Keep the database "
                    "as it is, and compare it with the checkpoints that auditors hold."
                )
            if size >= seen.size and await proofs.root(connection, seen.size) != seen.root:
                raise ContradictionError(
                    f"The tree over the first {seen.size} events is not the one that was signed, "
                    "and later checkpoints are over another. Compare the ledger with an export, "
                    "and with the checkpoints that auditors hold."
                )
        self._saw(last)

    async def _refuse_two_keys(self, last: Stored, origin: str) -> None:
        """Go on only if it is this server's keys that sign, once they have.

        Two servers with keys of their own would sign by turns, and every auditor reject half of it.
        """
        if self._has_signed and not await self._keys.hold(last.key, origin):
            raise ContradictionError(
                f"Somebody else signs the checkpoints of this ledger, with {last.key}. All servers "
                "on one database need the same HOTSLOT_LOG_KEYS and HOTSLOT_LOG_ORIGIN: give the "
                "others those of this one, and restart them. If you know of no other server, find "
                "out whose key this is."
            )

    def _saw(self, last: Stored | None) -> None:
        """Know a new checkpoint, and from when on to count.

        Its own time is taken once. Should the clock be set after that, it has no effect here.
        """
        if last is not None and _number(last) != _number(self.last):
            self.last = last
            self._seen_at = asyncio.get_running_loop().time() - max(0.0, last.age)

    async def _sign(self, expected: Stored | None) -> None:
        """Sign the tree as it is, unless another one signs or has just signed.

        A checkpoint is published by the commit that adds it, which flushes the database's log up to
        there. The events that it is over were committed before, so they are on disk by then,
        whatever the tables of the tree and the settings of this database are worth in a crash.
        """
        key = await self._keys.signing()
        origin = await self.origin()
        async with self._pool.connection() as connection, connection.transaction():
            if not await store.try_lock(connection):
                return
            last = await store.last(connection)
            if _number(last) != _number(expected):
                return
            if last is not None:
                await self._refuse_two_keys(last, origin)
            size = await proofs.size(connection)
            await _check(connection, last, size)
            root = await proofs.root(connection, size)
            now = await store.now(connection)
            note = Checkpoint(origin, size, root).sign(key, int(now.timestamp()))
            verifier = Verifier.of_pem(origin, key.public_pem())
            await store.add(
                connection,
                size=size,
                root=root,
                signed_at=now,
                key=str(verifier),
                note=str(note),
            )
        self._has_signed = True
        if last is not None and last.key != str(verifier):
            tell_of_change(last.key, str(verifier))
        async with self._pool.connection() as connection:
            self._saw(await store.last(connection))

    def _say(self, log: Callable[..., Any], event: str, detail: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._said.get(event, float("-inf")) >= SAY_AGAIN_SECONDS:
            self._said[event] = now
            log(event, detail=detail)


async def _check(connection: AsyncConnection[Any], last: Stored | None, size: int) -> None:
    """Go on only with a tree that began as the one that was signed last, over the same events."""
    signed = 0 if last is None else last.size
    if size < signed:
        raise NotInTreeError(f"The tree has {size} leaves, and had {signed} when it was signed.")
    try:
        is_same = last is None or await proofs.root(connection, signed) == last.root
        # Were events cut off and others written in their place, the tree would not know.
        for newest in {signed, size} - {0}:
            await proofs.proven_leaf(connection, newest - 1)
    except NotInTreeError:
        is_same = False  # a part of it is missing, or the ledger has another event there
    if not is_same:
        raise ContradictionError(
            f"The ledger, or the tree over its {size} events, is not what it was when the first "
            f"{signed} were signed. Run `hotslot audit verify`: it says which of the two was "
            "changed, and where."
        )


def _number(stored: Stored | None) -> int | None:
    return None if stored is None else stored.number
