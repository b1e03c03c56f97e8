"""Projections on a fresh database, and ways to wait for them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from projections import positions
from projections.catalogue import PROJECTIONS
from projections.follower import Follower
from projections.projection import Projection
from tests.projections.history import History

LIMIT_SECONDS = 30
"""Nothing that is waited for takes as long as this."""


@pytest.fixture
def history() -> History:
    """Two licenses, a few deployments in each role, and one nomination and refusal."""
    history = History()
    history.issue("license-1", slots=2)
    history.issue("license-2", slots=1, customer="globex")
    history.activate("a", "license-1")
    history.activate("b", "license-1")
    history.register("c", "license-1", standby_for="a")
    history.register("d", "license-1")
    history.activate("e", "license-2")
    history.activate("c", "license-1")
    history.nominate("c")
    history.unregister("d")
    return history


def until(is_so: Callable[[], Any]) -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (result := is_so()):
        assert time.monotonic() < deadline, "It did not come about."
        time.sleep(0.01)
    return result


def status(dsn: str, name: str = "slots") -> positions.Status:
    """How a projection fares."""
    with psycopg.connect(dsn) as connection:
        found = positions.status(connection, PROJECTIONS[name])
    assert found is not None
    return found


def reached(dsn: str, position: int, *names: str) -> bool:
    """Whether the projections have come to a position."""
    return all(status(dsn, name).position >= position for name in names or PROJECTIONS)


def dump(dsn: str, projection: Projection, schema: str | None = None) -> dict[str, list[Any]]:
    """All rows of a projection's tables, in the order of their keys."""
    with psycopg.connect(dsn) as connection:
        return {
            table: connection.execute(
                f"SELECT * FROM {schema or projection.name}.{table} ORDER BY {', '.join(key)}"
            ).fetchall()
            for table, key in projection.tables.items()
        }


Start = Callable[..., tuple[Follower, threading.Thread, threading.Event]]


@pytest.fixture
def start(dsn: str) -> Iterator[Start]:
    """Starts followers in threads, and ends them after the test."""
    started: list[tuple[threading.Thread, threading.Event]] = []

    def begin(
        projection: Projection = PROJECTIONS["slots"],
    ) -> tuple[Follower, threading.Thread, threading.Event]:
        follower, stop = Follower(dsn, projection), threading.Event()
        thread = threading.Thread(target=follower.run, args=(stop,), daemon=True)
        thread.start()
        started.append((thread, stop))
        return follower, thread, stop

    yield begin
    for _, stop in started:
        stop.set()
    for thread, _ in started:
        thread.join(LIMIT_SECONDS)
        assert not thread.is_alive()


@contextmanager
def follow(dsn: str, position: int, *names: str) -> Iterator[None]:
    """Followers at work for the length of the block, which begins when they are at a position."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=Follower(dsn, PROJECTIONS[name]).run, args=(stop,), daemon=True)
        for name in names or PROJECTIONS
    ]
    for thread in threads:
        thread.start()
    try:
        until(lambda: reached(dsn, position, *names))
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(LIMIT_SECONDS)


@pytest.fixture
def followed(dsn: str, history: History) -> str:
    """A database with the history, carried into the projections; nobody follows any more."""
    with follow(dsn, history.write(dsn)):
        return dsn
