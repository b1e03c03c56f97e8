"""What became of a license between two positions: the difference of two reads as of then."""

from collections.abc import Callable
from datetime import datetime

from fastapi import Request
from msgspec import Struct

from hotslot.api.backend import backend_of
from hotslot.api.instants import span_of
from hotslot.api.reading import Reading, page_of
from hotslot.api.shapes import License, Position, Time
from hotslot.domain.asker import Asker
from hotslot.domain.times import write_time
from projections.slots import history
from projections.slots.views import Holder
from projections.trail import queries as trail

MOST_ENTRIES = 10_000
"""So many entries are counted: counting them takes as long as there are."""

FIELDS: dict[str, Callable[[License], str | int | None]] = {
    "status": lambda license_: license_.status,
    "expires_at": lambda license_: license_.expires_at,
    "term": lambda license_: license_.term,
    "slots.total": lambda license_: license_.slots.total,
    "slots.used": lambda license_: license_.slots.used,
    "slots.free": lambda license_: license_.slots.free,
    "backup_count": lambda license_: license_.backup_count,
}
"""What of a license can change, besides who holds a role on it."""


class FieldChange(Struct):
    """A field of the license that has another value; `before` is null if there was no license."""

    field: str
    before: str | int | None
    after: str | int | None


class HeldRole(Struct):
    """The role that a deployment held on the license, since an event at a position."""

    role: str
    mode: str
    since: Time
    position: Position
    standby_for: str | None


class RoleChange(Struct):
    """A deployment that holds another role, or the same one anew; null is none on this license."""

    deployment: str
    before: HeldRole | None
    after: HeldRole | None


class Difference(Struct, rename={"from_": "from"}):
    """A license as of two positions, and what changed from the one to the other.

    `before` is null if the license had not been issued by then. `entries` is how many entries of
    the trail about it came after `from`, up to and with `to`; 10,000 are counted, and
    `more_entries` tells that there are more. `deployments` is a page: `next` is the cursor of the
    next one, null on the last.
    """

    license: str
    from_: Position
    to: Position
    before: License | None
    after: License
    changes: list[FieldChange]
    deployments: list[RoleChange]
    entries: int
    more_entries: bool
    next: str | None


async def difference(
    request: Request,
    asker: Asker,
    license_id: str,
    *,
    from_: str,
    to: str | None,
    now: datetime,
    min_position: int | None,
    cursor: str | None,
    limit: int,
) -> Difference:
    """What became of a license that the asker may see.

    Raises:
        ProblemError: 404 when there was none at `to`; 422 for what is no position or time, or for
            a `from` after `to`.
        ProjectionBehindError: a projection does not catch up in time.

    """
    backend = backend_of(request)
    first, last = await span_of(backend, from_, to, now, min_position)
    assert first is not None
    after = await Reading.at(request, last).license(asker, license_id)
    before = await Reading.at(request, first).license_or_none(asker, license_id)
    async with backend.pool.connection() as connection:
        page = await page_of(
            history.changes(
                connection,
                license_id,
                first=first.position,
                last=last.position,
                cursor=cursor,
                limit=limit,
            )
        )
        entries = await trail.entries_between(
            connection,
            license_id,
            after=first.position,
            last=last.position,
            most=MOST_ENTRIES + 1,
        )
    return Difference(
        license=license_id,
        from_=first.position,
        to=last.position,
        before=before,
        after=after,
        changes=_changes(before, after),
        deployments=[
            RoleChange(each.deployment, _held(each.before), _held(each.after)) for each in page.rows
        ],
        entries=min(entries, MOST_ENTRIES),
        more_entries=entries > MOST_ENTRIES,
        next=page.next,
    )


def _changes(before: License | None, after: License) -> list[FieldChange]:
    values = [
        FieldChange(name, None if before is None else value_of(before), value_of(after))
        for name, value_of in FIELDS.items()
    ]
    return [each for each in values if each.before != each.after]


def _held(holder: Holder | None) -> HeldRole | None:
    if holder is None:
        return None
    return HeldRole(
        holder.role, holder.mode, write_time(holder.since), holder.position, holder.standby_for
    )
