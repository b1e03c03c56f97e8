"""Folds the whole ledger from nothing and compares the result with a projection's live tables."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import msgspec
from psycopg import Connection, Cursor, IsolationLevel, ServerCursor
from psycopg.errors import UndefinedTable
from psycopg.sql import SQL, Identifier

from projections.positions import FIND_BY_INDEX, position_of
from projections.projection import Projection
from projections.source import BATCH, StoredEvent, read

Progress = Callable[[int, int], None]
"""Told how far the work has come, and how far there is to go, as ledger positions."""

# All events up to a position, in order.
EVENTS = """
SELECT position, stream, version, type, convert_to(state::text, 'UTF8')
  FROM ledger.events WHERE position <= %s ORDER BY position
"""

# The tables are filled now: the comparison may read them whole.
READ_WHOLE = """
RESET enable_seqscan; RESET enable_bitmapscan; RESET enable_hashjoin; RESET enable_mergejoin
"""

COLUMNS = """
SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute
 WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""

# Rows that are not the same in both, or only in one.
DIFFERENCE = """
SELECT to_jsonb(live), to_jsonb(replay)
  FROM {live} AS live FULL JOIN {replay} AS replay USING ({key})
 WHERE ({live_columns}) IS DISTINCT FROM ({replay_columns})
 ORDER BY {key} LIMIT 1
"""

COUNT = "SELECT count(*) FROM {}"


class NotComparableError(Exception):
    """The projection is not installed, or its live tables are of another version."""


class Difference(msgspec.Struct, frozen=True):
    """The first row in which a live table and the replay differ."""

    table: str
    key: dict[str, Any]
    live: dict[str, Any] | None
    """None: the row is missing in the live table."""
    replay: dict[str, Any] | None
    """None: the row should not be there."""

    def __str__(self) -> str:
        row = f"{self.table}: the row {_told(self.key)}"
        if self.live is None:
            return f"{row} is missing. The ledger says {_told(self.replay or {})}"
        if self.replay is None:
            return f"{row} should not be there. It says {_told(self.live)}"
        differing = [name for name in self.live if self.live[name] != self.replay[name]]
        return (
            f"{row} says {_told(self.live, differing)}, but the ledger says "
            f"{_told(self.replay, differing)}"
        )


class Checked(msgspec.Struct, frozen=True):
    """The result of a check."""

    projection: str
    position: int
    """The comparison is as of this position, where the live tables were."""
    rows: int
    """So many rows the replay has."""
    difference: Difference | None
    """The first one; None when there is none."""


def check(
    dsn: str, projection: Projection, progress: Progress = lambda _done, _total: None
) -> Checked:
    """Compare the live tables with a replay of the ledger, row by row, at the same position.

    All is read from one snapshot, so that it can be done while the server serves. The replay is in
    temporary tables.

    Raises:
        NotComparableError: the projection is not installed, or of another version.
        UnknownEventError: the ledger holds an event that this software doesn't know.
        ProjectionError: the ledger's events don't add up.

    """
    with Connection.connect(dsn) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        try:
            return _check(connection, projection, progress)
        finally:
            connection.rollback()


def _check(connection: Connection[Any], projection: Projection, progress: Progress) -> Checked:
    # Before the snapshot is taken: from here on, no rebuild can swap the tables.
    try:
        for table in projection.tables:
            live = Identifier(projection.name, table)
            connection.execute(SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(live))
    except UndefinedTable as error:
        raise NotComparableError(
            f"The projection {projection.name} has no table {table}. Build it anew: "
            f"hotslot projections rebuild {projection.name}"
        ) from error
    position, version = position_of(connection, projection) or (0, 0)
    if version != projection.version:
        raise NotComparableError(
            f"The live tables of {projection.name} are of version {version}, and this software "
            f"knows version {projection.version}. Build them anew: hotslot projections rebuild "
            f"{projection.name}"
        )
    connection.execute("SET LOCAL search_path TO pg_temp")
    connection.execute(FIND_BY_INDEX)
    connection.execute(projection.schema)
    with connection.cursor() as cursor:
        for batch in _events(connection, position):
            projection.apply(cursor, batch)
            progress(batch[-1].position, position)
        connection.execute(READ_WHOLE)
        rows = 0
        for table, key in projection.tables.items():
            connection.execute(SQL("ANALYZE {}").format(Identifier(table)))
            difference = _difference(cursor, projection.name, table, key)
            rows += _count(cursor, table)
            if difference is not None:
                break
    return Checked(projection.name, position, rows, difference)


def _events(connection: Connection[Any], position: int) -> Iterator[list[StoredEvent]]:
    with ServerCursor(connection, "hotslot_check") as cursor:
        cursor.execute(EVENTS, (position,))
        while rows := cursor.fetchmany(BATCH):
            yield [read(*row) for row in rows]


def _difference(
    cursor: Cursor[Any], schema: str, table: str, key: Sequence[str]
) -> Difference | None:
    names = _columns(cursor, f"pg_temp.{table}")
    if (found := _columns(cursor, f"{schema}.{table}")) != names:
        return Difference(f"{schema}.{table}", {}, {"columns": found}, {"columns": names})
    row = cursor.execute(
        SQL(DIFFERENCE).format(
            live=Identifier(schema, table),
            replay=Identifier("pg_temp", table),
            key=SQL(", ").join(map(Identifier, key)),
            live_columns=SQL(", ").join(Identifier("live", name) for name in names),
            replay_columns=SQL(", ").join(Identifier("replay", name) for name in names),
        )
    ).fetchone()
    if row is None:
        return None
    live, replay = row
    return Difference(
        f"{schema}.{table}", {name: (live or replay)[name] for name in key}, live, replay
    )


def _columns(cursor: Cursor[Any], table: str) -> list[str]:
    (names,) = cursor.execute(COLUMNS, (table,)).fetchone() or ([],)
    return cast("list[str]", names)


def _count(cursor: Cursor[Any], table: str) -> int:
    (rows,) = cursor.execute(SQL(COUNT).format(Identifier("pg_temp", table))).fetchone() or (0,)
    return int(rows)


def _told(row: dict[str, Any], names: Sequence[str] | None = None) -> str:
    return ", ".join(f"{name} = {row[name]!r}" for name in (row if names is None else names))
