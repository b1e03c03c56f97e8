"""Creates the ledger's tables and functions, once; reads the SQL of any schema."""

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
            connection.execute(schema_of("hotslot.ledger"))


def schema_of(package: str) -> LiteralString:
    """The package's schema.sql, which is as trusted as its code."""
    schema: Any = (files(package) / "schema.sql").read_text("utf-8")
    return cast("LiteralString", schema)
