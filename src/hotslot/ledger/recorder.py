"""The ledger as a recorder of the eventsourcing library: what followers read it through."""

from collections.abc import Sequence
from typing import Any

import msgspec
from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.rows import dict_row

from hotslot.ledger.append import APPEND, AppendedEvent, append_arguments
from hotslot.ledger.channels import LEDGER_CHANNEL


class LedgerRecorder(PostgresApplicationRecorder):
    """Reads and appends stored events; ids are streams, topics are event types.

    The library's own way of inserting is replaced: its function variant drops the lock, and a
    reader that follows the ledger then misses events. Its reading is used as it is, through a
    view with the library's column names.
    """

    def __init__(self, dsn: str) -> None:
        """Open a recorder on a database whose schema is installed; `dsn` is a libpq URL."""
        datastore = PostgresDatastore(
            dbname="",
            host="",
            port="",
            user="",
            password="",
            schema="ledger",
            originator_id_type="text",
            max_overflow=1,
        )
        # The library knows five parts of an address; a URL may say more, such as sslmode.
        datastore.pool.conninfo = dsn
        datastore.pool.kwargs = {"row_factory": dict_row}
        super().__init__(datastore, events_table_name="notifications")
        self.channel_name = LEDGER_CHANNEL

    def close(self) -> None:
        """Close the connections."""
        self.datastore.close()

    def create_table(self) -> None:
        """Nothing to do: hotslot.ledger.schema creates the tables."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Append events in one step; returns their positions.

        Raises:
            IntegrityError: another event stands at one of the versions already.

        """
        if not stored_events:
            return []
        read: dict[str, int] = {}
        for event in stored_events:
            read.setdefault(str(event.originator_id), event.originator_version - 1)
        batch = [
            AppendedEvent(
                str(event.originator_id),
                event.originator_version,
                event.topic,
                msgspec.Raw(event.state),
            )
            for event in stored_events
        ]
        with self.datastore.get_connection() as connection:
            row = connection.execute(APPEND, append_arguments(read, batch, [])).fetchone()
        assert row is not None
        if row["stale"]:
            raise IntegrityError(f"Streams have moved on: {', '.join(row['stale'])}")
        return [row["head"] + i for i in range(1, len(stored_events) + 1)]
