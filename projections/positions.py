"""Where each projection stands, and who may move it on."""

import zlib
from datetime import datetime
from typing import Any

import msgspec
from psycopg import Connection, Cursor
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from hotslot.ledger.channels import PROJECTIONS_CHANNEL
from projections.projection import Projection

# Where the live tables are, and which version of the projection made them.
POSITION = "SELECT position, version FROM projections.positions WHERE name = %s"

# Whoever changes a projection's tables holds this row first, until the end of the transaction.
LOCK_POSITION = f"{POSITION} FOR UPDATE"

# A projection whose tables are empty yet.
ADD = "INSERT INTO projections.positions (name, version) VALUES (%s, %s)"

# Moves a projection on and tells those who wait for it, when the transaction is committed.
ADVANCE = """
WITH moved AS (
    INSERT INTO projections.positions (name, version, position) VALUES (%s, %s, %s)
    ON CONFLICT (name) DO UPDATE SET version = excluded.version, position = excluded.position,
        applied_at = clock_timestamp(), state = 'following', error = NULL
    RETURNING name, position)
SELECT pg_notify(%s, name || ':' || position) FROM moved
"""

# A projection that stopped says why, until it moves on again.
STOPPED = "UPDATE projections.positions SET state = 'stopped', error = %s WHERE name = %s"

# Clears the marks of an earlier stop.
FOLLOWING = """
UPDATE projections.positions SET state = 'following', error = NULL
 WHERE name = %s AND state <> 'following'
"""

# The lead is a session's lock: it is lost with the connection, and only then.
LEAD_LOCKS = 7305817
TAKE_LEAD = "SELECT pg_try_advisory_lock(%s, %s)"

# Events touch single rows. The planner is told so, since it knows nothing yet of tables that are
# just filling up.
FIND_BY_INDEX = """
SET jit = off; SET enable_seqscan = off; SET enable_bitmapscan = off;
SET enable_hashjoin = off; SET enable_mergejoin = off
"""

# How a projection fares.
STATUS = """
SELECT p.name, p.version, p.position, p.applied_at, p.state, p.error,
       (SELECT coalesce(max(position), 0) FROM ledger.events) AS head,
       EXISTS (SELECT FROM pg_locks AS l
                WHERE l.locktype = 'advisory' AND l.granted AND l.database = d.oid
                  AND l.classid = %(class)s AND l.objid = %(object)s AND l.objsubid = 2) AS followed
  FROM projections.positions AS p, pg_database AS d
 WHERE p.name = %(name)s AND d.datname = current_database()
"""


class Status(msgspec.Struct, frozen=True):
    """How a projection fares."""

    name: str
    version: int
    position: int
    applied_at: datetime
    """When it last moved on."""
    state: str
    """`following`, or `stopped` because of `error`."""
    error: str | None
    head: int
    """The ledger's last position."""
    followed: bool
    """Whether some process is at work on it."""


def status(connection: Connection[Any], projection: Projection) -> Status | None:
    """How the projection fares; None when it isn't installed."""
    with connection.cursor(row_factory=class_row(Status)) as cursor:
        names = {"class": LEAD_LOCKS, "object": lock_key(projection), "name": projection.name}
        return cursor.execute(STATUS, names).fetchone()


def lock_key(projection: Projection) -> int:
    """What the projection's locks are told apart by: an oid, which has 32 bits."""
    return zlib.crc32(projection.name.encode()) & 0x7FFFFFFF


def take_lead(connection: Connection[Any], projection: Projection) -> bool:
    """Become the one that carries events into the projection, unless another one is."""
    row = connection.execute(TAKE_LEAD, (LEAD_LOCKS, lock_key(projection))).fetchone()
    return row == (True,)


def position_of(connection: Connection[Any], projection: Projection) -> tuple[int, int] | None:
    """Position and version of the live tables; None when there are none."""
    row = connection.execute(POSITION, (projection.name,)).fetchone()
    return None if row is None else (row[0], row[1])


def lock_position(cursor: Cursor[Any], projection: Projection) -> tuple[int, int] | None:
    """Position and version of the live tables; None when there are none.

    Nobody else changes the tables until the end of this transaction.
    """
    row = cursor.execute(LOCK_POSITION, (projection.name,)).fetchone()
    return None if row is None else (row[0], row[1])


def add(connection: Connection[Any], projection: Projection) -> None:
    """Say that there are live tables, which hold nothing yet."""
    connection.execute(ADD, (projection.name, projection.version))


def advance(cursor: Cursor[Any], projection: Projection, position: int) -> None:
    """Say that the live tables are those of this projection's version, up to the position."""
    values = (projection.name, projection.version, position, PROJECTIONS_CHANNEL)
    cursor.execute(ADVANCE, values)


def prepare_for_folding(connection: Connection[Any], schema: str) -> None:
    """Make a connection work on the tables of a schema.

    A crash may take away its last transactions, tables and position together; the events are then
    applied again.
    """
    connection.execute(SQL("SET search_path TO {}").format(Identifier(schema)))
    connection.execute("SET synchronous_commit = off")
    connection.execute(FIND_BY_INDEX)
