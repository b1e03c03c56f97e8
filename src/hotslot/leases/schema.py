"""Creates the table of leases and its functions, once."""

from psycopg import Connection

from hotslot.ledger.schema import LOCK_INSTALLATION, schema_of

# Whether the schema is there.
SCHEMA_EXISTS = "SELECT to_regnamespace('leases') IS NOT NULL"


def install(dsn: str) -> None:
    """Create the leases where there are none yet. The ledger must be installed.

    Safe to call from many processes at once.
    """
    with Connection.connect(dsn) as connection:
        connection.execute(LOCK_INSTALLATION)
        if connection.execute(SCHEMA_EXISTS).fetchone() != (True,):
            connection.execute(schema_of("hotslot.leases"))
