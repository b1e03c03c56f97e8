"""Creates the ledger's tables and functions, once."""

from importlib.resources import files
from typing import Any, LiteralString, cast

from psycopg import Connection

# Whether the ledger's schema is there.
SCHEMA_EXISTS = "SELECT to_regnamespace('ledger') IS NOT NULL"

# One installer at a time, in every process: concurrent DDL fails.
LOCK_INSTALLATION = "SELECT pg_advisory_xact_lock(7305816410938442)"


def install(dsn: str) -> None:
    """Create the ledger where there is none yet. Safe to call from many processes at once."""
    with Connection.connect(dsn) as connection:
        connection.execute(LOCK_INSTALLATION)
        exists = connection.execute(SCHEMA_EXISTS).fetchone()
        if exists != (True,):
            connection.execute(_schema_sql())


def _schema_sql() -> LiteralString:
    """The schema is part of the package, as trusted as the code."""
    schema: Any = (files("hotslot.ledger") / "schema.sql").read_text()
    return cast("LiteralString", schema)
