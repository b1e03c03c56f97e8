"""Creates the ledger's tables and functions, and what lacks; reads the SQL of any schema."""

from importlib.resources import files
from typing import Any, LiteralString, cast

from psycopg import Connection
from psycopg.errors import InsufficientPrivilege

# Whether the ledger's schema is there.
SCHEMA_EXISTS = "SELECT to_regnamespace('ledger') IS NOT NULL"

# Whether its guard rails are, switched on or not: who switched them off may have had a reason.
GUARDS_EXIST = """
SELECT EXISTS (SELECT FROM pg_trigger
                WHERE tgrelid = 'ledger.events'::regclass AND tgname = 'only_added_to')
"""

# One installer at a time, in every process: concurrent DDL fails.
LOCK_INSTALLATION = "SELECT pg_advisory_xact_lock(7305816410938442)"


class NotAllowedToInstallError(Exception):
    """The ledger lacks something, and this account may not create it."""

    def __init__(self, error: InsufficientPrivilege) -> None:
        super().__init__(
            "This version of Hotslot has to add to the ledger's tables, and its account in "
            f"PostgreSQL may not ({error.diag.message_primary}). Start it once with the rights of "
            'their owner: docs/operations.md, "An account that can only add", says how.'
        )


def install(dsn: str) -> None:
    """Create the ledger where there is none yet, and what one of an earlier version lacks.

    Safe to call from many processes at once, and while others serve. Where nothing lacks, it only
    looks: an account that may not create anything can call it.

    Raises:
        NotAllowedToInstallError: something lacks, and this account may not create it.

    """
    with Connection.connect(dsn) as connection:
        connection.execute(LOCK_INSTALLATION)
        for exists, file in ((SCHEMA_EXISTS, "schema.sql"), (GUARDS_EXIST, "guards.sql")):
            if connection.execute(exists).fetchone() != (True,):
                try:
                    connection.execute(schema_of("hotslot.ledger", file))
                except InsufficientPrivilege as error:
                    raise NotAllowedToInstallError(error) from error


def schema_of(package: str, file: str = "schema.sql") -> LiteralString:
    """The package's SQL, which is as trusted as its code."""
    schema: Any = (files(package) / file).read_text("utf-8")
    return cast("LiteralString", schema)
