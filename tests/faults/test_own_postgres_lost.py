"""The PostgreSQL that a server runs itself ends: it can't be waited for, so the server ends too."""

import os
import signal
from pathlib import Path

import psycopg

from hotslot.ledger.postgres import EmbeddedPostgres, running_dsn
from tests.serving import Server

LIMIT_SECONDS = 60


def test_a_server_ends_with_its_postgres_and_says_so(tmp_path: Path):
    data, log = tmp_path / "data", tmp_path / "log"
    server = Server(None, log=log, HOTSLOT_DATA_DIR=str(data))
    try:
        os.kill(postmaster(data), signal.SIGKILL)
        assert server.process.wait(LIMIT_SECONDS) == 1
    finally:
        server.kill()
        EmbeddedPostgres(data).remove()
    assert "The embedded PostgreSQL has ended." in log.read_text(encoding="utf-8")


def postmaster(data: Path) -> int:
    dsn = running_dsn(data)
    assert dsn is not None
    with psycopg.connect(dsn) as connection:
        (folder,) = connection.execute("SHOW data_directory").fetchone() or (None,)
    assert folder is not None
    return int((Path(folder) / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
