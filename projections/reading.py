"""What the reads of all projections share."""

from typing import Any, Generic, LiteralString, NamedTuple, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from projections.positions import POSITION

NOW = 2**63 - 1
"""The position that comes after every event: reads without a position are as of this one."""

# All reads find their rows by index. The planner is told so, since its statistics lag behind: a
# statement prepared on an empty table would go on scanning it when it has filled up.
CONFIGURE = """
SELECT set_config('TimeZone', 'UTC', false), set_config('jit', 'off', false),
       set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false)
"""


Row = TypeVar("Row")


class InvalidCursorError(ValueError):
    """The cursor of a page is none that this list gave."""


class Page(NamedTuple, Generic[Row]):
    """A part of a list."""

    rows: list[Row]
    next: str | None
    """Cursor of the next page; None at the end."""


def number(cursor: str) -> int:
    """The number that a cursor is.

    Raises:
        InvalidCursorError: it is none.

    """
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < len(str(NOW))):
        raise InvalidCursorError(cursor)
    return int(cursor)


async def configure(connection: AsyncConnection[Any]) -> None:
    """Prepare a connection for the reads: to be called once, as a pool's `configure`.

    Reads want autocommit, which this sets: each is one statement, and sees one state.
    """
    await connection.set_autocommit(True)
    await connection.execute(CONFIGURE)


async def fetch(
    connection: AsyncConnection[Any], statement: LiteralString, parameters: dict[str, Any]
) -> list[tuple[Any, ...]]:
    """Run a read: prepared, and in binary, which is the cheapest to decode."""
    async with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
        await cursor.execute(statement, parameters, prepare=True)
        return await cursor.fetchall()


async def projection_position(connection: AsyncConnection[Any], name: str) -> int:
    """The position that a projection has reached; 0 before the first event."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(POSITION, (name,), prepare=True)
        row = await cursor.fetchone()
    return row[0] if row else 0
