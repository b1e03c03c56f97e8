"""How far a projection has come, and waiting until it has come far enough."""

import asyncio
import heapq
from collections.abc import Callable

from hotslot.domain.events import Recorded

PATIENCE_SECONDS = 1.0
"""A read waits so long for a projection unless told otherwise, and then answers 503."""

_REMEMBERED = 4096
"""Streams whose last event is remembered before those that were reached are dropped."""


class ProjectionBehindError(Exception):
    """A projection did not reach a position in time."""

    def __init__(self, projection: str, reached: int, wanted: int) -> None:
        super().__init__(
            f"The {projection} projection has reached position {reached}, not {wanted} yet."
        )
        self.reached = reached


class Freshness:
    """Follows the progress of one projection."""

    def __init__(
        self,
        projection: str,
        ask_for: Callable[[int], None],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """`ask_for` is called with a position that a read waits for: followers take their time.

        `patience` is for how many seconds it waits.
        """
        self.projection = projection
        self._ask_for = ask_for
        self._patience = patience
        self.reached = 0
        self._last_events: dict[str, int] = {}
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = 0

    def saw(self, recorded: Recorded) -> None:
        """Remember that a stream has an event at a position."""
        self._last_events[recorded.stream] = recorded.position

    def reach(self, position: int) -> None:
        """Take note that the projection has come to a position."""
        if position <= self.reached:
            return
        self.reached = position
        while self._waiting and self._waiting[0][0] <= position:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)
        if len(self._last_events) > _REMEMBERED:
            self._last_events = {
                stream: last for stream, last in self._last_events.items() if last > position
            }

    def is_behind(self, stream: str) -> bool:
        """Whether the projection lacks an event of the stream that this process knows of."""
        return self._last_events.get(stream, 0) > self.reached

    async def wait_for(self, stream: str) -> None:
        """Wait until the projection shows the last known event of a stream.

        Raises:
            ProjectionBehindError: it did not in time.

        """
        last = self._last_events.get(stream, 0)
        if last > self.reached:
            await self.wait_until(last)

    async def wait_until(self, position: int) -> None:
        """Wait until the projection has come to a position.

        Raises:
            ProjectionBehindError: it has not in time.

        """
        if position <= self.reached:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order += 1
        heapq.heappush(self._waiting, (position, self._order, future))
        self._ask_for(position)
        try:
            await asyncio.wait_for(future, self._patience)
        except TimeoutError:
            raise ProjectionBehindError(self.projection, self.reached, position) from None
