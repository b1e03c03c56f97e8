"""What reads are as of: a place in the one order of the ledger, and the time there."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hotslot.api.backend import Backend
from hotslot.api.freshness import Freshness
from hotslot.api.problems import invalid
from hotslot.api.times import read_time
from projections.trail import queries as trail

_MAX_POSITION = 2**62
_DIGITS = 18
_MICROSECOND = timedelta(microseconds=1)


class Instant(NamedTuple):
    """The state after an event, at a time until which no other one had happened.

    By the time it is told which licenses have expired. Instants have an order.
    """

    position: int
    at: datetime


async def instant_of(backend: Backend, name: str, text: str, now: datetime) -> Instant:
    """What a parameter means that is a position or a time.

    The projections have come to it then.

    Raises:
        ProblemError: 422 for what is neither, or ahead of the ledger.
        ProjectionBehindError: a projection does not catch up in time.

    """
    position, at = await place_of(backend, name, text, now)
    return Instant(position, at or await time_at(backend, position))


async def place_of(
    backend: Backend, name: str, text: str, now: datetime
) -> tuple[int, datetime | None]:
    """As `instant_of`, but of a position without its time, which `time_at` looks up."""
    if _is_position(text):
        # Longer than any position, and perhaps than what can be converted.
        position = int(text) if len(text) <= _DIGITS else _MAX_POSITION
        await wait_until(backend, backend.slots, position, name)
        await wait_until(backend, backend.trail, position, name)
        return position, None
    time = read_time(name, text)
    # What a license will be is not known: of a time to come, the answer is as of now.
    return await _position_at(backend, time), min(time, now)


async def time_at(backend: Backend, position: int) -> datetime:
    """When the event at a position happened; the beginning of all time before the first one."""
    async with backend.pool.connection() as connection:
        at = await trail.time_of(connection, position)
    return at or datetime.min.replace(tzinfo=UTC)


async def span_of(
    backend: Backend, from_: str | None, to: str | None, now: datetime, min_position: int | None
) -> tuple[Instant | None, Instant]:
    """What the parameters `from` and `to` mean: each a position or a time, and no `to` is now.

    Raises:
        ProblemError: 422 for what is neither, or ahead of the ledger, and for a `from` after `to`.
        ProjectionBehindError: a projection does not catch up in time.

    """
    if min_position is not None:
        for projection in (backend.slots, backend.trail):
            await wait_until(backend, projection, min_position, "min_position")
    first = None if from_ is None else await instant_of(backend, "from", from_, now)
    if to is None:
        # What other processes wrote may have come to the projections before it came here.
        known = max(backend.known_position, min_position or 0, first.position if first else 0)
        await backend.slots.wait_until(known)
        await backend.trail.wait_until(known)
        last = Instant(known, now)
    else:
        last = await instant_of(backend, "to", to, now)
    if first is not None and first > last:
        raise invalid("from is after to. Give the earlier one first.")
    return first, last


async def first_position(backend: Backend, name: str, text: str, instant: Instant) -> int:
    """The position of the first event from an instant on: at that position, or not before the time.

    `instant` is what `instant_of` made of the same text. Raises `ProblemError` as that does.
    """
    if _is_position(text):
        return max(1, instant.position)
    time = read_time(name, text)
    # There is nothing before the first microsecond of the calendar.
    before = max(time, datetime.min.replace(tzinfo=UTC) + _MICROSECOND) - _MICROSECOND
    return await _position_at(backend, before) + 1


async def wait_until(backend: Backend, freshness: Freshness, position: int, name: str) -> None:
    """Wait until a projection has come to a position that a parameter names.

    Raises:
        ProblemError: 422 when it is ahead of the ledger.
        ProjectionBehindError: the projection does not catch up in time.

    """
    if position > backend.known_position and position > (head := await backend.head()):
        raise invalid(f"{name} {position} is ahead of the ledger: its last position is {head}.")
    await freshness.wait_until(position)


def _is_position(text: str) -> bool:
    return text.isascii() and text.isdigit()


async def _position_at(backend: Backend, time: datetime) -> int:
    # The time asked for may be of an event that the projections have yet to see.
    await backend.trail.wait_until(backend.known_position)
    async with backend.pool.connection() as connection:
        position = await trail.position_at(connection, time)
    await backend.slots.wait_until(position)
    return position
