"""The embedded PostgreSQL as it should be: set up right, private, and out of everyone's way."""

import contextlib
import os
import stat
import threading
from pathlib import Path

import psycopg
import pytest

from hotslot.ledger.postgres import EmbeddedPostgres, EmbeddedPostgresError, running_dsn
from tests.ledger.embedded.server_process import (
    Person,
    alive,
    only_root,
    parent_of,
)


def test_it_starts_keeps_its_data_and_is_set_up_for_a_ledger(person: Person) -> None:
    data_dir = person.folder / ".hotslot"
    with person.serving(data_dir) as served:
        assert served.dsn.startswith("postgresql://hotslot@/hotslot?host=")
        assert served.ask(
            "SELECT current_user::text, current_database()::text, rolsuper,"
            " pg_encoding_to_char(encoding)::text, datcollate"
            " FROM pg_roles, pg_database WHERE rolname = current_user"
            " AND datname = current_database()"
        ) == [("hotslot", "hotslot", True, "UTF8", "C")]
        wanted = {
            "fsync": "on",
            "synchronous_commit": "on",
            "data_checksums": "on",
            "listen_addresses": "",
            "TimeZone": "UTC",
            "jit": "off",
            "autovacuum": "on",
            "max_connections": "200",
            "shared_buffers": "128MB",
        }
        assert {name: served.ask(f"SHOW {name}")[0][0] for name in wanted} == wanted
        served.ask("CREATE TABLE kept AS SELECT 42 AS answer")
        served.stop()
        assert not alive(served.process.pid)
    with person.serving(data_dir) as served:
        assert served.ask("SELECT answer FROM kept") == [(42,)]
        sockets, postmaster = served.sockets, served.postmaster
    assert not sockets.exists()
    assert not alive(postmaster)


def test_postgresql_never_runs_as_root(person: Person) -> None:
    with person.serving(person.data_dir()) as served:
        uid = Path(f"/proc/{served.postmaster}").stat().st_uid
        assert uid == served.data.stat().st_uid != 0
        assert stat.S_IMODE(served.data.stat().st_mode) == 0o700
        assert stat.S_IMODE(served.sockets.stat().st_mode) == 0o700


@only_root
def test_other_users_cannot_connect(me: Person, nobody: Person, daemon: Person) -> None:
    for owner in (me, nobody):
        with owner.serving(owner.data_dir()) as served:
            assert "connected as hotslot" in owner.connect(served.dsn)
            assert "Permission denied" in daemon.connect(served.dsn)
            # Not even where the folder and the socket stood open.
            served.sockets.chmod(0o755)
            (served.sockets / ".s.PGSQL.5432").chmod(0o777)
            assert "Peer authentication failed" in daemon.connect(served.dsn)


@only_root
def test_three_users_run_one_each_at_the_same_time(
    me: Person, nobody: Person, daemon: Person
) -> None:
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(owner.serving(owner.data_dir())) for owner in (me, nobody, daemon)
        ]
        assert all(served.ask("SELECT 1") == [(1,)] for served in servers)
        assert len({served.sockets for served in servers}) == 3


def test_a_long_temporary_folder_is_not_used_for_the_socket(me: Person) -> None:
    long = me.folder / ("long" * 25)
    long.mkdir()
    with me.serving(me.folder / "data", TMPDIR=str(long)) as served:
        assert served.sockets.parent == Path("/tmp")


def test_it_is_used_from_a_process_with_threads_and_inherits_nothing(me: Person) -> None:
    server = EmbeddedPostgres(me.data_dir())
    done = threading.Event()
    others = [threading.Thread(target=done.wait) for _ in range(4)]
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    starter = threading.Thread(target=server.start)
    for thread in (*others, starter):
        thread.start()
    starter.join()
    try:
        with psycopg.connect(server.dsn) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
            assert row is not None
        postmaster = int((Path(row[0]) / "postmaster.pid").read_text().splitlines()[0])
        keeper = parent_of(postmaster)
        pipe = str(Path(f"/proc/self/fd/{writing}").readlink())
        for pid in (keeper, postmaster):
            open_files = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
            assert pipe not in open_files
            assert not any(name.endswith("/lock") for name in open_files)
    finally:
        done.set()
        server.stop()
        os.close(reading)
        os.close(writing)


def test_the_address_is_there_while_it_runs_and_for_others_to_find(me: Person) -> None:
    data_dir = me.folder / "data"
    server = EmbeddedPostgres(data_dir)
    with pytest.raises(EmbeddedPostgresError, match="start it first"):
        _ = server.dsn
    assert running_dsn(data_dir) is None
    with server:
        assert running_dsn(data_dir) == server.dsn
        with pytest.raises(EmbeddedPostgresError, match="started already"):
            server.start()
        assert running_dsn(data_dir) == server.dsn
    assert running_dsn(data_dir) is None
    server.stop()  # a second time does no harm


def test_removing_deletes_the_database(me: Person) -> None:
    data_dir = me.folder / "data"
    server = EmbeddedPostgres(data_dir)
    server.remove()  # nothing there yet
    with server, psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE kept ()")
    server.remove()
    assert list(data_dir.iterdir()) == []
    with server, psycopg.connect(server.dsn) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)
