"""Creates the table of checkpoints, once."""

from psycopg import Connection

from hotslot.ledger.schema import LOCK_INSTALLATION, schema_of

# Whether the schema is there.
SCHEMA_EXISTS = "SELECT to_regnamespace('checkpoints') IS NOT NULL"


def install(dsn: str) -> None:
    """Create the table where there is none yet. Safe to call from many processes at once."""
    with Connection.connect(dsn) as connection:
        connection.execute(LOCK_INSTALLATION)
        if connection.execute(SCHEMA_EXISTS).fetchone() != (True,):
            connection.execute(schema_of("hotslot.checkpoints"))
