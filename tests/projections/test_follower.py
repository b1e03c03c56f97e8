"""Followers: they carry every event, once and in order, and stop rather than skip one."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
import structlog

from hotslot.domain.events import Recorded
from projections.catalogue import PROJECTIONS
from projections.check import check
from projections.follower import following
from projections.slots.projection import SlotsProjection
from projections.source import BATCH
from tests.projections.conftest import Start, dump, reached, status, until
from tests.projections.history import History, write_unknown

# Ends everybody else's connections, as a restart of the database does.
END_CONNECTIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def end_connections(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(END_CONNECTIONS)


def agrees(dsn: str, name: str = "slots") -> bool:
    return check(dsn, PROJECTIONS[name]).difference is None


def test_it_catches_up_and_goes_on(dsn: str, history: History, start: Start):
    before = history.write(dsn)
    start()
    until(lambda: reached(dsn, before, "slots"))

    history.register("later", "license-1")
    after = history.write(dsn)
    until(lambda: reached(dsn, after, "slots"))

    assert ("later",) in [row[1:2] for row in dump(dsn, PROJECTIONS["slots"])["tenures"]]
    assert agrees(dsn)


def test_it_goes_through_more_than_one_batch(dsn: str, start: Start):
    history = History()
    history.issue("license-1")
    for number in range(BATCH):
        history.register(f"d{number}", "license-1")
    position = history.write(dsn)
    for projection in PROJECTIONS.values():
        start(projection)

    until(lambda: reached(dsn, position))

    assert agrees(dsn)
    assert [row[0] for row in dump(dsn, PROJECTIONS["trail"])["entries"]] == list(range(position))


def test_those_who_wait_are_told_with_the_commit(dsn: str, history: History, start: Start):
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("LISTEN hotslot_projections")
        position = history.write(dsn)
        start()
        (told,) = connection.notifies(timeout=30, stop_after=1)

    assert told.payload == f"slots:{position}"


def test_one_follower_is_at_work_and_another_takes_over(dsn: str, history: History, start: Start):
    _, _, stop = start()
    until(lambda: status(dsn).followed)
    _, second, _ = start()
    first_position = history.write(dsn)
    until(lambda: reached(dsn, first_position, "slots"))

    stop.set()
    history.register("later", "license-1")
    position = history.write(dsn)

    until(lambda: reached(dsn, position, "slots"))
    assert second.is_alive()
    assert agrees(dsn)


def test_it_survives_the_loss_of_the_database(dsn: str, history: History, start: Start):
    with structlog.testing.capture_logs() as logs:
        position = history.write(dsn)
        follower, _, _ = start()
        for number in range(3):
            until(lambda: reached(dsn, position, "slots"))  # noqa: B023 - called at once
            end_connections(dsn)
            history.register(f"later-{number}", "license-1")
            position = history.write(dsn)
        until(lambda: reached(dsn, position, "slots"))

    assert follower.failure is None
    assert agrees(dsn)
    warned = [log for log in logs if log["event"] == "projection.interrupted"]
    assert warned
    assert warned[0]["projection"] == "slots"


def test_the_lead_is_lost_with_the_connection(dsn: str, start: Start):
    """Two followers whose connections are ended again and again apply each event once."""
    history = History()
    history.issue("license-1")
    start(PROJECTIONS["trail"])
    start(PROJECTIONS["trail"])
    for number in range(8):
        history.register(f"d{number}", "license-1")
        position = history.write(dsn)
        end_connections(dsn)

    until(lambda: reached(dsn, position, "trail"))

    rows = dump(dsn, PROJECTIONS["trail"])["entries"]
    assert [row[:2] for row in rows] == [(at - 1, at) for at in range(1, position + 1)]


def test_an_unknown_event_stops_it_with_a_report(dsn: str, history: History, start: Start):
    known = history.write(dsn)
    write_unknown(dsn, known + 1)
    with structlog.testing.capture_logs() as logs:
        follower, thread, _ = start()
        thread.join(30)

    assert follower.failure is not None
    assert f"'license.teleported' at position {known + 1}" in follower.failure
    found = status(dsn)
    assert (found.state, found.error) == ("stopped", follower.failure)
    assert found.position == known, "everything before it is applied"
    assert not found.followed
    (report,) = [log for log in logs if log["log_level"] == "error"]
    assert report["event"] == "projection.stopped"


def test_it_goes_on_where_it_stopped(dsn: str, history: History, start: Start):
    known = history.write(dsn)
    write_unknown(dsn, known + 1)
    _, thread, _ = start()
    thread.join(30)

    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")  # the ledger refuses it else
        connection.execute("DELETE FROM ledger.events WHERE type = 'license.teleported'")
    history.register("later", "license-1")
    position = history.write(dsn)
    start()

    until(lambda: reached(dsn, position, "slots"))
    assert (status(dsn).state, status(dsn).error) == ("following", None)


class Broken(SlotsProjection):
    """A projection with a bug, which shows after half of the work is done."""

    def apply(self, cursor: psycopg.Cursor[Any], batch: Sequence[Recorded]) -> None:
        super().apply(cursor, batch)
        raise ZeroDivisionError("the bug")


def test_a_bug_stops_it_and_leaves_the_tables_alone(dsn: str, history: History, start: Start):
    history.write(dsn)
    with structlog.testing.capture_logs():
        _, thread, _ = start(Broken())
        thread.join(30)

    assert status(dsn).error == "ZeroDivisionError: the bug"
    assert status(dsn).position == 0
    assert not any(dump(dsn, PROJECTIONS["slots"]).values())


def test_events_that_do_not_add_up_stop_it(dsn: str, history: History, start: Start):
    history.events[2:3] = []  # the first activation
    history.write(dsn)
    with structlog.testing.capture_logs():
        follower, thread, _ = start()
        thread.join(30)

    assert follower.failure is not None
    assert "ends the role active of deployment a on license license-1" in follower.failure


class Newer(SlotsProjection):
    """The next version."""

    version = 2


def test_a_follower_gives_way_to_a_newer_version(dsn: str, history: History, start: Start):
    history.write(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE projections.positions SET version = 2 WHERE name = 'slots'")
    with structlog.testing.capture_logs():
        follower, thread, _ = start()
        thread.join(30)

    assert follower.failure is not None
    assert "version 2" in follower.failure
    assert (status(dsn).position, status(dsn).state) == (0, "following")
    start(Newer())
    until(lambda: reached(dsn, history.position, "slots"))


def test_following_is_over_at_the_end_of_the_block(dsn: str, history: History):
    position = history.write(dsn)
    with following(dsn) as followers:
        until(lambda: reached(dsn, position))
        assert [follower.failure for follower in followers] == [None] * len(PROJECTIONS)

    names = {f"follower-{follower.name}" for follower in followers}
    assert not names & {thread.name for thread in threading.enumerate()}


def test_one_that_stopped_is_shown_while_the_other_goes_on(dsn: str, history: History):
    position = history.write(dsn)
    with (
        structlog.testing.capture_logs(),
        following(dsn, [Broken(), PROJECTIONS["trail"]]) as (slots, trail),
    ):
        until(lambda: reached(dsn, position, "trail") and status(dsn).state == "stopped")
        until(lambda: not status(dsn).followed)

        assert (status(dsn).position, status(dsn).error) == (0, slots.failure)
        there = status(dsn, "trail")
        assert (there.state, there.followed, trail.failure) == ("following", True, None)


@pytest.mark.parametrize("database", ["there", "gone"])
def test_it_does_not_keep_the_process_from_exiting(dsn: str, database: str):
    script = (
        "import sys, threading\n"
        "from projections.catalogue import PROJECTIONS\n"
        "from projections.follower import Follower\n"
        "follower = Follower(sys.argv[1], PROJECTIONS['slots'])\n"
        "stop = threading.Event()\n"
        "threading.Thread(target=follower.run, args=(stop,), daemon=True).start()\n"
    )
    address = dsn if database == "there" else "postgresql://nobody@127.0.0.1:9/nothing"

    ended = subprocess.run([sys.executable, "-c", script, address], timeout=30, check=False)

    assert ended.returncode == 0
