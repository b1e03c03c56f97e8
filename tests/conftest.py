"""What all tests share: one PostgreSQL, a fresh database where wanted, one server for reads."""

import itertools
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest
import structlog
from psycopg.conninfo import make_conninfo

from hotslot.checkpoints import schema as checkpoints
from hotslot.cli.main import run
from hotslot.leases import schema as leases
from hotslot.ledger import schema
from hotslot.ledger.postgres import EmbeddedPostgres
from projections.install import install
from tests.command_line import Ended, Hotslot
from tests.serving import Server, serving

_numbers = itertools.count(1)


def pytest_configure() -> None:
    """What a shell runs in the background is told to ignore Ctrl-C, and so would all servers be."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside() -> Iterator[None]:
    """Nothing that is set where the tests are run has a say in them."""
    with pytest.MonkeyPatch.context() as patched:
        for name in [each for each in os.environ if each.startswith("HOTSLOT_")]:
            patched.delenv(name)
        yield


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """A command that was run in this process has its logs go to what the test captured."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def hotslot(capsys: pytest.CaptureFixture[str]) -> Hotslot:
    """Runs commands in this process."""

    def call(*arguments: str, **variables: str) -> Ended:
        capsys.readouterr()  # what the test itself printed before
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys, "argv", ["hotslot", *arguments])
            for name, value in variables.items():
                patched.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                run()
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of the PostgreSQL that all tests use."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    dsn = server.start()
    with psycopg.connect(dsn, autocommit=True) as connection:
        # No test cuts the power: what a killed process wrote is safe with the kernel.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield dsn
    finally:
        server.remove()


@pytest.fixture(scope="session")
def template(postgres: str) -> str:
    """The name of a database that has the ledger and the projections, and no events."""
    _create(postgres, "hotslot_template")
    dsn = _database(postgres, "hotslot_template")
    schema.install(dsn)
    leases.install(dsn)
    checkpoints.install(dsn)
    install(dsn)
    return "hotslot_template"


@pytest.fixture(scope="session")
def new_database(postgres: str, template: str) -> Callable[[], str]:
    """Makes databases with an empty ledger; returns the DSN of each."""

    def create() -> str:
        name = f"test_{next(_numbers)}"
        _create(postgres, name, template)
        return _database(postgres, name)

    return create


@pytest.fixture
def dsn(new_database: Callable[[], str]) -> str:
    """A database with an empty ledger, for one test."""
    return new_database()


@pytest.fixture(scope="session")
def server(new_database: Callable[[], str]) -> Iterator[Server]:
    """A server that many tests share: each uses ids of its own."""
    with serving(new_database()) as shared:
        yield shared


@pytest.fixture
def admin(server: Server) -> Iterator[httpx.Client]:
    """A client with the admin key."""
    with server.client() as client:
        yield client


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Makes ids that no other test uses."""
    suffix = uuid.uuid4().hex[:12]
    return lambda name: f"{name}-{suffix}"


def _create(postgres: str, name: str, template: str = "template1") -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        # Copying files takes half the time of writing them to the log, the default.
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')


def _database(postgres: str, name: str) -> str:
    return make_conninfo(postgres, dbname=name)
