"""Reads of the audit trail, on connections that `projections.reading.configure` prepared."""

from datetime import datetime
from typing import Any

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

# What each filter asks of an entry.
CONDITIONS = {
    "cursor": "index >= %(cursor)s",
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
    reason: str | None
    outcome: str
    data: msgspec.Raw
    """The event's fields, as the JSON that the ledger holds."""
    stream: str
    stream_version: int


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
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Entry]:
    """The entries that all given filters let through, oldest first.

    `actor` is an id, or `kind:id`; `deployment` also finds the nominations that replaced it;
    `customer` lets through what concerns that customer's licenses; `since` and `until` are
    inclusive.

    Raises:
        InvalidCursorError: the cursor is none that this list gave.

    """
    kind, _, id_ = (actor or "").partition(":")
    has_kind = kind in ACTOR_KINDS and id_ != ""
    filters = {
        "cursor": number(cursor) if cursor else None,
        "license": license_id,
        "customer": customer,
        "actor": id_ if has_kind else actor,
        "actor_kind": kind if has_kind else None,
        "type": type_,
        "outcome": outcome,
        "since": since,
        "until": until,
    }
    given = {name: value for name, value in filters.items() if value is not None}
    conditions = [CONDITIONS[name] for name in given] or ["true"]
    arms = [conditions]
    if deployment is not None:
        given["deployment"] = deployment
        arms = [[*conditions, ABOUT_DEPLOYMENT], [*conditions, REPLACED_DEPLOYMENT]]
    statement = ENTRIES.format(
        arms=" UNION ALL ".join(ARM.format(conditions=" AND ".join(arm)) for arm in arms)
    )
    rows = await fetch(connection, statement, {**given, "limit": limit + 1})
    shown = [_entry(*row) for row in rows[:limit]]
    return Page(shown, str(rows[limit][0]) if len(rows) > limit else None)


async def position_at(connection: AsyncConnection[Any], at: datetime) -> int:
    """The position of the last event that happened by a time; 0 when none had."""
    ((position,),) = await fetch(connection, POSITION_AT, {"at": at})
    return position or 0


async def time_of(connection: AsyncConnection[Any], position: int) -> datetime | None:
    """When the event at a position happened, or the last before it; None when there is none."""
    rows = await fetch(connection, TIME_OF, {"position": position})
    return _stored_time.decode(rows[0][0]).context.at if rows else None


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
        context.reason,
        outcome,
        stored.data,
        stream,
        version,
    )
