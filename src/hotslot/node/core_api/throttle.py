"""Against guessed passwords: after some tries, the next has to wait, and each time for longer."""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

FREE_TRIES = 10
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 300.0
MOST_ADDRESSES = 10_000
"""Those that tried last are remembered."""


class _Tries(NamedTuple):
    made: int
    next_at: float


class Throttle:
    """Counts the tries of each address until one succeeds."""

    def __init__(self, elapsed: Callable[[], float]) -> None:
        """`elapsed` is a clock in seconds that only goes on."""
        self._elapsed = elapsed
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def begin(self, address: str) -> float:
        """Count a try. Gives 0, or for how many seconds it comes too early; then it is none.

        It counts as failed from here: many at once get no more tries than one after another.
        """
        now = self._elapsed()
        tries = self._tries.pop(address, _Tries(0, now))
        wait = tries.next_at - now
        if wait <= 0:
            count = tries.made + 1
            tries = _Tries(count, now + _pause(count))
        self._tries[address] = tries
        while len(self._tries) > MOST_ADDRESSES:
            self._tries.popitem(last=False)
        return max(wait, 0.0)

    def succeeded(self, address: str) -> None:
        """Forget the tries of an address."""
        self._tries.pop(address, None)


def _pause(count: int) -> float:
    """Seconds until the next try, after so many."""
    over = count - FREE_TRIES
    if over < 0:
        return 0.0
    # Beyond 20 the limit is long reached, and the power would grow without end.
    return float(min(FIRST_WAIT_SECONDS * 2 ** min(over, 20), LONGEST_WAIT_SECONDS))
