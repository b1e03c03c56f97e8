"""Starts and ends what is measured: one PostgreSQL, the peers and Hotslot, each in its process."""

import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from bench.peers.serving import READY
from hotslot.ledger.postgres import EmbeddedPostgres

READY_WITHIN_S = 120.0
ENDS_WITHIN_S = 30.0
POLL_S = 0.02
PEER_READY = re.compile(re.escape(READY) + r"(\d+)")
HOTSLOT_READY = re.compile(r"Hotslot listens on http://[^:]+:(\d+)")
ADMIN_KEY = secrets.token_urlsafe(32)


class ServiceError(Exception):
    """A service did not start; the message holds what it printed."""


class Bench:
    """A PostgreSQL for one run of the benchmarks, and a folder for the services' output."""

    def __init__(self, folder: Path, postgres: EmbeddedPostgres) -> None:
        self.folder = folder
        self._dsn = postgres.dsn

    def database(self, name: str, schema: LiteralString = "") -> str:
        """Make an empty database, run `schema` in it, and return its URL."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        own = conninfo_to_dict(self._dsn)
        url = self._dsn.replace(f"/{own['dbname']}?", f"/{name}?", 1)
        if schema:
            with psycopg.connect(url) as connection:
                connection.execute(schema)
        return url

    @contextmanager
    def peer(self, module: str, database_url: str, *more: str) -> Iterator[int]:
        """Run a peer and yield its port."""
        command = [sys.executable, "-m", f"bench.peers.{module}", database_url, *more]
        with self._running(module, command, {}, PEER_READY) as port:
            yield port

    @contextmanager
    def hotslot(self, database_url: str, **more: str) -> Iterator[int]:
        """Run Hotslot in one process, as `hotslot serve` does, and yield its port."""
        settings = {
            **more,
            "HOTSLOT_DATABASE_URL": database_url,
            "HOTSLOT_DATA_DIR": str(self.folder / "data"),
            "HOTSLOT_PORT": "0",
            "HOTSLOT_WORKERS": "1",
            "HOTSLOT_ADMIN_KEY": ADMIN_KEY,
            "HOTSLOT_LOG_KEYS": str(self.folder / "log-keys"),
        }
        command = [sys.executable, "-m", "hotslot", "serve"]
        with self._running("hotslot", command, settings, HOTSLOT_READY) as port:
            yield port

    @contextmanager
    def _running(
        self, name: str, command: list[str], settings: dict[str, str], ready: re.Pattern[str]
    ) -> Iterator[int]:
        log = self.folder / f"{name}.log"
        own = {key: value for key, value in os.environ.items() if not key.startswith("HOTSLOT_")}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env={**own, **settings, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield _port_when_ready(process, log, ready)
        finally:
            process.terminate()
            try:
                process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def prepared(folder: Path) -> Iterator[Bench]:
    """Start an embedded PostgreSQL with its data under `folder`, which is removed at the end.

    The folder must lie on a real disk: on a memory file system, commits would cost nothing.
    """
    postgres = EmbeddedPostgres(folder / "postgres")
    postgres.remove()  # what an interrupted run left, and the rest of it
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with postgres:
            yield Bench(folder, postgres)
    finally:
        postgres.remove()
    shutil.rmtree(folder)  # after an error the services' output stays, to be read


def schema_of(path: Path) -> LiteralString:
    """Return a schema file's text, which is as trusted as the code beside it."""
    return path.read_text("utf-8")


def _port_when_ready(process: subprocess.Popen[bytes], log: Path, ready: re.Pattern[str]) -> int:
    give_up = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up:
        ended = process.poll() is not None
        printed = log.read_text("utf-8", errors="replace")
        if found := ready.search(printed):
            return int(found[1])
        if ended:
            raise ServiceError(f"{log.stem} ended with status {process.returncode}:\n{printed}")
        time.sleep(POLL_S)
    raise ServiceError(f"{log.stem} was not ready within {READY_WITHIN_S:.0f} s:\n{printed}")
