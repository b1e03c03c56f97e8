"""Both clocks in the hands of a test."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

LIMIT_SECONDS = 10
"""Of real time, for what should happen at once."""


class FakeClock:
    """Stands still unless told: `pass_` moves both clocks, and wakes who waited for it."""

    def __init__(self, wall: float = 1_800_000_000.0, elapsed: float = 5_000.0, boot="a boot"):
        self.boot: str | None = boot
        self.wall_now = wall
        self.elapsed_now = elapsed
        self._timers = 0.0
        self._moved = asyncio.Event()

    def elapsed(self) -> float:
        return self.elapsed_now

    def wall(self) -> float:
        return self.wall_now

    def pass_(self, seconds: float) -> None:
        self._timers += seconds
        self.suspend(seconds)
        self._moved.set()
        self._moved = asyncio.Event()

    def suspend(self, seconds: float) -> None:
        """Let the machine sleep: nobody who waits comes any closer to the end of it."""
        self.elapsed_now += seconds
        self.wall_now += seconds

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        end = self._timers + seconds
        while not event.is_set() and self._timers < end:
            await _first(event.wait(), self._moved.wait())

    async def within(self, seconds: float, call: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(call)
        done = asyncio.Event()
        task.add_done_callback(lambda _: done.set())
        try:
            await self.wait(done, seconds)
            if not task.done():
                raise TimeoutError
            return await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _first(*calls: Coroutine[Any, Any, Any]) -> None:
    tasks = [asyncio.create_task(call) for call in calls]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    """Wait for what should happen at once."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - conditions of every kind
            await asyncio.sleep(0.001)
