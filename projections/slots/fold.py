"""What a batch of events touches in the slots tables.

It is loaded at once, changed in memory, and written at once. The number of statements depends
neither on the batch nor on the size of a license.
"""

import heapq
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import Cursor

from hotslot.domain.events import Event, LicenseImported, LicenseIssued, Recorded, Role
from projections.projection import ProjectionError

# The states that the batch begins from: the last of each license.
LAST_STATES = """
SELECT s.license, s.position, s.slots, s.expires_at, s.suspended, s.revoked, s.term, s.used,
       s.backup_count, s.active_seats, s.backup_seats
  FROM unnest(%s::text[]) AS l (license)
 CROSS JOIN LATERAL (
    SELECT * FROM states WHERE states.license = l.license ORDER BY position DESC LIMIT 1) AS s
"""

# The tenures that the batch may end: the last of each deployment, if it lasts.
LASTING_TENURES = """
SELECT t.license, t.deployment, t.role, t.seat, t.from_position
  FROM unnest(%s::text[]) AS d (deployment)
 CROSS JOIN LATERAL (
    SELECT * FROM tenures WHERE tenures.deployment = d.deployment
     ORDER BY from_position DESC LIMIT 1) AS t
 WHERE t.to_position IS NULL
"""

# As many of the lowest free seats as the batch may give.
FREE_SEATS = """
SELECT f.license, f.role, f.seat
  FROM unnest(%s::text[], %s::text[], %s::int[]) AS n (license, role, wanted)
 CROSS JOIN LATERAL (
    SELECT * FROM free_seats WHERE free_seats.license = n.license AND free_seats.role = n.role
     ORDER BY seat LIMIT n.wanted) AS f
"""

END_TENURES = """
UPDATE tenures AS t SET to_position = e.to_position, to_at = e.to_at, to_type = e.to_type
  FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::text[])
    AS e (license, from_position, to_position, to_at, to_type)
 WHERE t.license = e.license AND t.from_position = e.from_position
"""

TAKE_SEATS = """
DELETE FROM free_seats AS f
 USING unnest(%s::text[], %s::text[], %s::int[]) AS t (license, role, seat)
 WHERE f.license = t.license AND f.role = t.role AND f.seat = t.seat
"""

ADD_LICENSES = "COPY licenses (license, product, customer, position, at) FROM STDIN"

ADD_STATES = """
COPY states (license, position, slots, expires_at, suspended, revoked, term, used, backup_count,
             active_seats, backup_seats) FROM STDIN
"""

ADD_TENURES = """
COPY tenures (license, deployment, role, seat, mode, standby_for, term, from_position, from_at,
              from_type, to_position, to_at, to_type) FROM STDIN
"""

ADD_FREE_SEATS = "COPY free_seats (license, role, seat) FROM STDIN"

Rows = list[tuple[Any, ...]]
Pool = tuple[str, Role]
"""Seats are numbered by license and role."""


class State(msgspec.Struct):
    """A row of `states`: the license after an event."""

    license: str
    position: int
    slots: int
    expires_at: datetime | None
    suspended: bool = False
    revoked: bool = False
    term: int = 0
    used: int = 0
    backup_count: int = 0
    active_seats: int = 0
    backup_seats: int = 0


class Tenure(msgspec.Struct):
    """A row of `tenures`."""

    license: str
    deployment: str
    role: Role
    seat: int
    mode: str
    standby_for: str | None
    term: int
    from_position: int
    from_at: datetime
    from_type: str
    to_position: int | None = None
    to_at: datetime | None = None
    to_type: str | None = None


class Lasting(msgspec.Struct):
    """A tenure that lasts, as far as its end needs it; `row` is set if it began in this batch."""

    license: str
    role: Role
    seat: int
    from_position: int
    row: Tenure | None = None


class Touched(msgspec.Struct):
    """What a batch has to load."""

    licenses: set[str] = msgspec.field(default_factory=set)
    ended: set[str] = msgspec.field(default_factory=set)
    """Deployments whose tenure ends."""
    begun: Counter[Pool] = msgspec.field(default_factory=Counter)
    """How many seats are needed, at most."""


class Fold:
    """The rows that a batch touches. Use: load, then change event by event, then write."""

    def __init__(self, cursor: Cursor[Any], touched: Touched) -> None:
        self._cursor = cursor
        self._states: dict[str, State] = {}
        self._lasting: dict[str, Lasting] = {}
        self._free: dict[Pool, list[int]] = {pool: [] for pool in touched.begun}
        self._freed_before: set[tuple[str, Role, int]] = set()
        self._freed: set[tuple[str, Role, int]] = set()
        self._new_licenses: Rows = []
        self._new_states: Rows = []
        self._new_tenures: list[Tenure] = []
        self._ended: Rows = []
        self._load(touched)

    def issued(self, recorded: Recorded, event: LicenseIssued | LicenseImported) -> None:
        """Begin a license."""
        at = recorded.context.at
        self._new_licenses.append(
            (event.license, event.product, event.customer, recorded.position, at)
        )
        self._states[event.license] = State(
            event.license, recorded.position, event.slots, event.expires_at
        )

    def knows(self, license_id: str) -> bool:
        """Whether the license began before the event."""
        return license_id in self._states

    def state(self, license_id: str) -> State:
        """The license before the event, to be changed in place."""
        state = self._states.get(license_id)
        if state is None:
            raise ProjectionError(f"License {license_id} was never issued.")
        return state

    def changed(self, license_id: str, position: int) -> None:
        """Keep the license as it is from this position on."""
        state = self.state(license_id)
        state.position = position
        self._new_states.append(msgspec.structs.astuple(state))

    def begin(
        self,
        recorded: Recorded,
        event: Event,
        *,
        license_id: str,
        deployment: str,
        role: Role,
        mode: str,
        term: int,
        standby_for: str | None = None,
        seat: int | None = None,
    ) -> None:
        """Begin a tenure, in a seat that another one left or else in the lowest free one."""
        if deployment in self._lasting:
            raise ProjectionError(
                f"Deployment {deployment} takes a role at position {recorded.position}, but it "
                f"holds one since {self._lasting[deployment].from_position}."
            )
        if seat is None:
            seat = self._take_seat(license_id, role)
        row = Tenure(
            license_id,
            deployment,
            role,
            seat,
            mode,
            standby_for,
            term,
            recorded.position,
            recorded.context.at,
            event.type,
        )
        self._new_tenures.append(row)
        self._lasting[deployment] = Lasting(license_id, role, seat, recorded.position, row)

    def end(
        self, recorded: Recorded, event: Event, license_id: str, deployment: str, role: Role
    ) -> int:
        """End the deployment's tenure. Its seat, which is returned, isn't free by that yet."""
        tenure = self._lasting.pop(deployment, None)
        if tenure is None or (tenure.license, tenure.role) != (license_id, role):
            raise ProjectionError(
                f"Position {recorded.position} ends the role {role} of deployment {deployment} "
                f"on license {license_id}, but it doesn't hold it."
            )
        at = recorded.context.at
        if tenure.row is not None:
            tenure.row.to_position, tenure.row.to_at = recorded.position, at
            tenure.row.to_type = event.type
        else:
            self._ended.append(
                (license_id, tenure.from_position, recorded.position, at, event.type)
            )
        return tenure.seat

    def free(self, license_id: str, role: Role, seat: int) -> None:
        """Let the seat be given again."""
        heapq.heappush(self._free.setdefault((license_id, role), []), seat)
        self._freed.add((license_id, role, seat))

    def write(self) -> None:
        """Write everything that changed."""
        cursor = self._cursor
        _copy(cursor, ADD_LICENSES, self._new_licenses)
        _copy(cursor, ADD_STATES, self._new_states)
        # First ended, then begun: a seat holds one lasting tenure.
        if self._ended:
            cursor.execute(END_TENURES, _columns(self._ended))
        _copy(cursor, ADD_TENURES, map(msgspec.structs.astuple, self._new_tenures))
        if taken := self._freed_before - self._freed:
            cursor.execute(TAKE_SEATS, _columns(taken))
        _copy(cursor, ADD_FREE_SEATS, self._freed - self._freed_before)

    def _take_seat(self, license_id: str, role: Role) -> int:
        if free := self._free.get((license_id, role)):
            seat = heapq.heappop(free)
            self._freed.remove((license_id, role, seat))
            return seat
        state = self.state(license_id)
        if role is Role.ACTIVE:
            state.active_seats += 1
            return state.active_seats
        state.backup_seats += 1
        return state.backup_seats

    def _load(self, touched: Touched) -> None:
        cursor = self._cursor
        if touched.licenses:
            for row in cursor.execute(LAST_STATES, (list(touched.licenses),)):
                self._states[row[0]] = State(*row)
        if touched.ended:
            for license_id, deployment, role, seat, since in cursor.execute(
                LASTING_TENURES, (list(touched.ended),)
            ):
                self._lasting[deployment] = Lasting(license_id, Role(role), seat, since)
        if touched.begun:
            wanted = [(*pool, count) for pool, count in touched.begun.items()]
            for license_id, role, seat in cursor.execute(FREE_SEATS, _columns(wanted)):
                # They come in rising order, so that the list is a heap.
                self._free[license_id, Role(role)].append(seat)
                self._freed_before.add((license_id, Role(role), seat))
            self._freed |= self._freed_before


def _copy(cursor: Cursor[Any], statement: LiteralString, rows: Iterable[tuple[Any, ...]]) -> None:
    rows = list(rows)
    if rows:
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
