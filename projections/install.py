"""Creates the projections' tables, and builds those of a new version."""

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from hotslot.ledger.schema import schema_of
from projections.catalogue import PROJECTIONS
from projections.positions import add, position_of
from projections.rebuild import rebuild

# One installer at a time, in every process: concurrent DDL fails.
LOCK_INSTALLATION = "SELECT pg_advisory_lock(7305816410938443)"

SCHEMA_EXISTS = "SELECT to_regnamespace('projections') IS NOT NULL"


def install(dsn: str) -> None:
    """Create the projections that there are none of yet; the followers fill them.

    One whose tables are of another version is built anew beside the old one, and swapped in: that
    takes as long as reading the ledger. Safe to call from many processes at once, and while others
    serve. The ledger must be installed.

    Raises:
        UnknownEventError: the ledger holds an event that this software doesn't know.
        RebuildRunningError: the projection is just being rebuilt by another process.

    """
    with Connection.connect(dsn, autocommit=True) as connection:
        connection.execute(LOCK_INSTALLATION)
        if connection.execute(SCHEMA_EXISTS).fetchone() != (True,):
            connection.execute(schema_of("projections"))
        for projection in PROJECTIONS.values():
            found = position_of(connection, projection)
            if found is None:
                with connection.transaction():
                    schema = Identifier(projection.name)
                    connection.execute(SQL("CREATE SCHEMA {}").format(schema))
                    connection.execute(SQL("SET LOCAL search_path TO {}").format(schema))
                    connection.execute(projection.schema)
                    add(connection, projection)
            elif found[1] != projection.version:
                rebuild(dsn, projection)
