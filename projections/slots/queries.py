"""Reads of the slots projection: licenses, deployments, tenures, now and as of any position.

`position` is a ledger position: the answer is as of that event. None is now. Connections are to be
configured with `projections.reading.configure`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg import AsyncConnection

from hotslot.domain.events import Mode, Role
from hotslot.domain.license import Status
from projections.reading import NOW, InvalidCursorError, Page, fetch, number
from projections.slots import statements
from projections.slots.statements import BACKUPS_READ, BACKUPS_SHOWN
from projections.slots.views import DeploymentView, Holder, LicenseView, Moment, TenureView

__all__ = [
    "BACKUPS_READ",
    "BACKUPS_SHOWN",
    "deployment_view",
    "held_by",
    "holders",
    "license_view",
    "licenses",
    "tenures",
]

SEATS = 2**31 - 1
"""More seats there can't be: their column is an integer."""

_holders = msgspec.json.Decoder(list[Holder])


async def license_view(
    connection: AsyncConnection[Any], license_id: str, position: int | None = None
) -> LicenseView | None:
    """The license as of a position; None when it wasn't issued by then."""
    rows = await fetch(
        connection,
        statements.LICENSE_NOW if position is None else statements.LICENSE_AS_OF,
        {"license": license_id, **_at(position)},
    )
    return _license(rows[0]) if rows else None


async def licenses(
    connection: AsyncConnection[Any],
    *,
    customer: str | None = None,
    status: Status | None = None,
    now: datetime,
    position: int | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[LicenseView]:
    """The licenses as of a position, by id; `now` is what expiry is measured against then."""
    listed = statements.LICENSES if customer is None else statements.LICENSES_OF_CUSTOMER
    is_now = position is None
    rows = await fetch(
        connection,
        listed.format(
            holders=statements.HOLDERS_SHOWN_NOW if is_now else statements.HOLDERS_SHOWN_AT
        ),
        {
            "after": cursor or "",
            "customer": customer,
            "status": None if status is None else status.value,
            "now": now,
            "limit": limit + 1,
            **_at(position),
        },
    )
    shown = [_license(row) for row in rows[:limit]]
    return Page(shown, shown[-1].license if len(rows) > limit else None)


def _at(position: int | None) -> dict[str, int]:
    return {"position": NOW if position is None else position, "backups": BACKUPS_READ}


async def deployment_view(
    connection: AsyncConnection[Any], deployment_id: str, position: int | None = None
) -> DeploymentView | None:
    """The deployment as of a position; None when it held no role by then."""
    at = NOW if position is None else position
    rows = await fetch(
        connection, statements.DEPLOYMENT, {"deployment": deployment_id, "position": at}
    )
    if not rows:
        return None
    (deployment, license_id, role, mode, standby_for, term, since_position, since) = rows[0][:8]
    (to_position, to_at, *of_license) = rows[0][8:]
    if to_position is not None and to_position <= at:
        return DeploymentView(
            deployment,
            license_id,
            Role.UNLICENSED,
            None,
            None,
            to_at,
            None,
            to_position,
            *of_license,
        )
    return DeploymentView(
        deployment,
        license_id,
        Role(role),
        Mode(mode),
        standby_for,
        since,
        term,
        since_position,
        *of_license,
    )


async def holders(
    connection: AsyncConnection[Any],
    license_id: str,
    *,
    role: Role | None = None,
    position: int | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Holder]:
    """Who holds a role on the license as of a position: actives first, each role by seat.

    Raises:
        InvalidCursorError: the cursor is none that this list gave.

    """
    first_role, seat = _seat(cursor, role) if cursor else (role or Role.ACTIVE, 0)
    last_role = role or Role.BACKUP
    if position is None:
        rows = await fetch(
            connection,
            statements.HOLDERS_NOW,
            {
                "license": license_id,
                "role": first_role.value,
                "last_role": last_role.value,
                "seat": seat,
                "limit": limit + 1,
            },
        )
    else:
        rows = await _held_at(connection, license_id, first_role, position, seat, limit + 1)
        if first_role is not last_role and len(rows) <= limit:
            wanted = limit + 1 - len(rows)
            rows += await _held_at(connection, license_id, last_role, position, 0, wanted)
    shown = [_holder(row) for row in rows[:limit]]
    last = f"{shown[-1].role}.{rows[limit - 1][-1]}" if len(rows) > limit else None
    return Page(shown, last)


async def _held_at(
    connection: AsyncConnection[Any],
    license_id: str,
    role: Role,
    position: int,
    after_seat: int,
    limit: int,
) -> list[tuple[Any, ...]]:
    return await fetch(
        connection,
        statements.HOLDERS_AS_OF,
        {
            "license": license_id,
            "role": role.value,
            "position": position,
            "seat": after_seat,
            "limit": limit,
        },
    )


async def held_by(
    connection: AsyncConnection[Any], license_id: str, deployments: Sequence[str], position: int
) -> dict[str, Holder]:
    """What those of the deployments that held a role on the license at a position held then."""
    rows = await fetch(
        connection,
        statements.HELD_BY,
        {"license": license_id, "deployments": list(deployments), "position": position},
    )
    return {holder.deployment: holder for holder in map(_holder, rows)}


def _holder(row: tuple[Any, ...]) -> Holder:
    deployment, role, mode, since, position, standby_for, _ = row
    return Holder(deployment, Role(role), Mode(mode), since, position, standby_for)


async def tenures(
    connection: AsyncConnection[Any],
    license_id: str,
    *,
    position: int | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[TenureView]:
    """Every tenure on the license that had begun by a position, oldest first.

    One that ended later lasts still, as of then.

    Raises:
        InvalidCursorError: the cursor is none that this list gave.

    """
    last = NOW if position is None else position
    rows = await fetch(
        connection,
        statements.TENURES,
        {
            "license": license_id,
            "after": number(cursor) if cursor else 0,
            "position": last,
            "limit": limit + 1,
        },
    )
    shown = [_tenure(row, last) for row in rows[:limit]]
    return Page(shown, str(shown[-1].from_.position) if len(rows) > limit else None)


def _license(row: tuple[Any, ...]) -> LicenseView:
    *own, active, backups = row
    holders_shown = [[] if shown is None else _holders.decode(shown) for shown in (active, backups)]
    return LicenseView(*own, *holders_shown)


def _tenure(row: tuple[Any, ...], last: int) -> TenureView:
    license_id, deployment, role, mode, standby_for, term, *moments = row
    begin, end = moments[:3], moments[3:]
    return TenureView(
        license=license_id,
        deployment=deployment,
        role=Role(role),
        mode=Mode(mode),
        standby_for=standby_for,
        term=term,
        from_=Moment(*begin),
        to=None if end[0] is None or end[0] > last else Moment(*end),
    )


def _seat(cursor: str, asked: Role | None) -> tuple[Role, int]:
    role, _, seat = cursor.partition(".")
    if role not in ((Role.ACTIVE, Role.BACKUP) if asked is None else (asked,)):
        raise InvalidCursorError(cursor)
    after = number(seat)
    if after >= SEATS:
        raise InvalidCursorError(cursor)
    return Role(role), after
