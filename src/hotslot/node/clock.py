"""Time, as a lease needs it: what has passed for certain, and what the wall clock says."""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Of the two steady clocks, this one goes on while the machine sleeps. Not every system has it.
_STEADY = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class Clock(Protocol):
    """Both clocks, and waiting. Tests have one of their own."""

    @property
    def boot(self) -> str | None:
        """What `elapsed` counts from, where it can be known: another boot starts another count."""

    def elapsed(self) -> float:
        """Seconds since the machine started: nobody can set this."""

    def wall(self) -> float:
        """Seconds since 1970 by the wall clock, which anybody may set."""

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when the event is set, or after so many seconds."""

    async def within(self, seconds: float, call: Coroutine[None, None, T]) -> T:
        """What the call gives.

        Raises:
            TimeoutError: it took longer, and was cancelled.

        """


class SystemClock:
    """The clocks of this machine."""

    def __init__(self) -> None:
        try:
            self.boot: str | None = _BOOT_ID.read_text("ascii").strip() or None
        except OSError:  # not Linux: after a restart there is the wall clock alone
            self.boot = None

    def elapsed(self) -> float:
        return time.monotonic() if _STEADY is None else time.clock_gettime(_STEADY)

    def wall(self) -> float:
        return time.time()

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return

    async def within(self, seconds: float, call: Coroutine[None, None, T]) -> T:
        async with asyncio.timeout(seconds):
            return await call
