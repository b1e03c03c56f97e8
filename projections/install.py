"""Creates the projections' tables, and builds those of a new version."""

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from hotslot.ledger.schema import schema_of
from projections.catalogue import PROJECTIONS
from projections.rebuild import rebuild

# One installer at a time, in every process: concurrent DDL fails.
LOCK_INSTALLATION = "SELECT pg_advisory_lock(7305816410938443)"

SCHEMA_EXISTS = "SELECT to_regnamespace('projections') IS NOT NULL"

VERSION = "SELECT version FROM projections.positions WHERE name = %s"

ADD = "INSERT INTO projections.positions (name, version) VALUES (%s, %s)"


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
            version = connection.execute(VERSION, (projection.name,)).fetchone()
            if version is None:
                with connection.transaction():
                    schema = Identifier(projection.name)
                    connection.execute(SQL("CREATE SCHEMA {}").format(schema))
                    connection.execute(SQL("SET LOCAL search_path TO {}").format(schema))
                    connection.execute(projection.schema)
                    connection.execute(ADD, (projection.name, projection.version))
            elif version != (projection.version,):
                rebuild(dsn, projection)
