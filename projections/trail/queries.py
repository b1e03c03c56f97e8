"""Reads of the audit trail, on connections that `projections.reading.configure` prepared."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from hotslot.domain.events import Actor, Context
from projections.reading import Page, fetch, number

# A page of entries with their events. Two arms at most: a deployment is found as the one that an
# event is about, and as the one that a nomination replaced. Each arm is read in the order of an
# index, so that a page costs a page.
ENTRIES = """
SELECT t.index, t.position, t.type, t.license, t.deployment, t.outcome,
       e.stream, e.version, e.state::text
  FROM (SELECT * FROM ({arms}) AS a ORDER BY index LIMIT %(limit)s) AS t
  JOIN ledger.events AS e USING (position)
 ORDER BY t.index
"""
ARM = "(SELECT * FROM trail.entries WHERE {conditions} ORDER BY index LIMIT %(limit)s)"

# What each filter asks of an entry. Positions count from 1 without gaps, and indexes from 0.
CONDITIONS = {
    "cursor": "index >= %(cursor)s",
    "first": "index >= %(first)s - 1",
    "as_of": "index < %(as_of)s",
    "license": "license = %(license)s",
    "customer": "customer = %(customer)s",
    "actor": "actor_id = %(actor)s",
    "actor_kind": "actor_kind = %(actor_kind)s",
    "type": "type = %(type)s",
    "outcome": "outcome = %(outcome)s",
    "since": "at >= %(since)s",
    "until": "at <= %(until)s",
}
ABOUT_DEPLOYMENT = "deployment = %(deployment)s"
REPLACED_DEPLOYMENT = "other_deployment = %(deployment)s"

# A page of procedures, each as its three entries. As above, a deployment is found in two arms: as
# the one that took over, and as the former one.
PROCEDURES = """
SELECT t.index, t.position, t.type, t.license, t.deployment, t.outcome,
       e.stream, e.version, e.state::text
  FROM (SELECT * FROM ({arms}) AS a ORDER BY ended LIMIT %(limit)s) AS p
 CROSS JOIN LATERAL unnest(ARRAY[p.began, p.unregistered, p.ended]) AS s (index)
  JOIN trail.entries AS t USING (index)
  JOIN ledger.events AS e USING (position)
 ORDER BY p.ended, t.index
"""
PROCEDURES_ARM = (
    "(SELECT * FROM trail.procedures WHERE {conditions} ORDER BY ended LIMIT %(limit)s)"
)

# What each filter asks of a procedure.
PROCEDURE_CONDITIONS = {
    "cursor": "ended >= %(cursor)s",
    "as_of": "ended < %(as_of)s",
    "license": "license = %(license)s",
    "customer": "customer = %(customer)s",
}
FORMER_DEPLOYMENT = "former = %(deployment)s"

# How many entries a license has between two positions, as far as they are counted.
ENTRIES_BETWEEN = """
SELECT count(*) FROM (
    SELECT FROM trail.entries
     WHERE license = %(license)s AND index >= %(after)s AND index < %(last)s
     LIMIT %(most)s) AS e
"""

# The last event that happened by a time. Writers in several processes decide a moment before they
# get their position, so that neighbors may be swapped in time: the events of the seconds before
# the latest one are looked through too.
POSITION_AT = """
WITH latest AS MATERIALIZED (
    SELECT at FROM trail.entries WHERE at <= %(at)s ORDER BY at DESC LIMIT 1)
SELECT max(position) FROM trail.entries
 WHERE at <= (SELECT at FROM latest) AND at >= (SELECT at FROM latest) - interval '5 s'
"""

# When the event at a position happened, or the last one before it.
TIME_OF = """
SELECT state::text FROM ledger.events WHERE position <= %(position)s ORDER BY position DESC LIMIT 1
"""

ACTOR_KINDS = ("key", "activation-key", "system")


class Entry(msgspec.Struct, frozen=True):
    """An entry of the trail, with its event."""

    index: int
    position: int
    at: datetime
    type: str
    license: str | None
    deployment: str | None
    actor: Actor
    request_id: str
    trace_id: str | None
    reason: str | None
    outcome: str
    data: msgspec.Raw
    """The event's fields, as the JSON that the ledger holds."""
    stream: str
    stream_version: int


class Procedure(msgspec.Struct, frozen=True):
    """The three steps in which an offline backup took over: what they have in common."""

    license: str
    former: str
    """The deployment that was deactivated."""
    deployment: str
    """The backup that was unregistered, and then activated offline."""
    reason: str | None
    """None if the steps differ in it; they then have their trace in common."""
    trace_id: str | None
    entries: tuple[Entry, Entry, Entry]


class _Stored(msgspec.Struct):
    context: Context
    data: msgspec.Raw


class _StoredTime(msgspec.Struct):
    class Context(msgspec.Struct):
        at: datetime

    context: Context


_stored = msgspec.json.Decoder(_Stored)
_stored_time = msgspec.json.Decoder(_StoredTime)


async def entries(
    connection: AsyncConnection[Any],
    *,
    license_id: str | None = None,
    deployment: str | None = None,
    actor: str | None = None,
    type_: str | None = None,
    outcome: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    customer: str | None = None,
    first: int | None = None,
    as_of: int | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Entry]:
    """The entries that all given filters let through, oldest first.

    `actor` is an id, or `kind:id`; `deployment` also finds the nominations that replaced it;
    `customer` lets through what concerns that customer's licenses; `since` and `until` are
    inclusive times, and `first` and `as_of` positions.

    Raises:
        InvalidCursorError: the cursor is none that this list gave.

    """
    kind, _, id_ = (actor or "").partition(":")
    has_kind = kind in ACTOR_KINDS and id_ != ""
    filters = {
        "cursor": number(cursor) if cursor else None,
        "first": first,
        "as_of": as_of,
        "license": license_id,
        "customer": customer,
        "actor": id_ if has_kind else actor,
        "actor_kind": kind if has_kind else None,
        "type": type_,
        "outcome": outcome,
        "since": since,
        "until": until,
    }
    statement, parameters = _page_of(
        ENTRIES, ARM, CONDITIONS, filters, deployment, (ABOUT_DEPLOYMENT, REPLACED_DEPLOYMENT)
    )
    rows = await fetch(connection, statement, {**parameters, "limit": limit + 1})
    shown = [_entry(*row) for row in rows[:limit]]
    return Page(shown, str(rows[limit][0]) if len(rows) > limit else None)


async def procedures(
    connection: AsyncConnection[Any],
    *,
    license_id: str | None = None,
    deployment: str | None = None,
    customer: str | None = None,
    as_of: int | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Procedure]:
    """The procedures that all given filters let through, in the order in which they ended.

    `deployment` finds those that it took over in, and those in which it was the former one;
    `customer` lets through those on that customer's licenses, and `as_of` those that had ended by
    that position.

    Raises:
        InvalidCursorError: the cursor is none that this list gave.

    """
    filters = {
        "cursor": number(cursor) if cursor else None,
        "as_of": as_of,
        "license": license_id,
        "customer": customer,
    }
    statement, parameters = _page_of(
        PROCEDURES,
        PROCEDURES_ARM,
        PROCEDURE_CONDITIONS,
        filters,
        deployment,
        (ABOUT_DEPLOYMENT, FORMER_DEPLOYMENT),
    )
    rows = await fetch(connection, statement, {**parameters, "limit": limit + 1})
    steps = iter([_entry(*row) for row in rows])
    found = [_procedure(*entries) for entries in zip(steps, steps, steps, strict=True)]
    following = str(found[limit].entries[-1].index) if len(found) > limit else None
    return Page(found[:limit], following)


async def entries_between(
    connection: AsyncConnection[Any], license_id: str, *, after: int, last: int, most: int
) -> int:
    """How many entries concern a license after a position and up to another; `most` at most."""
    asked = {"license": license_id, "after": after, "last": last, "most": most}
    ((count,),) = await fetch(connection, ENTRIES_BETWEEN, asked)
    return int(count)


async def position_at(connection: AsyncConnection[Any], at: datetime) -> int:
    """The position of the last event that happened by a time; 0 when none had."""
    ((position,),) = await fetch(connection, POSITION_AT, {"at": at})
    return position or 0


async def time_of(connection: AsyncConnection[Any], position: int) -> datetime | None:
    """When the event at a position happened, or the last before it; None when there is none."""
    rows = await fetch(connection, TIME_OF, {"position": position})
    return _stored_time.decode(rows[0][0]).context.at if rows else None


def _page_of(
    statement: LiteralString,
    arm: LiteralString,
    conditions: Mapping[str, LiteralString],
    filters: Mapping[str, Any],
    deployment: str | None,
    deployment_conditions: Sequence[LiteralString],
) -> tuple[LiteralString, dict[str, Any]]:
    """The statement for the filters that are given, with an arm for every place of a deployment."""
    given = {name: value for name, value in filters.items() if value is not None}
    asked = [conditions[name] for name in given] or ["true"]
    arms = [asked]
    if deployment is not None:
        given["deployment"] = deployment
        arms = [[*asked, condition] for condition in deployment_conditions]
    written = [arm.format(conditions=" AND ".join(each)) for each in arms]
    return statement.format(arms=" UNION ALL ".join(written)), given


def _procedure(deactivated: Entry, unregistered: Entry, activated: Entry) -> Procedure:
    entries = (deactivated, unregistered, activated)
    assert activated.license is not None
    assert deactivated.deployment is not None
    assert activated.deployment is not None
    return Procedure(
        activated.license,
        deactivated.deployment,
        activated.deployment,
        _shared(*(entry.reason or None for entry in entries)),
        _shared(*(entry.trace_id for entry in entries)),
        entries,
    )


def _shared(first: str | None, *others: str | None) -> str | None:
    return first if all(other == first for other in others) else None


def _entry(
    index: int,
    position: int,
    type_: str,
    license_id: str | None,
    deployment: str | None,
    outcome: str,
    stream: str,
    version: int,
    state: str,
) -> Entry:
    stored = _stored.decode(state)
    context = stored.context
    return Entry(
        index,
        position,
        context.at,
        type_,
        license_id,
        deployment,
        context.actor,
        context.request_id,
        context.trace_id,
        context.reason,
        outcome,
        stored.data,
        stream,
        version,
    )
