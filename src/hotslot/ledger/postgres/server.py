"""The embedded PostgreSQL: started, connected to and stopped from here."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg

from hotslot.ledger.postgres.account import clean_environment, server_account
from hotslot.ledger.postgres.cluster import ROLE, Cluster
from hotslot.ledger.postgres.errors import EmbeddedPostgresError, explain_os_error
from hotslot.ledger.postgres.leftover import end_leftover_server, remove_leftover_sockets
from hotslot.ledger.postgres.lock import DataLock, holder_note
from hotslot.ledger.postgres.places import (
    PORT,
    find_home,
    make_socket_dir,
    remove_home,
    settle_home,
)
from hotslot.ledger.postgres.programs import find_programs

DATABASE = "hotslot"
KEEPER = Path(__file__).with_name("keeper.py")
# Seconds. Recovery after a crash may take long; a server that cannot start ends, and at once.
START_LIMIT = 120.0
STOP_LIMIT = 60.0
# Sessions of a server that was killed end on their own, but not always at once.
RETRY_LIMIT = 30.0
STILL_IN_USE = ("is still in use", 'lock file "postmaster.pid" already exists')


@dataclass(slots=True)
class _Running:
    """What there is while the server runs, in the order in which it is to be taken down."""

    keeper: subprocess.Popen[bytes]
    cluster: Cluster
    sockets: Path
    dsn: str


class EmbeddedPostgres:
    """A PostgreSQL of our own, with its data in `data_dir`; a context manager.

    It listens on a Unix socket that only this user can reach, and ends when this process does,
    even when that is killed. `pg_bin` is a folder of PostgreSQL programs to use in place of those
    in the wheel. Processes forked from this one without a new program keep it alive.
    """

    def __init__(self, data_dir: Path, pg_bin: Path | None = None) -> None:
        self._data_dir = data_dir.resolve()
        self._pg_bin = pg_bin
        self._lock: DataLock | None = None
        self._running: _Running | None = None
        self._stopping = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """The address of the database, as a libpq URL, for every process of this user.

        Raises `EmbeddedPostgresError` while the server is not running.
        """
        if self._running is None:
            raise EmbeddedPostgresError("The embedded PostgreSQL has no address: start it first.")
        return self._running.dsn

    def start(self) -> str:
        """Start the server, with an empty database if there is none yet, and return its `dsn`.

        Raises `EmbeddedPostgresError` when it can't be started; nothing is left running then.
        """
        if self._lock is not None:
            raise EmbeddedPostgresError("The embedded PostgreSQL has been started already.")
        self._stopping = False
        try:
            account = server_account()
            programs = find_programs(self._pg_bin, account)
            cluster = Cluster(settle_home(self._data_dir, account), programs, account)
            self._lock = DataLock.take(cluster.home)
            return self._start_locked(cluster, self._lock)
        except OSError as error:
            self.stop()
            raise explain_os_error(self._data_dir, error) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, ending its sessions; does nothing when it isn't running.

        Raises `EmbeddedPostgresError` when it does not end.
        """
        running = self._running
        self._stopping = True
        if running is not None:
            _end(running.keeper)
            # There is something left to end only if the keeper was killed.
            _end_leftover(running.cluster)
            remove_leftover_sockets(running.sockets, running.cluster.account)
            self._running = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def call_when_lost(self, lost: Callable[[], None]) -> None:
        """Call `lost`, in a thread, should the server end without being stopped."""
        running = self._running
        assert running is not None

        def watch() -> None:
            running.keeper.wait()
            if self._running is running and not self._stopping:
                lost()

        threading.Thread(target=watch, daemon=True).start()

    def remove(self) -> None:
        """Stop the server and delete its database for good, wherever that is kept."""
        self.stop()
        home = find_home(self._data_dir)
        if home is None:
            return
        lock = DataLock.take(home)
        try:
            remove_home(self._data_dir)
        finally:
            lock.release()

    def _start_locked(self, cluster: Cluster, lock: DataLock) -> str:
        _end_leftover(cluster)
        if left := lock.previous.get("sockets"):
            remove_leftover_sockets(Path(str(left)), cluster.account)
        cluster.prepare()
        deadline = time.monotonic() + RETRY_LIMIT
        while not self._launch(cluster, lock):
            said = cluster.log_tail()
            if time.monotonic() > deadline or not any(sign in said for sign in STILL_IN_USE):
                raise EmbeddedPostgresError(
                    f"The embedded PostgreSQL did not start on {cluster.data}. "
                    f"{cluster.advice(said)} The end of its log, {cluster.log}:\n{said}"
                )
            time.sleep(0.2)
            _end_leftover(cluster)
        return self.dsn

    def _launch(self, cluster: Cluster, lock: DataLock) -> bool:
        """Start PostgreSQL under a keeper; False when it ended without getting ready."""
        sockets = make_socket_dir(cluster.account)
        lock.note(pid=os.getpid(), sockets=str(sockets))
        try:
            cluster.configure(sockets)
            keeper = _start_keeper(cluster, sockets)
        except BaseException:
            remove_leftover_sockets(sockets, cluster.account)
            raise
        self._running = _Running(keeper, cluster, sockets, _dsn(sockets, DATABASE))
        if not _wait_until_ready(keeper, cluster, _dsn(sockets, "postgres")):
            _end(keeper)
            return False
        lock.note(pid=os.getpid(), sockets=str(sockets), dsn=self._running.dsn)
        return True


def running_dsn(data_dir: Path) -> str | None:
    """Return the address of the server that some process runs on `data_dir` now, or None.

    Raises `EmbeddedPostgresError` when the database there isn't this user's to use.
    """
    data_dir = data_dir.resolve()
    try:
        home = find_home(data_dir)
        note = None if home is None else holder_note(home)
    except OSError as error:
        raise explain_os_error(data_dir, error) from error
    dsn = None if note is None else note.get("dsn")
    return None if dsn is None else str(dsn)


def _dsn(sockets: Path, database: str) -> str:
    # The port is given, since PGPORT would name another socket.
    return f"postgresql://{ROLE}@/{database}?host={quote(str(sockets))}&port={PORT}"


def _start_keeper(cluster: Cluster, sockets: Path) -> subprocess.Popen[bytes]:
    account = cluster.account
    options = ["--sockets", str(sockets)]
    if account.switched:
        # The keeper stays root: PostgreSQL's account may not be able to reach Python.
        groups = ",".join(str(group) for group in account.groups)
        options += ["--uid", str(account.uid), "--gid", str(account.gid), "--groups", groups]
    log = cluster.open_log()
    try:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", str(KEEPER), *options, "--", *cluster.command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd="/",
            env=clean_environment(),
            start_new_session=True,
        )
    finally:
        os.close(log)


def _wait_until_ready(
    keeper: subprocess.Popen[bytes], cluster: Cluster, maintenance_dsn: str
) -> bool:
    """Wait until PostgreSQL takes connections, and make our database if there is none.

    False when it ended instead. Raises `EmbeddedPostgresError` when it does neither.
    """
    deadline = time.monotonic() + START_LIMIT
    while keeper.poll() is None:
        try:
            with psycopg.connect(maintenance_dsn, autocommit=True, connect_timeout=5) as connection:
                known = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if known is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
                return True
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"The embedded PostgreSQL takes no connections after {START_LIMIT:.0f} s: "
                    f"{error}. The end of its log, {cluster.log}:\n{cluster.log_tail()}"
                ) from error
            time.sleep(0.02)
    return False


def _end_leftover(cluster: Cluster) -> None:
    end_leftover_server(cluster.data, cluster.config, cluster.account)


def _end(keeper: subprocess.Popen[bytes]) -> None:
    if keeper.stdin is not None:
        keeper.stdin.close()
    try:
        keeper.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL does not stop; its keeper is process {keeper.pid}. It ends "
            f"by itself when it can; to end it at once: kill -KILL {keeper.pid}, and start again."
        ) from None
