"""The lease of this instance: asked for, verified, renewed, and ended to the moment."""

import asyncio
import contextlib
import random
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus

import structlog

from hotslot.client import OutOfReach, Refused, Unreadable
from hotslot.domain.times import write_time
from hotslot.node import pace
from hotslot.node.backend import LeaseSource
from hotslot.node.clock import Clock
from hotslot.node.lease import Lease, LeaseRefusedError, Seen, check_order, key_of, verify
from hotslot.node.memory import Memory
from hotslot.node.standing import PROCESS, WITHOUT_LEASE, Standing
from hotslot.node.trusted_keys import TrustedKeys

QUIESCE_SECONDS = 30.0
"""What is being processed may take so long to end before the log says that it goes on."""

_LOOK_SECONDS = 1.0
# The backend's word that there is no right: all other failures leave a lease to run out.
_ENDING = {"not-licensed", "license-expired", "license-suspended", "license-revoked"}

_log = structlog.get_logger(__name__)

Listener = Callable[[Standing], None]


async def _nothing_runs() -> None:
    """Stand in for the part that processes, where there is none."""


class LeaseKeeper:
    """Keeps the lease while `run` runs. Every other part asks `may` before it acts, each time.

    The backend is told `processing` from the moment when there is the right to process until there
    is none and `quiesce` has returned: only then may another be sure that this one is silent.
    """

    def __init__(
        self,
        deployment: str,
        backend: LeaseSource,
        keys: TrustedKeys,
        memory: Memory,
        clock: Clock,
        chance: pace.Chance = random.uniform,
    ) -> None:
        self.quiesce: Callable[[], Awaitable[None]] = _nothing_runs
        """Returns when nothing is being processed any more. Called once the right is lost."""
        self.failure: str | None = None
        """Why the last call gave no lease; None when it did."""
        self.backend_fault: str | None = None
        """The same, where it was the backend that failed: a refusal is an answer like others."""
        self._deployment = deployment
        self._backend = backend
        self._keys = keys
        self._memory = memory
        self._clock = clock
        self._chance = chance
        self._listeners: list[Listener] = []
        self._why = memory.damage or "This instance has not asked the backend for a lease yet."
        self._waits_for: str | None = None
        self._failures = 0
        self._processing = False
        self._silence_to_report = False  # the backend waits for this word: nothing puts it off
        self._settling: asyncio.Task[None] | None = None
        self._renewing = asyncio.Lock()
        self._looking = threading.Lock()  # each look counts what has passed since the one before
        self._due = clock.elapsed()
        self._hurry = asyncio.Event()
        self._changed = asyncio.Event()
        self._drops = 0
        self._restore()
        self._known = _unlicensed(self._why)

    # Asked by every other part

    def standing(self) -> Standing:
        """What this instance is and may do at this moment. Ask each time, from any thread."""
        lease = self._memory.content.lease
        if lease is None:
            return _unlicensed(self._why)
        claims = lease.claims
        left = self._left_of(lease)
        ends_at = datetime.fromtimestamp(lease.wall + left, UTC)
        if left <= 0:
            return _unlicensed(
                f"The lease ended at {write_time(ends_at)}. Until then this instance was "
                f"{claims.role} on the license {claims.license}. "
                f"{self.failure or 'It was not renewed yet.'}"
            )
        why = f"This instance is {claims.role} on the license {claims.license}."
        if self._waits_for is not None:
            why += f" It may not process before {self._waits_for} is known to have stopped."
        return Standing(
            role=claims.role,
            license=claims.license,
            rights=claims.rights | WITHOUT_LEASE,
            term=claims.term,
            expires_at=ends_at,
            waits_for=self._waits_for,
            why=why,
        )

    def may(self, right: str) -> bool:
        """Whether this instance has a right at this moment, such as `process`."""
        return self.standing().may(right)

    def listen(self, listener: Listener) -> None:
        """Have every change of role, license, rights or term told, on the event loop, at once."""
        self._listeners.append(listener)

    # Called by who changes the role

    async def renew_now(self) -> Standing:
        """Ask for a lease at once, and give what came of it; a failure is in `failure`."""
        async with self._renewing:
            await self._renew()
        self._hurry.set()
        return self.standing()

    async def drop(self, why: str) -> None:
        """End the lease now, because the role was given up."""
        self._drops += 1  # a lease that is on its way was given before
        self._end(why)
        self._notice()
        await self._memory.save()

    # Running

    async def run(self) -> None:
        """Keep the lease until cancelled. It is not given back then: it runs out."""
        self._notice()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_renewing())
                tasks.create_task(self._keep_watch())
        finally:
            if self._settling is not None:
                self._settling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._settling

    async def _keep_renewing(self) -> None:
        while True:
            # In small steps: a machine that slept wakes up to a clock that has gone on.
            while (wait := self._due - self._clock.elapsed()) > 0:
                self._hurry.clear()
                await self._clock.wait(self._hurry, min(wait, _LOOK_SECONDS))
            async with self._renewing:
                if self._due <= self._clock.elapsed():
                    await self._renew()

    async def _keep_watch(self) -> None:
        """Tell the listeners of a lease that ran out, when it does."""
        while True:
            lease = self._memory.content.lease
            left = _LOOK_SECONDS if lease is None else self._left_of(lease)
            if left <= 0 and self._failures == 0:
                # The end came sooner than the renewal: the machine slept, or its clock was set.
                self._ask_at_once()
            self._changed.clear()
            await self._clock.wait(
                self._changed, left if 0 < left < _LOOK_SECONDS else _LOOK_SECONDS
            )
            self._notice()

    def _ask_at_once(self) -> None:
        self._due = self._clock.elapsed()
        self._hurry.set()

    def _ask_in(self, seconds: float) -> None:
        """Ask again after so long; at once if there is silence to report."""
        self._due = self._clock.elapsed() + (0 if self._silence_to_report else seconds)

    async def _renew(self) -> None:
        self._notice()
        if not self._backend.has_credential:
            self._why = self._memory.damage or (
                "This instance was never activated or registered: it has neither a node key nor "
                "an activation key."
            )
            self._silence_to_report = False  # there is nobody to report it as
            self._ask_in(pace.when_unlicensed(chance=self._chance))
            return
        drops = self._drops
        try:
            limit = pace.patience(self._left())
            lease, waits_for = await self._clock.within(limit, self._ask())
            if drops == self._drops:
                self._accept(lease, waits_for)
        except LeaseRefusedError as error:
            self._failed(f"The backend sent a lease that is refused here: {error}.")
        except Refused as error:
            if error.code in _ENDING:
                self._told_no(error)
            else:
                self._failed(
                    f"The backend refuses to give a lease: {error.detail}",
                    answered=error.status < HTTPStatus.INTERNAL_SERVER_ERROR,
                )
        except TimeoutError:
            self._failed("The backend gave no answer in time.")
        except OutOfReach as error:
            self._failed(f"The backend is out of reach: {error}")
        except Unreadable as error:
            self._failed(f"The backend's answer was not understood: {error}")
        except Exception as error:  # noqa: BLE001 - a keeper that ends would let the lease run out
            self._failed(
                f"Asking the backend failed in an unforeseen way ({type(error).__name__})."
            )
        self._notice()
        await self._memory.save()

    async def _ask(self) -> tuple[Lease, str | None]:
        """A new lease, verified, and whom this instance waits for."""
        elapsed, wall = self._clock.elapsed(), self._clock.wall()
        if not self._processing:
            self._silence_to_report = False
        answer = await self._backend.lease(self._deployment, processing=self._processing)
        key = await self._keys.find_or_take(key_of(answer.token), self._backend)
        claims = verify(answer.token, key, self._deployment)
        check_order(claims, self._memory.content.seen)
        lease = Lease(
            token=answer.token,
            claims=claims,
            boot=self._clock.boot,
            elapsed=elapsed,
            wall=wall,
        )
        return lease, None if answer.waits_for is None else answer.waits_for.deployment

    def _accept(self, lease: Lease, waits_for: str | None) -> None:
        self._memory.content.lease = lease
        self._memory.content.seen = Seen.of(lease.claims)
        may_process = PROCESS in lease.claims.rights
        self._waits_for = None if may_process else waits_for
        self._silence_to_report &= not may_process
        if self._left_of(lease) <= 0:
            self._failed("The backend's answer was on its way for longer than the lease lasts.")
            return
        self.failure, self.backend_fault, self._failures = None, None, 0
        wait = pace.after_success(
            lease.claims.seconds, waiting=self._waits_for is not None, chance=self._chance
        )
        self._ask_in(wait - lease.passed)

    def _told_no(self, error: Refused) -> None:
        self._failures = 0
        self.failure, self.backend_fault = error.detail, None
        self._end(error.detail)
        self._ask_in(pace.when_unlicensed(chance=self._chance))

    def _failed(self, why: str, *, answered: bool = False) -> None:
        """Go on with the lease that there is, until it ends."""
        self._failures += 1
        self.failure = why
        self.backend_fault = None if answered else why
        lease = self._memory.content.lease
        if lease is None:
            # How the one before ended is no longer what keeps this instance from having one.
            self._why = f"{self._memory.damage} {why}" if self._memory.damage else why
        wait = pace.after_failure(
            self._failures, None if lease is None else lease.claims.seconds, chance=self._chance
        )
        self._ask_in(wait)
        _log.warning(
            "lease-not-renewed",
            detail=why,
            deployment=self._deployment,
            seconds_left=round(max(self._left(), 0), 3),
            next_try_seconds=round(wait, 3),
        )

    def _left(self) -> float:
        lease = self._memory.content.lease
        return 0 if lease is None else self._left_of(lease)

    def _left_of(self, lease: Lease) -> float:
        with self._looking:
            return lease.left(self._clock)

    def _end(self, why: str) -> None:
        self._memory.content.lease = None
        self._waits_for = None
        self._why = why

    def _restore(self) -> None:
        """Take up the lease of the process before this one, if it can still be trusted."""
        lease = self._memory.content.lease
        if lease is None:
            return
        try:
            key = self._keys.find(key_of(lease.token))
            lease.claims = verify(lease.token, key, self._deployment)
            lease.check_clock(self._clock)
        except LeaseRefusedError as error:
            self._end(f"The lease from before the restart is refused: {error}.")
            _log.warning("remembered-lease-refused", detail=str(error), deployment=self._deployment)

    # When the standing changes

    def _notice(self) -> None:
        """Tell the listeners what has changed, and see to it that what may not run ends."""
        now = self.standing()
        if now.may(PROCESS):
            self._processing = True
        if _told_apart(now) != _told_apart(self._known):
            self._known = now
            self._changed.set()
            _log.info(
                "standing-changed",
                deployment=self._deployment,
                role=now.role,
                license=now.license,
                term=now.term,
                process=now.may(PROCESS),
                detail=now.why,
            )
            for listener in self._listeners:
                try:
                    listener(now)
                except Exception:  # noqa: BLE001
                    # The others have to stop all the same.
                    _log.exception("listener-failed")
        if self._processing and not now.may(PROCESS) and self._settling is None:
            self._settling = asyncio.create_task(self._settle())

    async def _settle(self) -> None:
        """Wait until nothing is processed any more, and have the backend told so.

        When it goes on for too long, the next look at the standing begins anew.
        """
        try:
            await self._clock.within(QUIESCE_SECONDS, self._quiet())
        except TimeoutError:
            _log.error("processing-goes-on", deployment=self._deployment)
        except Exception:  # noqa: BLE001 - the next look tries again
            _log.exception("quiesce-failed", deployment=self._deployment)
        else:
            # The right may have come back meanwhile.
            self._processing = self.may(PROCESS)
        finally:
            self._settling = None
        if not self._processing:
            self._silence_to_report = True
            self._ask_at_once()

    async def _quiet(self) -> None:
        await self.quiesce()


def _unlicensed(why: str) -> Standing:
    return Standing(
        role="unlicensed",
        license=None,
        rights=WITHOUT_LEASE,
        term=None,
        expires_at=None,
        waits_for=None,
        why=why,
    )


def _told_apart(standing: Standing) -> tuple[object, ...]:
    return standing.role, standing.license, standing.rights, standing.term
