"""The record, one event after the other, with what each left of its license."""

from datetime import datetime

from fastapi import Request
from msgspec import Struct

from hotslot.api.backend import backend_of
from hotslot.api.instants import first_position, span_of
from hotslot.api.projected import entry_shape
from hotslot.api.reading import Reading
from hotslot.api.shapes import Entry, Position, Slots, Time, write_time_or_null
from hotslot.domain.asker import Asker
from hotslot.domain.license import Status
from projections.slots import history
from projections.slots.views import Step as StepView
from projections.trail import queries as trail


class LicenseAfter(Struct):
    """A license as an event left it; `active` names the first 100 of `slots.used`."""

    license: str
    status: Status
    expires_at: Time | None
    term: int
    slots: Slots
    active: list[str]
    backup_count: int


class Step(Struct):
    """An entry of the trail, and its license after it; null for what is about no license."""

    entry: Entry
    after: LicenseAfter | None


class Replay(Struct, rename={"from_": "from"}):
    """A page of steps, oldest first; `from` and `to` are the first and the last position asked."""

    steps: list[Step]
    next: str | None
    from_: Position
    to: Position


async def replay(
    request: Request,
    asker: Asker,
    *,
    license_id: str | None,
    from_: str | None,
    to: str | None,
    now: datetime,
    min_position: int | None,
    cursor: str | None,
    limit: int,
) -> Replay:
    """A page of the steps that the asker may see.

    Raises:
        ProblemError: 422 for what is no position or time, or for a `from` after `to`.
        ProjectionBehindError: a projection does not catch up in time.

    """
    backend = backend_of(request)
    first, last = await span_of(backend, from_, to, now, min_position)
    begin = 1
    if from_ is not None and first is not None:
        begin = await first_position(backend, "from", from_, first)
    page = await Reading.at(request, last).of_trail(
        trail.entries, asker, license_id=license_id, first=begin, cursor=cursor, limit=limit
    )
    moments = [(each.license, each.position) for each in page.rows if each.license is not None]
    async with backend.pool.connection() as connection:
        found = await history.steps(connection, moments)
    return Replay(
        [Step(entry_shape(each), _after(found.get(each.position), each)) for each in page.rows],
        page.next,
        begin,
        last.position,
    )


def _after(view: StepView | None, entry: trail.Entry) -> LicenseAfter | None:
    if view is None:
        return None
    return LicenseAfter(
        license=view.license,
        status=view.status(entry.at),
        expires_at=write_time_or_null(view.expires_at),
        term=view.term,
        slots=Slots(view.slots, view.used, view.slots - view.used),
        active=view.active,
        backup_count=view.backup_count,
    )
