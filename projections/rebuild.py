"""Builds a projection's tables anew beside the live ones, and swaps them in."""

import contextlib
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
from psycopg import Connection, Cursor
from psycopg.errors import LockNotAvailable
from psycopg.sql import SQL, Composed, Identifier

from hotslot.ledger.recorder import LedgerRecorder
from projections.positions import advance, lock_key, lock_position, prepare_for_folding
from projections.projection import Projection
from projections.source import BATCH, events_after, head

Progress = Callable[[int, int], None]
"""Told how far the work has come, and how far there is to go, as ledger positions."""

REBUILD_LOCKS = 7305818
TAKE_REBUILD = "SELECT pg_try_advisory_lock(%s, %s)"

LIVE_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename"

# Readers queue up behind whoever waits to lock a table, so the wait is short, and repeated. It is
# also shorter than PostgreSQL's deadlock timeout: it is never a reader that has to give way.
LOCK_WAIT = "SET LOCAL lock_timeout = '100ms'"
BETWEEN_LOCK_WAITS_SECONDS = 0.2


class RebuildRunningError(Exception):
    """The projection is being rebuilt by another process."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The projection {name} is being rebuilt already. Wait for that to end.")


def rebuild(
    dsn: str, projection: Projection, progress: Progress = lambda _done, _total: None
) -> int:
    """Build the tables from the whole ledger and swap them in; returns their position.

    The live tables serve and follow until then, and stay as they are if this fails or is
    interrupted. What an interrupted rebuild left is cleared away by the next one.

    Raises:
        RebuildRunningError: another process is at it.
        UnknownEventError: the ledger holds an event that this software doesn't know.
        ProjectionError: the ledger's events don't add up.

    """
    with (
        Connection.connect(dsn, autocommit=True) as connection,
        closing(LedgerRecorder(dsn)) as recorder,
    ):
        taken = connection.execute(TAKE_REBUILD, (REBUILD_LOCKS, lock_key(projection))).fetchone()
        if taken != (True,):
            raise RebuildRunningError(projection.name)
        build = _Build(connection, recorder, projection)
        try:
            build.begin()
            build.catch_up(progress)
            build.analyze()
            while not build.swap():
                time.sleep(BETWEEN_LOCK_WAITS_SECONDS)
                build.catch_up(progress)
        finally:
            with contextlib.suppress(psycopg.Error):
                build.clear()
    return build.position


class _Build:
    """Tables that are being built, in a schema of their own."""

    def __init__(
        self, connection: Connection[Any], recorder: LedgerRecorder, projection: Projection
    ) -> None:
        self._connection = connection
        self._recorder = recorder
        self._projection = projection
        self._schema = f"{projection.name}_next"
        self.position = 0

    def begin(self) -> None:
        """Create the tables, empty."""
        self.clear()
        with self._connection.transaction():
            self._connection.execute(_sql("CREATE SCHEMA {}", self._schema))
            prepare_for_folding(self._connection, self._schema)
            self._connection.execute(self._projection.schema)

    def catch_up(self, progress: Progress) -> None:
        """Apply what the ledger holds, but for a last stretch that may just be growing."""
        applied = BATCH
        while applied == BATCH:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                applied = self._apply_batch(cursor)
            progress(self.position, head(self._connection))

    def analyze(self) -> None:
        """Let the planner know the tables from the first read on."""
        for table in self._projection.tables:
            self._connection.execute(_sql("ANALYZE {}", table))

    def swap(self) -> bool:
        """Put the tables in the place of the live ones; False while a reader is in the way."""
        name, built = self._projection.name, self.position
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                live, _ = lock_position(cursor, self._projection) or (0, 0)
                # The follower waits now. Readers must never see the position fall back.
                while self.position < live and self._apply_batch(cursor):
                    pass
                cursor.execute(LOCK_WAIT)
                for (table,) in cursor.execute(LIVE_TABLES, (name,)).fetchall():
                    cursor.execute(_sql("LOCK TABLE {}.{} IN ACCESS EXCLUSIVE MODE", name, table))
                cursor.execute(_sql("DROP SCHEMA IF EXISTS {} CASCADE", name))
                cursor.execute(_sql("ALTER SCHEMA {} RENAME TO {}", self._schema, name))
                advance(cursor, self._projection, self.position)
        except LockNotAvailable:
            self.position = built
            return False
        return True

    def clear(self) -> None:
        """Drop what is there of the new tables."""
        self._connection.execute(_sql("DROP SCHEMA IF EXISTS {} CASCADE", self._schema))

    def _apply_batch(self, cursor: Cursor[Any]) -> int:
        batch = events_after(self._recorder, self.position)
        if batch:
            self._projection.apply(cursor, batch)
            self.position = batch[-1].position
        return len(batch)


def _sql(statement: str, *names: str) -> Composed:
    return SQL(statement).format(*map(Identifier, names))
