"""The statements on checkpoints."""

from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row

from hotslot.ledger.channels import PROJECTIONS_CHANNEL

COLUMNS = """
SELECT number, size, root, signed_at, key, note,
       extract(epoch FROM clock_timestamp() - signed_at)::float8 AS age
  FROM checkpoints.checkpoints
"""

# The last one.
LAST = f"{COLUMNS} ORDER BY number DESC LIMIT 1"

# The first one of at least some size.
FIRST_OF = f"{COLUMNS} WHERE size >= %s ORDER BY size, number LIMIT 1"

# The ledger's own name.
LEDGER = "SELECT ledger::text FROM checkpoints.identity"

# One signer at a time, in every process and on every machine, until the transaction ends.
TRY_LOCK = "SELECT pg_try_advisory_xact_lock(7305816410938444)"

# The log of a crashed database ends with what was flushed, and this transaction flushes all that
# comes before it. A process that is stopped while it holds the lock must not hold up the others.
PREPARE = """
SELECT set_config('idle_in_transaction_session_timeout', '5s', true),
       CASE WHEN current_setting('synchronous_commit') = 'off'
            THEN set_config('synchronous_commit', 'on', true) END
"""

# Adds one, and tells those who wait for it when the transaction is committed.
ADD = """
WITH added AS (
    INSERT INTO checkpoints.checkpoints (size, root, signed_at, key, note)
    VALUES (%s, %s, %s, %s, %s)
    RETURNING size)
SELECT pg_notify(%s, 'checkpoints:' || size) FROM added
"""

# The database's clock: the servers' own may differ.
NOW = "SELECT clock_timestamp()"

# The ledger's last position.
HEAD = "SELECT coalesce(max(position), 0) FROM ledger.events"


class Stored(msgspec.Struct, frozen=True):
    """A checkpoint that was signed."""

    number: int
    size: int
    root: bytes
    signed_at: datetime
    key: str
    """The verifier key of the key that signed it."""
    note: str
    age: float
    """How many seconds ago it was signed when it was read, by the clock that it was signed by."""


async def last(connection: AsyncConnection[Any]) -> Stored | None:
    """The newest checkpoint; None before the first."""
    async with connection.cursor(row_factory=class_row(Stored)) as cursor:
        return await (await cursor.execute(LAST)).fetchone()


async def first_of(connection: AsyncConnection[Any], size: int) -> Stored | None:
    """The first checkpoint of at least this size; None when there is none yet."""
    async with connection.cursor(row_factory=class_row(Stored)) as cursor:
        return await (await cursor.execute(FIRST_OF, (size,))).fetchone()


async def ledger(connection: AsyncConnection[Any]) -> str:
    """The UUID of the ledger."""
    return str(await _value(connection, LEDGER))


async def now(connection: AsyncConnection[Any]) -> datetime:
    """The time, by the database's clock."""
    at: datetime = await _value(connection, NOW)
    return at


async def head(connection: AsyncConnection[Any]) -> int:
    """How many events the ledger holds: its positions have no gaps."""
    return int(await _value(connection, HEAD))


async def try_lock(connection: AsyncConnection[Any]) -> bool:
    """Become the one that signs, until the transaction ends, unless another one is."""
    await connection.execute(PREPARE)
    return bool(await _value(connection, TRY_LOCK))


async def add(
    connection: AsyncConnection[Any],
    *,
    size: int,
    root: bytes,
    signed_at: datetime,
    key: str,
    note: str,
) -> None:
    """Keep a checkpoint. It is published by the commit of the transaction."""
    await connection.execute(ADD, (size, root, signed_at, key, note, PROJECTIONS_CHANNEL))


async def _value(connection: AsyncConnection[Any], statement: LiteralString) -> Any:
    row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return row[0]
