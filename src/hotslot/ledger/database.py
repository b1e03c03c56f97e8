"""Which database to work on, by the settings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hotslot.ledger.postgres import EmbeddedPostgres, EmbeddedPostgresError, running_dsn
from hotslot.ledger.postgres.places import find_home
from hotslot.settings import Settings


@contextmanager
def open_database(
    settings: Settings, *, visit: bool = False, lost: Callable[[], None] | None = None
) -> Iterator[str]:
    """The address of the database, as a libpq URL, with the embedded server started if need be.

    Who serves owns the embedded server: it is started, made if there is none yet, and stopped at
    the end. Who visits uses the one that some process runs on the data directory; if none does, it
    is started for as long as the visit lasts, but never made. `lost` is called, in a thread, should
    a server that was started here end by itself.

    Raises:
        EmbeddedPostgresError: it can't be started, or there is none to visit.

    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    if visit:
        if (dsn := running_dsn(settings.data_dir)) is not None:
            yield dsn
            return
        if find_home(settings.data_dir.resolve()) is None:
            raise EmbeddedPostgresError(
                f"There is no database in the data directory {settings.data_dir}. Name the one "
                "that the server uses with HOTSLOT_DATA_DIR, or a PostgreSQL with "
                "HOTSLOT_DATABASE_URL."
            )
    with EmbeddedPostgres(settings.data_dir, settings.pg_bin) as server:
        if lost is not None:
            server.call_when_lost(lost)
        yield server.dsn
