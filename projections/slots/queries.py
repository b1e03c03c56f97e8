"""Reads of the slots projection. All find their rows by index; reads of now are one statement.

`position` is a ledger position: the answer is as of that event. None is now. Connections are to be
configured with `projections.reading.configure`.
"""

from datetime import datetime
from typing import Any

import msgspec
from psycopg import AsyncConnection

from hotslot.domain.events import Mode, Role
from hotslot.domain.license import Status
from projections.reading import NOW, InvalidCursorError, Page, fetch, number
from projections.slots.views import DeploymentView, Holder, LicenseView, Moment, TenureView

BACKUPS_SHOWN = 100
"""How many backups a license shows of itself; `holders` has them all."""

BACKUPS_READ = BACKUPS_SHOWN + 1
"""One more: a nomination takes one away, and the answer still shows as many as there are."""

SEATS = 2**31 - 1
"""More seats there can't be: their column is an integer."""

# A license at a position: the last of its states until then.
STATE = """
  JOIN LATERAL (
    SELECT * FROM slots.states AS s
     WHERE s.license = l.license AND s.position <= %(position)s
     ORDER BY s.position DESC LIMIT 1) AS s ON true
"""

# What a license shows of itself, without its deployments.
LICENSE_COLUMNS = """
       l.license, l.product, l.customer, s.slots, s.expires_at, s.suspended, s.revoked, s.term,
       s.used, s.backup_count, s.position
"""

# How a tenure is shown among those of its license.
HOLDER = """
json_agg(json_build_object('deployment', t.deployment, 'role', t.role, 'mode', t.mode,
    'since', t.from_at, 'position', t.from_position, 'standby_for', t.standby_for)
"""

# Who holds a role on the license now: the actives in the order in which they became it, and the
# first of the backups by seat.
HOLDERS_SHOWN_NOW = f"""
       (SELECT {HOLDER} ORDER BY t.from_position)::text
          FROM slots.tenures AS t
         WHERE t.license = l.license AND t.role = 'active' AND t.to_position IS NULL),
       (SELECT {HOLDER} ORDER BY t.seat)::text
          FROM (SELECT * FROM slots.tenures AS t
                 WHERE t.license = l.license AND t.role = 'backup' AND t.to_position IS NULL
                 ORDER BY t.seat LIMIT {BACKUPS_READ}) AS t)
"""  # noqa: S608 - made of the constants above

# One license with those who hold a role on it.
LICENSE_NOW = f"""
SELECT {LICENSE_COLUMNS}, {HOLDERS_SHOWN_NOW}
  FROM slots.licenses AS l {STATE}
 WHERE l.license = %(license)s
"""  # noqa: S608 - made of the constants above

# One license as of a position; those who held a role on it then are asked for by HOLDERS_AS_OF.
LICENSE_AS_OF = f"""
SELECT {LICENSE_COLUMNS}
  FROM slots.licenses AS l {STATE}
 WHERE l.license = %(license)s
"""  # noqa: S608 - made of the constants above

# The licenses of a page that have a status at a time.
LICENSES_BY_ID = """
   AND l.license > %(after)s
   AND (%(status)s::text IS NULL OR %(status)s::text = CASE
        WHEN s.revoked THEN 'revoked'
        WHEN s.suspended THEN 'suspended'
        WHEN s.expires_at <= %(now)s THEN 'expired'
        ELSE 'valid' END)
 ORDER BY l.license LIMIT %(limit)s
"""

# Licenses by id: of all customers, or of one.
LICENSES = f"""
SELECT {LICENSE_COLUMNS}, {HOLDERS_SHOWN_NOW}
  FROM slots.licenses AS l {STATE}
 WHERE true {LICENSES_BY_ID}
"""  # noqa: S608 - made of the constants above
LICENSES_OF_CUSTOMER = f"""
SELECT {LICENSE_COLUMNS}, {HOLDERS_SHOWN_NOW}
  FROM slots.licenses AS l {STATE}
 WHERE l.customer = %(customer)s {LICENSES_BY_ID}
"""  # noqa: S608 - made of the constants above

# The last tenure of a deployment that began by a position, with its license as of then.
DEPLOYMENT = f"""
SELECT t.deployment, t.license, t.role, t.mode, t.standby_for, t.term, t.from_position, t.from_at,
       t.to_position, t.to_at, l.customer, s.expires_at, s.suspended, s.revoked
  FROM (SELECT * FROM slots.tenures
         WHERE deployment = %(deployment)s AND from_position <= %(position)s
         ORDER BY from_position DESC LIMIT 1) AS t
  JOIN slots.licenses AS l USING (license) {STATE}
"""  # noqa: S608 - made of the constants above

# Who holds a role on a license now, by role and seat.
HOLDERS_NOW = """
SELECT deployment, role, mode, from_at, from_position, standby_for, seat
  FROM slots.tenures
 WHERE license = %(license)s AND to_position IS NULL
   AND (role, seat) > (%(role)s, %(seat)s) AND role <= %(last_role)s
 ORDER BY role, seat LIMIT %(limit)s
"""

# Who held a role on a license as of a position, by seat. Each seat in turn is asked for its last
# tenure that began until then, until there are enough of them that lasted: neither the length of
# the history nor the number of all holders matters.
HOLDERS_AS_OF = """
WITH RECURSIVE walk AS (
    SELECT %(seat)s::int AS seat, 0 AS found, false AS held, NULL::text COLLATE "C" AS deployment,
           NULL::text COLLATE "C" AS mode, NULL::timestamptz AS from_at,
           NULL::bigint AS from_position, NULL::text COLLATE "C" AS standby_for
    UNION ALL
    SELECT w.seat + 1, w.found + t.held::int, t.held, t.deployment, t.mode, t.from_at,
           t.from_position, t.standby_for
      FROM walk AS w
     CROSS JOIN LATERAL (
        SELECT *, to_position IS NULL OR to_position > %(position)s AS held
          FROM slots.tenures
         WHERE license = %(license)s AND role = %(role)s AND tenures.seat = w.seat + 1
           AND from_position <= %(position)s
         ORDER BY from_position DESC LIMIT 1) AS t
     WHERE w.found < %(limit)s)
SELECT deployment, %(role)s::text, mode, from_at, from_position, standby_for, seat
  FROM walk WHERE held ORDER BY seat
"""

# Every stretch of time in which a deployment held a role on a license, by its beginning.
TENURES = """
SELECT license, deployment, role, mode, standby_for, term, from_position, from_at, from_type,
       to_position, to_at, to_type
  FROM slots.tenures
 WHERE license = %(license)s AND from_position > %(after)s
 ORDER BY from_position LIMIT %(limit)s
"""


_holders = msgspec.json.Decoder(list[Holder])


async def license_view(
    connection: AsyncConnection[Any], license_id: str, position: int | None = None
) -> LicenseView | None:
    """The license as of a position; None when it wasn't issued by then."""
    if position is None:
        rows = await fetch(connection, LICENSE_NOW, {"license": license_id, "position": NOW})
        return _license(rows[0]) if rows else None
    rows = await fetch(connection, LICENSE_AS_OF, {"license": license_id, "position": position})
    if not rows:
        return None
    view = LicenseView(*rows[0])
    # No more than there are: so the search ends with the last of them.
    active = await _held_at(connection, license_id, Role.ACTIVE, position, 0, view.used)
    backups = await _held_at(
        connection, license_id, Role.BACKUP, position, 0, min(view.backup_count, BACKUPS_READ)
    )
    view.active.extend(sorted(map(_holder, active), key=lambda holder: holder.position))
    view.backups.extend(map(_holder, backups))
    return view


async def licenses(
    connection: AsyncConnection[Any],
    *,
    customer: str | None = None,
    status: Status | None = None,
    now: datetime,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[LicenseView]:
    """The licenses as they are now, by id; `now` is what expiry is measured against."""
    rows = await fetch(
        connection,
        LICENSES if customer is None else LICENSES_OF_CUSTOMER,
        {
            "after": cursor or "",
            "customer": customer,
            "status": None if status is None else status.value,
            "now": now,
            "limit": limit + 1,
            "position": NOW,
        },
    )
    shown = [_license(row) for row in rows[:limit]]
    return Page(shown, shown[-1].license if len(rows) > limit else None)


async def deployment_view(
    connection: AsyncConnection[Any], deployment_id: str, position: int | None = None
) -> DeploymentView | None:
    """The deployment as of a position; None when it held no role by then."""
    at = NOW if position is None else position
    rows = await fetch(connection, DEPLOYMENT, {"deployment": deployment_id, "position": at})
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
            HOLDERS_NOW,
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
    if limit == 0:
        return []
    return await fetch(
        connection,
        HOLDERS_AS_OF,
        {
            "license": license_id,
            "role": role.value,
            "position": position,
            "seat": after_seat,
            "limit": limit,
        },
    )


def _holder(row: tuple[Any, ...]) -> Holder:
    deployment, role, mode, since, position, standby_for, _ = row
    return Holder(deployment, Role(role), Mode(mode), since, position, standby_for)


async def tenures(
    connection: AsyncConnection[Any],
    license_id: str,
    *,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[TenureView]:
    """Every tenure on the license, oldest first.

    Raises:
        InvalidCursorError: the cursor is none that this list gave.

    """
    after = number(cursor) if cursor else 0
    rows = await fetch(
        connection, TENURES, {"license": license_id, "after": after, "limit": limit + 1}
    )
    shown = [_tenure(row) for row in rows[:limit]]
    return Page(shown, str(shown[-1].from_.position) if len(rows) > limit else None)


def _license(row: tuple[Any, ...]) -> LicenseView:
    *own, active, backups = row
    holders_shown = [[] if shown is None else _holders.decode(shown) for shown in (active, backups)]
    return LicenseView(*own, *holders_shown)


def _tenure(row: tuple[Any, ...]) -> TenureView:
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
        to=None if end[0] is None else Moment(*end),
    )


def _seat(cursor: str, asked: Role | None) -> tuple[Role, int]:
    role, _, seat = cursor.partition(".")
    if role not in ((Role.ACTIVE, Role.BACKUP) if asked is None else (asked,)):
        raise InvalidCursorError(cursor)
    after = number(seat)
    if after >= SEATS:
        raise InvalidCursorError(cursor)
    return Role(role), after
