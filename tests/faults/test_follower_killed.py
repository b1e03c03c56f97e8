"""The process that carries events into the projections is killed: another one takes over."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from projections.catalogue import PROJECTIONS
from projections.check import check
from projections.positions import LEAD_LOCKS
from tests.races.appending import append

LIMIT_SECONDS = 60
EVENTS = 400

# Who leads, by the name that each process gives its sessions.
LEADERS = f"""
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE locktype = 'advisory' AND classid = {LEAD_LOCKS} AND granted
   AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# Who has asked for the lead and not got it.
ASKING = """
SELECT application_name FROM pg_stat_activity
 WHERE query LIKE 'SELECT pg_try_advisory_lock%' AND datname = current_database()
"""
REACHED = "SELECT min(position) FROM projections.positions"
HEAD = "SELECT coalesce(max(position), 0) FROM ledger.events"


@contextmanager
def follower(dsn: str, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """`hotslot project`, whose sessions have a name."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hotslot", "project"],
        env=os.environ | {"HOTSLOT_DATABASE_URL": dsn, "PGAPPNAME": name},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"Waited {LIMIT_SECONDS} s in vain: {what}"
        time.sleep(0.01)


class Ledger:
    """The database, and questions about it."""

    def __init__(self, dsn: str, connection: Connection[Any]) -> None:
        self.dsn, self._connection = dsn, connection

    def _ask(self, query: Any) -> list[Any]:
        return [row[0] for row in self._connection.execute(query)]

    def until_led_by(self, name: str) -> None:
        everything = [name] * len(PROJECTIONS)
        until(lambda: self._ask(LEADERS) == everything, f"{name} to lead every projection")

    def until_standing_by(self, name: str) -> None:
        until(lambda: self._ask(ASKING).count(name) == len(PROJECTIONS), f"{name} to stand by")

    def append(self, name: str) -> None:
        assert append(self.dsn, name, EVENTS) == (EVENTS, 0)

    def until_reached(self, position: int) -> None:
        until(lambda: self._ask(REACHED)[0] >= position, f"position {position}")

    @property
    def head(self) -> int:
        return int(self._ask(HEAD)[0])


@pytest.fixture
def ledger(dsn: str) -> Iterator[Ledger]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield Ledger(dsn, connection)


def killed_at_work(ledger: Ledger, leader: subprocess.Popen[bytes]) -> None:
    before = ledger.head
    ledger.append(f"while-{leader.pid}-leads")
    ledger.until_reached(before + 1)
    leader.kill()
    ledger.append(f"after-{leader.pid}-led")


def test_another_one_takes_over_each_time(ledger: Ledger):
    with follower(ledger.dsn, "first") as first:
        ledger.until_led_by("first")
        with follower(ledger.dsn, "second") as second:
            ledger.until_standing_by("second")
            killed_at_work(ledger, first)
            ledger.until_reached(ledger.head)
            ledger.until_led_by("second")
            with follower(ledger.dsn, "third"):
                ledger.until_standing_by("third")
                killed_at_work(ledger, second)
                ledger.until_reached(ledger.head)
                ledger.until_led_by("third")
    for name, projection in PROJECTIONS.items():
        checked = check(ledger.dsn, projection)
        assert (checked.position, checked.difference) == (ledger.head, None), name
