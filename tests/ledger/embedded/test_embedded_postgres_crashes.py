"""A crash, of whatever process, leaves nothing that stops the next start."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import psycopg

from tests.ledger.embedded.server_process import (
    Person,
    alive,
    only_root,
    session_of,
    wait_until,
)

BUSY = b"SELECT count(*) FROM generate_series(1, 3000) a, generate_series(1, 3000) b"


def test_it_ends_when_hotslot_is_killed_and_starts_again(person: Person) -> None:
    data_dir = person.data_dir()
    with person.serving(data_dir) as served:
        served.ask("CREATE TABLE kept AS SELECT 42 AS answer")
        sockets, postmaster, keeper = served.sockets, served.postmaster, served.keeper
        served.kill()
        wait_until(lambda: not alive(postmaster) and not alive(keeper) and not sockets.exists())
    with person.serving(data_dir) as served:
        assert served.ask("SELECT answer FROM kept") == [(42,)]


def test_a_start_right_after_a_kill_waits_for_the_old_server(person: Person) -> None:
    data_dir = person.data_dir()
    with person.serving(data_dir) as served:
        assert served.error == ""
        served.kill()
    with person.serving(data_dir) as served:
        assert served.ask("SELECT 1") == [(1,)]


def test_a_server_whose_keeper_was_killed_too_is_ended_by_the_next_start(person: Person) -> None:
    data_dir = person.data_dir()
    with person.serving(data_dir) as served:
        sockets, postmaster, keeper = served.sockets, served.postmaster, served.keeper
        os.kill(keeper, signal.SIGKILL)
        wait_until(lambda: not alive(keeper))
        served.kill()
        assert alive(postmaster)
    with person.serving(data_dir) as served:
        assert served.ask("SELECT 1") == [(1,)]
        assert served.postmaster != postmaster
        assert not alive(postmaster)
        assert not sockets.exists()


def test_stopping_ends_a_server_whose_keeper_was_killed(me: Person) -> None:
    with me.serving(me.data_dir()) as served:
        sockets, postmaster, keeper = served.sockets, served.postmaster, served.keeper
        os.kill(keeper, signal.SIGKILL)
        wait_until(lambda: not alive(keeper))
        served.stop()
        assert served.process.returncode == 0
        assert not alive(postmaster)
        assert not sockets.exists()


def test_everything_killed_at_once_does_not_stop_the_next_start(person: Person) -> None:
    data_dir = person.data_dir()
    with person.serving(data_dir) as served:
        served.ask("CREATE TABLE kept AS SELECT 42 AS answer")
        data, sockets = served.data, served.sockets
        # A session in the midst of work outlives its postmaster for a while.
        with contextlib.closing(psycopg.connect(served.dsn)) as busy:
            busy.pgconn.send_query(BUSY)
            for pid in (served.keeper, served.postmaster):
                os.kill(pid, signal.SIGKILL)
            served.kill()
            assert (data / "postmaster.pid").exists()
            assert sockets.exists()
            with person.serving(data_dir) as again:
                assert again.ask("SELECT answer FROM kept") == [(42,)]
                assert not sockets.exists()


def test_a_process_that_has_the_id_of_a_dead_server_is_left_alone(person: Person) -> None:
    data_dir = person.data_dir()
    with person.serving(data_dir) as served:
        data = served.data
        lines = (data / "postmaster.pid").read_text().splitlines()
    # One of the same user: PostgreSQL itself sees that another user's isn't its own.
    bystander = person.run("import sys; sys.stdin.readline()")
    (data / "postmaster.pid").write_text("\n".join([str(bystander.pid), *lines[1:]]))
    with person.serving(data_dir) as served:
        assert served.ask("SELECT 1") == [(1,)]
        assert bystander.poll() is None
    bystander.communicate("\n")


@only_root
def test_a_server_that_somebody_started_by_hand_is_left_alone(nobody: Person, pg_bin: Path) -> None:
    data_dir = nobody.data_dir()
    with nobody.serving(data_dir) as served:
        data = served.data
    by_hand = subprocess.Popen(
        [pg_bin / "postgres", "-D", data, "-c", "listen_addresses=", "-k", nobody.folder],
        stderr=subprocess.DEVNULL,
        **nobody.switch,
    )
    try:
        wait_until((nobody.folder / ".s.PGSQL.5432").exists)
        assert f"Hotslot did not start (process {by_hand.pid})" in nobody.error(data_dir)
        assert by_hand.poll() is None
    finally:
        by_hand.send_signal(signal.SIGINT)
        by_hand.wait(60)


def test_ctrl_c_in_a_terminal_does_not_reach_it(me: Person) -> None:
    with me.serving(me.data_dir()) as served:
        ours = session_of(served.process.pid)
        assert ours not in {session_of(served.keeper), session_of(served.postmaster)}


def test_an_interrupted_initdb_leaves_nothing_half_made(person: Person, pg_bin: Path) -> None:
    data_dir = person.folder / "data"
    slow = person.folder / "slow"
    started = person.folder / "started"
    slow.mkdir()
    person.folder.chmod(0o777)  # root's PostgreSQL, too, runs as somebody else
    (slow / "postgres").symlink_to(pg_bin / "postgres")
    (slow / "initdb").write_text(
        "#!/bin/sh\n"
        'for it; do case "$it" in --pgdata=*) cd "${it#--pgdata=}" ;; esac; done\n'
        f"mkdir base; echo 18 > PG_VERSION; echo $$ > {started}; exec sleep 600\n"
    )
    (slow / "initdb").chmod(0o755)
    process = person.run(
        "import sys; from pathlib import Path; from hotslot.ledger.postgres import *;"
        "EmbeddedPostgres(Path(sys.argv[1]), Path(sys.argv[2])).start()",
        data_dir,
        slow,
    )
    wait_until(lambda: started.exists() and started.read_text().endswith("\n"))
    process.kill()
    try:
        process.communicate()
        with person.serving(data_dir) as served:
            assert served.error == ""
            assert [path.name for path in served.data.parent.glob("data*")] == ["data"]
    finally:
        os.kill(int(started.read_text()), signal.SIGKILL)
