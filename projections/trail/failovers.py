"""How long failovers took: nominations, with what the leases tell of those who took part."""

from datetime import datetime, timedelta
from typing import Any, LiteralString, NamedTuple

import msgspec
from psycopg import AsyncConnection

from hotslot.domain.events import Actor, BackupNominated, CommandRefused
from hotslot.ledger import mapper
from projections.reading import NOW, Page, fetch, number

REFUSALS_BEFORE = timedelta(minutes=10)
"""Refusals on the license so shortly before a nomination belong to its story."""

MOST_REFUSALS = 10
"""So many of them are told, the last ones."""

# Nominations, newest first. Each is joined with the first confirmation that came of either side
# after it, with the last lease of the former's lost role, and with the refusals before it. As in
# the trail's other reads, a deployment is found in two arms. As of an earlier moment, what was
# confirmed later is not known yet, nor that someone stood down later.
FAILOVERS = """
SELECT n.index, n.position, e.stream, e.version, e.type, e.state::text,
       took_over.at, took_over.term, took_over.license,
       stood_down.at, stood_down.term, stood_down.license,
       lease.processes_until,
       CASE WHEN lease.stood_down_at > %(at)s::timestamptz THEN NULL ELSE lease.stood_down_at END,
       coalesce(%(at)s::timestamptz, clock_timestamp()), refusals.states
  FROM (SELECT * FROM ({arms}) AS a ORDER BY index DESC LIMIT %(limit)s) AS n
  JOIN ledger.events AS e USING (position)
  LEFT JOIN LATERAL (
        SELECT c.at, c.license, (s.state -> 'data' ->> 'term')::bigint AS term
          FROM trail.entries AS c JOIN ledger.events AS s USING (position)
         WHERE c.deployment = n.deployment AND c.index > n.index AND c.index < %(as_of)s
           AND c.type = 'deployment.took-over'
         ORDER BY c.index LIMIT 1) AS took_over ON true
  LEFT JOIN LATERAL (
        SELECT c.at, c.license, (s.state -> 'data' ->> 'term')::bigint AS term
          FROM trail.entries AS c JOIN ledger.events AS s USING (position)
         WHERE c.deployment = n.other_deployment AND c.index > n.index AND c.index < %(as_of)s
           AND c.type = 'deployment.stood-down'
         ORDER BY c.index LIMIT 1) AS stood_down ON true
  LEFT JOIN leases.leases AS lease
    ON lease.deployment = n.other_deployment AND lease.license = n.license
   AND lease.term = (e.state -> 'data' ->> 'replaced_term')::bigint
  LEFT JOIN LATERAL (
        SELECT array_agg(r.state ORDER BY r.position) AS states
          FROM (SELECT position, s.state::text FROM trail.entries JOIN ledger.events AS s
                 USING (position)
                 WHERE license = n.license AND outcome = 'refused' AND index < n.index
                   AND at > n.at - %(before)s
                 ORDER BY index DESC LIMIT %(refusals)s) AS r) AS refusals ON true
 ORDER BY n.index DESC
"""
ARM = """
(SELECT * FROM trail.entries WHERE type = 'license.backup-nominated' AND {conditions}
  ORDER BY index DESC LIMIT %(limit)s)
"""

# What each filter asks of a nomination.
CONDITIONS: dict[str, LiteralString] = {
    "cursor": "index <= %(cursor)s",
    "as_of": "index < %(as_of)s",
    "license": "license = %(license)s",
    "customer": "customer = %(customer)s",
    "since": "at >= %(since)s",
    "until": "at <= %(until)s",
}
SIDES: tuple[LiteralString, ...] = (
    "deployment = %(deployment)s",
    "other_deployment = %(deployment)s",
)


class Silence(msgspec.Struct, frozen=True):
    """How it is known that the former active one processes no more."""

    by: str
    """`stood-down`: it said so; `lease-expired`: its last lease ended; `no-lease`: it had none with
    the right to process, so nothing is known."""
    at: datetime | None
    """None while it is not known."""


class RefusedBefore(msgspec.Struct, frozen=True):
    """A refusal on the license shortly before the nomination."""

    at: datetime
    command: str
    deployment: str | None
    code: str
    detail: str


class Failover(msgspec.Struct, frozen=True, kw_only=True):
    """A nomination, and what came of it."""

    index: int
    position: int
    nomination: BackupNominated
    asked_at: datetime
    recorded_at: datetime
    serving_at: datetime | None
    """When the nominated one first had a lease with the right to process."""
    silence: Silence | None
    """None where no one was replaced, or the former's lease is not over."""
    actor: Actor
    reason: str | None
    refusals: tuple[RefusedBefore, ...]

    @property
    def overlap(self) -> timedelta | None:
        """The time in which both could have processed; None while that is not known."""
        if self.nomination.replaced is None:
            return timedelta()
        if self.silence is None or self.silence.at is None or self.serving_at is None:
            return None
        return max(timedelta(), self.silence.at - self.serving_at)


async def failovers(
    connection: AsyncConnection[Any],
    *,
    license_id: str | None = None,
    deployment: str | None = None,
    customer: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    as_of: int | None = None,
    at: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Failover]:
    """The nominations that all given filters let through, newest first.

    `deployment` finds those that it took over in, and those in which it was replaced. They are told
    as they were known at the position `as_of`, which was at the time `at`; None is now.

    Raises:
        InvalidCursorError: the cursor is none that this list gave.

    """
    filters = {
        "cursor": number(cursor) if cursor else NOW,
        "as_of": NOW if as_of is None else as_of,
        "license": license_id,
        "customer": customer,
        "since": since,
        "until": until,
    }
    given = {name: value for name, value in filters.items() if value is not None}
    asked = " AND ".join(CONDITIONS[name] for name in given)
    sides = ["true"] if deployment is None else SIDES
    arms = " UNION ALL ".join(ARM.format(conditions=f"{asked} AND {side}") for side in sides)
    rows = await fetch(
        connection,
        FAILOVERS.format(arms=arms),
        {
            **given,
            "deployment": deployment,
            "at": at,
            "before": REFUSALS_BEFORE,
            "refusals": MOST_REFUSALS,
            "limit": limit + 1,
        },
    )
    return Page(
        [_failover(*row) for row in rows[:limit]],
        str(rows[limit][0]) if len(rows) > limit else None,
    )


class _Confirmed(NamedTuple):
    at: datetime | None
    term: int | None
    license: str | None

    def of(self, license_id: str, term: int | None) -> datetime | None:
        """When it came, if it is about this role and not about one that came later."""
        return self.at if (self.license, self.term) == (license_id, term) else None


class _LastLease(NamedTuple):
    processes_until: datetime | None
    stood_down_at: datetime | None


def _failover(index: int, *row: Any) -> Failover:
    recorded, now, states = mapper.decode(*row[:5]), row[-2], row[-1]
    nomination, context = recorded.event, recorded.context
    assert isinstance(nomination, BackupNominated)
    took_over, stood_down = _Confirmed(*row[5:8]), _Confirmed(*row[8:11])
    silence = None
    if nomination.replaced is not None:
        stopped_at = stood_down.of(nomination.license, nomination.replaced_term)
        silence = _silence(stopped_at, _LastLease(*row[11:13]), now)
    return Failover(
        index=index,
        position=recorded.position,
        nomination=nomination,
        asked_at=nomination.asked_at or context.at,
        recorded_at=context.at,
        serving_at=took_over.of(nomination.license, nomination.term),
        silence=silence,
        actor=context.actor,
        reason=context.reason,
        refusals=tuple(_refused_before(state) for state in states or ()),
    )


def _silence(stopped_at: datetime | None, lease: _LastLease, now: datetime) -> Silence | None:
    said_at = min(filter(None, (stopped_at, lease.stood_down_at)), default=None)
    ends_at = lease.processes_until
    if said_at is not None and (ends_at is None or said_at < ends_at):
        return Silence("stood-down", said_at)
    if ends_at is None:
        return Silence("no-lease", None)
    return Silence("lease-expired", ends_at) if ends_at <= now else None


def _refused_before(state: str) -> RefusedBefore:
    recorded = mapper.decode(0, "", 0, CommandRefused.type, state)
    refused = recorded.event
    assert isinstance(refused, CommandRefused)
    return RefusedBefore(
        recorded.context.at, refused.command, refused.deployment, refused.code, refused.detail
    )
