"""What the commands share that work on the server's database itself."""

import contextlib
from collections.abc import Iterator

import psycopg

from hotslot.cli.output import fail
from hotslot.cli.server_settings import server_settings
from hotslot.ledger.database import open_database
from hotslot.ledger.postgres import EmbeddedPostgresError

REFUSED = 1
OUT_OF_REACH = 3

# Whether there is a ledger with projections in the database.
IS_INSTALLED = """
SELECT to_regclass('ledger.events') IS NOT NULL AND to_regclass('projections.positions') IS NOT NULL
"""


@contextlib.contextmanager
def database() -> Iterator[str]:
    """The address of the database; ends the command where there is none, or no ledger in it."""
    try:
        with open_database(server_settings(), visit=True) as dsn:
            with psycopg.connect(dsn) as connection:
                installed = connection.execute(IS_INSTALLED).fetchone()
            if installed != (True,):
                fail(
                    REFUSED,
                    "There is no ledger in this database. Is it the one that the server uses? See "
                    "HOTSLOT_DATABASE_URL and HOTSLOT_DATA_DIR.",
                )
            yield dsn
    except EmbeddedPostgresError as error:
        fail(OUT_OF_REACH, str(error))
    except psycopg.OperationalError as error:
        fail(OUT_OF_REACH, f"The database is out of reach: {error}")
