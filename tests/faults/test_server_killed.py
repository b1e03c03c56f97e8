"""A server that is killed under load, as by a power failure, and started again."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.api.calls import Caller, done, refused
from tests.faults.load import (
    Load,
    assert_each_had_one_effect,
    assert_what_was_answered_is_there,
    effects,
)
from tests.serving import Server, serving

Unique = Callable[[str], str]
Start = Callable[[], Server]
ROOT = Path(__file__).parents[2]
REFUSALS = "SELECT count(*) FROM ledger.events WHERE type = 'license.command-refused'"


@pytest.fixture(params=["embedded", "external"])
def start(request: pytest.FixtureRequest, tmp_path: Path, new_database: Callable[[], str]) -> Start:
    """Starts a server, with the same database each time."""
    if request.param == "embedded":
        return lambda: Server(None, HOTSLOT_DATA_DIR=str(tmp_path / "data"))
    dsn = new_database()
    return lambda: Server(dsn)


async def killed_under_load(server: Server, load: Load, answers: int) -> None:
    running = asyncio.create_task(load.run(server.url))
    await load.until_answered(answers)
    server.process.kill()
    await running


def test_nothing_that_was_answered_is_lost_and_nothing_happens_twice(start: Start, unique: Unique):
    server = start()
    load = Load(unique("k"))
    asyncio.run(killed_under_load(server, load, 300))
    server.kill()
    assert len(load.answered) < len(load.asked)  # some were on their way
    server = start()
    try:
        found = asyncio.run(effects(server.url, lambda name: name.startswith(unique("k"))))
        assert_what_was_answered_is_there(load, found)
        again = asyncio.run(load.ask_again(server.url))
        for asked in load.asked:
            first, second = load.answered.get(asked.key), again[asked.key]
            assert second.status < 300, (asked, second)
            if first is not None:
                assert second.body == first.body
                assert second.headers["idempotent-replayed"] == "true"
        found = asyncio.run(effects(server.url, lambda name: name.startswith(unique("k"))))
        assert_each_had_one_effect(load, found)
    finally:
        server.stop()


def test_a_refusal_is_recorded_once_though_the_server_is_new(dsn: str):
    server = Server(dsn)
    with server.client() as client:
        caller = Caller(client)
        caller.issued(id="l")
        done(caller.activate("a", "l"))
        refused(caller.activate("b", "l"), 409, "no-free-slot")
    server.kill()
    with serving(dsn) as again, again.client() as client:
        caller = Caller(client)
        refused(caller.activate("b", "l"), 409, "no-free-slot")
    with psycopg.connect(dsn) as connection:
        assert connection.execute(REFUSALS).fetchall() == [(1,)]


def test_a_server_that_answers_before_it_has_written_is_found_out(
    new_database: Callable[[], str], unique: Unique
):
    dsn = new_database()
    server = Server(dsn, program=("-m", "tests.faults.hasty_server"), PYTHONPATH=str(ROOT))
    load = Load(unique("k"))
    asyncio.run(killed_under_load(server, load, 300))
    server.kill()
    server = Server(dsn)
    try:
        found = asyncio.run(effects(server.url, lambda name: name.startswith(unique("k"))))
        with pytest.raises(AssertionError):
            assert_what_was_answered_is_there(load, found)
    finally:
        server.stop()
