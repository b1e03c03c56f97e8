"""When to ask the backend for a lease again, and how long to wait for its answer.

`chance` gives a number between two others: instances that started together must not stay together.
"""

from collections.abc import Callable

Chance = Callable[[float, float], float]

UNLICENSED_SECONDS = 10.0
"""Somebody may have given this instance a role on the backend: look about so often."""
WAITING_SECONDS = 1.0
"""The former active one may stand down at any moment, and until then nobody processes."""

_PATIENCE_SECONDS = 10.0
_USUAL_SECONDS = 60.0
_SHORTEST_SECONDS = 0.05


def after_success(seconds: float, *, waiting: bool, chance: Chance) -> float:
    """Seconds until the next renewal of a lease that lasts so long: about a third."""
    third = seconds / 3 * chance(0.9, 1.1)
    return min(third, WAITING_SECONDS * chance(0.9, 1.1)) if waiting else third


def after_failure(failures: int, seconds: float | None, *, chance: Chance) -> float:
    """Seconds until the next try: longer with each failure, and never longer than a sixth."""
    lasts = seconds or _USUAL_SECONDS
    first = min(1.0, lasts / 30)
    return min(first * 2.0 ** min(failures - 1, 16), lasts / 6) * chance(0.5, 1.0)


def when_unlicensed(*, chance: Chance) -> float:
    """Seconds until the next question whether there is a role by now."""
    return UNLICENSED_SECONDS * chance(0.8, 1.2)


def patience(left: float) -> float:
    """Seconds to wait for an answer: half of what is left, so that another try fits in."""
    if left <= 0:
        return _PATIENCE_SECONDS
    return min(_PATIENCE_SECONDS, max(left / 2, min(left, _SHORTEST_SECONDS)))
