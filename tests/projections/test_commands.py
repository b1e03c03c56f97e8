"""`hotslot projections` and `hotslot project`, as an operator runs them."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from projections.catalogue import PROJECTIONS
from tests.command_line import Hotslot
from tests.projections.conftest import LIMIT_SECONDS, reached, status, until
from tests.projections.history import History, write_unknown


def test_check_is_clean(hotslot: Hotslot, followed: str, history: History):
    ended = hotslot("projections", "check", HOTSLOT_DATABASE_URL=followed)

    assert (ended.status, ended.err) == (0, "")
    assert ended.out.count(f"at position {history.position}.") == len(PROJECTIONS)


def test_check_ends_with_1_and_names_the_first_difference(hotslot: Hotslot, followed: str):
    with psycopg.connect(followed) as connection:
        connection.execute("UPDATE slots.tenures SET mode = 'offline' WHERE deployment = 'b'")

    ended = hotslot("projections", "check", HOTSLOT_DATABASE_URL=followed)
    as_json = hotslot("projections", "check", "slots", "--json", HOTSLOT_DATABASE_URL=followed)

    assert (ended.status, as_json.status) == (1, 1)
    assert "says mode = 'offline', but the ledger says mode = 'online'" in ended.err
    assert "trail agrees with the ledger" in ended.out
    assert "hotslot projections rebuild slots" in ended.err
    (slots,) = json.loads(as_json.out)["projections"]
    assert slots["difference"]["live"]["mode"] == "offline"


def test_rebuild_repairs_it(hotslot: Hotslot, followed: str, history: History):
    with psycopg.connect(followed) as connection:
        connection.execute("DELETE FROM slots.tenures")

    ended = hotslot("projections", "rebuild", "slots", HOTSLOT_DATABASE_URL=followed)

    assert ended.status == 0
    assert ended.out == f"slots is rebuilt, up to position {history.position}.\n"
    assert hotslot("projections", "check", HOTSLOT_DATABASE_URL=followed).status == 0


def test_rebuild_as_json_does_all(hotslot: Hotslot, followed: str, history: History):
    ended = hotslot("projections", "rebuild", "--json", HOTSLOT_DATABASE_URL=followed)

    assert json.loads(ended.out) == {
        "rebuilt": [{"name": name, "position": history.position} for name in PROJECTIONS]
    }


def test_status_shows_what_stopped(hotslot: Hotslot, followed: str, history: History):
    with psycopg.connect(followed) as connection:
        connection.execute(
            "UPDATE projections.positions SET state = 'stopped', error = 'a bug', position = 1 "
            "WHERE name = 'trail'"
        )

    ended = hotslot("projections", "status", HOTSLOT_DATABASE_URL=followed)
    as_json = hotslot("projections", "status", "--json", HOTSLOT_DATABASE_URL=followed)

    assert ended.status == 0
    assert "trail stopped: a bug" in ended.out
    slots, trail, proofs = json.loads(as_json.out)["projections"]
    assert (slots["position"], slots["head"]) == (history.position, history.position)
    assert (trail["position"], trail["state"], trail["followed"]) == (1, "stopped", False)
    assert (proofs["name"], proofs["state"]) == ("proofs", "following")


@pytest.mark.parametrize("command", ["check", "rebuild"])
def test_an_unknown_projection_is_wrong_usage(hotslot: Hotslot, dsn: str, command: str):
    ended = hotslot("projections", command, "nothing", HOTSLOT_DATABASE_URL=dsn)

    assert ended.status == 2
    assert "there is no such projection" in ended.err


@pytest.mark.parametrize("command", ["check", "rebuild", "status"])
def test_no_ledger_no_database_no_data(
    hotslot: Hotslot, postgres: str, tmp_path: Path, command: str
):
    without_ledger = hotslot("projections", command, HOTSLOT_DATABASE_URL=postgres)
    out_of_reach = hotslot(
        "projections", command, HOTSLOT_DATABASE_URL="postgresql://nobody@127.0.0.1:9/nothing"
    )
    without_data = hotslot("projections", command, HOTSLOT_DATA_DIR=str(tmp_path / "none"))

    assert without_ledger.status == 1
    assert "There is no ledger in this database" in without_ledger.err
    assert out_of_reach.status == 3
    assert "The database is out of reach" in out_of_reach.err
    assert without_data.status == 3
    assert "There is no database in the data directory" in without_data.err
    assert not (tmp_path / "none").exists()


def test_an_unknown_event_is_told(hotslot: Hotslot, followed: str, history: History):
    write_unknown(followed, history.position + 1)
    with psycopg.connect(followed) as connection:
        connection.execute("UPDATE projections.positions SET position = position + 1")

    for command in ("check", "rebuild"):
        ended = hotslot("projections", command, HOTSLOT_DATABASE_URL=followed)
        assert ended.status == 1
        assert "Unknown event 'license.teleported'" in ended.err


def test_the_embedded_server_is_found_or_started(hotslot: Hotslot, tmp_path: Path):
    """Data that a server left: `check` starts PostgreSQL on it, and stops it again."""
    from hotslot.ledger import schema
    from hotslot.ledger.postgres import EmbeddedPostgres
    from projections.install import install

    embedded = EmbeddedPostgres(tmp_path / "data")
    try:
        with embedded as server:
            schema.install(server.dsn)
            install(server.dsn)
            running = hotslot("projections", "check", HOTSLOT_DATA_DIR=str(tmp_path / "data"))
        stopped = hotslot("projections", "check", HOTSLOT_DATA_DIR=str(tmp_path / "data"))
    finally:
        embedded.remove()

    assert (running.status, running.err) == (0, "")
    assert (stopped.status, stopped.err) == (0, "")


def project(dsn: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "hotslot", "project"],
        env={**os.environ, "HOTSLOT_DATABASE_URL": dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_project_follows_until_it_is_told_to_end(
    dsn: str, history: History, signal_number: signal.Signals
):
    position = history.write(dsn)
    process = project(dsn)
    try:
        until(lambda: reached(dsn, position))
    finally:
        process.send_signal(signal_number)
        out, _ = process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == 0
    assert out.splitlines() == ["Following the ledger: slots, trail, proofs.", "Stopped."]
    until(lambda: not status(dsn).followed)


def test_project_ends_with_1_when_nothing_can_go_on(dsn: str, history: History):
    write_unknown(dsn, 1)
    process = project(dsn)
    timer = threading.Timer(LIMIT_SECONDS, process.kill)
    timer.start()
    out, err = process.communicate()
    timer.cancel()

    assert process.returncode == 1
    assert out.endswith("Stopped.\n")
    for name in PROJECTIONS:
        assert f"{name} stopped: UnknownEventError: Unknown event 'license.teleported'" in err
        assert status(dsn, name).state == "stopped"
