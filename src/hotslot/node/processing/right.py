"""The right to process, held for one piece of work."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from hotslot.node.standing import PROCESS, Standing

_REMEDIES = {
    "backup": "Send files to the active instance, or nominate this one.",
    "waiting": "Send files to another active instance, or try again in a moment.",
    "unlicensed": "Send files to an active instance, or activate this one.",
}
_ENDING = (
    "This instance is ending what it has begun, and takes no files now. Send files to another "
    "active instance, or try again in a moment."
)


class NotActiveError(Exception):
    """The instance may not process now; the message says its role and what to do."""

    def __init__(self, standing: Standing) -> None:
        if remedy := _REMEDIES.get(standing.status):
            text = f"This instance may not process files: its role is {standing.role}. "
            super().__init__(f"{text}{standing.why} {remedy}")
        else:
            super().__init__(_ENDING)
        self.role = standing.role


class Warrant:
    """The right to process as it was when a piece of work began. Once lost, it doesn't come back.

    A context manager: at its end the work is over, however it ended.
    """

    def __init__(self, right: "RightToProcess", standing: Standing) -> None:
        self.license = standing.license
        self.term = standing.term
        self.on_revoked: Callable[[], None] | None = None
        """Called on the event loop when the work has to end, whatever it waits for."""
        self._right = right
        self._revoked = False

    def check(self) -> None:
        """Go on. Any thread may ask.

        Raises:
            NotActiveError: the right was lost, even if it has come back since.

        """
        now = self._right.standing()
        same = (now.license, now.term) == (self.license, self.term)
        if self._revoked or not same or not now.may(PROCESS):
            # Once it was seen to be gone, no later look may find otherwise.
            self._revoked = True
            raise NotActiveError(now)

    def revoke(self) -> None:
        """Have the work end as soon as it can."""
        self._revoked = True
        if self.on_revoked is not None:
            self.on_revoked()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._right.give_back(self)


class RightToProcess:
    """Gives out warrants, and can take all of them back. For the event loop only."""

    def __init__(self, standing: Callable[[], Standing]) -> None:
        self.standing = standing
        """Where this instance stands now; any thread may ask."""
        self._out: set[Warrant] = set()
        self._none_out = asyncio.Event()
        self._none_out.set()
        self._ending = 0
        self._stopped = False

    def take(self) -> Warrant:
        """Begin a piece of work.

        Raises:
            NotActiveError: this instance may not process now.

        """
        now = self.standing()
        if self._ending or self._stopped or not now.may(PROCESS):
            raise NotActiveError(now)
        warrant = Warrant(self, now)
        self._out.add(warrant)
        self._none_out.clear()
        return warrant

    def give_back(self, warrant: Warrant) -> None:
        """A piece of work is over."""
        self._out.discard(warrant)
        if not self._out:
            self._none_out.set()

    async def quiesce(self, *, until_resumed: bool = False) -> None:
        """End all work under way, and return when nothing runs any more.

        Nothing begins meanwhile. Afterwards the standing alone says what may begin, or, with
        `until_resumed`, nothing does before `resume`.
        """
        self._stopped = self._stopped or until_resumed
        self._ending += 1
        try:
            for warrant in tuple(self._out):
                warrant.revoke()
            await self._none_out.wait()
        finally:
            self._ending -= 1

    def resume(self) -> None:
        """Take work again, if the standing allows it."""
        self._stopped = False
