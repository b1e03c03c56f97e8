"""A database that crashes, goes away and comes back, under a server that is busy."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hotslot.ledger.postgres import EmbeddedPostgres
from projections.catalogue import PROJECTIONS
from projections.check import check
from tests.faults.load import (
    LIMIT_SECONDS,
    Load,
    assert_each_had_one_effect,
    assert_what_was_answered_is_there,
    effects,
)
from tests.faults.relay import Relay, relaying
from tests.races.wire import Answer, connected
from tests.serving import Server

Unique = Callable[[str], str]
CLIENT_BACKENDS = """
SELECT pid FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1
"""

# A read may find out that its view is behind before it finds out that the database is gone.
OUT_OF_REACH = [(503, "ledger-unavailable"), (503, "projection-behind")]


@contextlib.asynccontextmanager
async def behind_a_relay(
    postgres: EmbeddedPostgres,
) -> AsyncIterator[tuple[Server, Relay]]:
    async with relaying(postgres.dsn) as relay:
        # The relay has to run while the server starts and stops.
        server = await asyncio.to_thread(Server, relay.dsn)
        try:
            yield server, relay
        finally:
            await asyncio.to_thread(server.stop)


def crash(dsn: str) -> None:
    """Kill one of PostgreSQL's processes: it ends all sessions, and recovers as from a crash."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        (pid,) = connection.execute(CLIENT_BACKENDS).fetchone() or (None,)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


async def until_good(ask: Callable[[], Any]) -> Answer:
    """Ask again while the answer is 503, as Retry-After says."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while (answer := await ask()).status == 503:  # noqa: ASYNC110 - only the server knows
            await asyncio.sleep(0.1)
    assert isinstance(answer, Answer)
    return answer


READS = ["/v1/licenses", "/v1/licenses/l", "/v1/deployments/d", "/v1/audit", "/v1/licenses?limit=1"]


async def assert_each_request_tells_it(url: str) -> None:
    """Commands and reads of every kind answer 503, and nothing answers 500 or not at all."""
    body = {"id": "never", "product": "p", "customer": "c", "slots": 1}
    lost: list[tuple[str, str, Any, dict[str, str]]] = [
        ("POST", "/v1/licenses", body, {}),
        ("POST", "/v1/deployments/d/nomination", {"dry_run": True}, {}),
        ("GET", "/v1/deployments/d", None, {"activation_key": "never.key"}),
        *(("GET", path, None, {}) for path in READS),
    ]
    # All at once: each waits a while for the database before it gives up.
    async with connected(*[url] * len(lost)) as connections:
        answers = await asyncio.gather(
            *(
                connection.ask(method, path, body, **headers)
                for connection, (method, path, body, headers) in zip(connections, lost, strict=True)
            )
        )
        for (method, path, *_), answer in zip(lost, answers, strict=True):
            assert (answer.status, answer.code) in OUT_OF_REACH, (method, path, answer)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "1"
    async with connected(url) as (connection,):
        for path, status in (("/livez", 200), ("/metrics", 200), ("/readyz", 503)):
            assert (await connection.ask("GET", path)).status == status


@pytest.fixture
def own_postgres(tmp_path: Path) -> Any:
    """A PostgreSQL of this test alone: it is going to be killed."""
    postgres = EmbeddedPostgres(tmp_path)
    postgres.start()
    yield postgres
    postgres.remove()


def test_a_database_that_goes_and_comes_back_costs_no_promise(
    own_postgres: EmbeddedPostgres, unique: Unique
):
    async def scenario() -> None:
        load = Load(unique("k"))
        async with behind_a_relay(own_postgres) as (server, relay):
            running = asyncio.create_task(load.run(server.url, patient=True))
            await load.until_answered(100)
            crash(own_postgres.dsn)
            await load.until_answered(100)
            await relay.cut()
            await asyncio.to_thread(own_postgres.stop)
            await assert_each_request_tells_it(server.url)
            await asyncio.to_thread(own_postgres.start)
            await relay.lead_to(own_postgres.dsn)
            await load.until_answered(100)
            await all_is_there(own_postgres.dsn, load, running, server)

    asyncio.run(scenario())


async def all_is_there(dsn: str, load: Load, running: "asyncio.Task[None]", server: Server) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert server.process.poll() is None
    assert load.problems.keys() <= set(OUT_OF_REACH)
    async with connected(server.url) as (connection,):
        ready = await until_good(lambda: connection.ask("GET", "/readyz"))
        path = f"/v1/audit?limit=1&min_position={ready.body['ledger']}"
        await until_good(lambda: connection.ask("GET", path))
    found = await effects(server.url, lambda name: name.startswith("k-"))
    assert_what_was_answered_is_there(load, found)
    again = await load.ask_again(server.url)
    assert {answer.status for answer in again.values()} == {200, 201}
    assert_each_had_one_effect(load, await effects(server.url, lambda n: n.startswith("k-")))
    for name, projection in PROJECTIONS.items():
        assert check(dsn, projection).difference is None, name


def test_a_way_that_breaks_again_and_again_costs_no_promise(
    own_postgres: EmbeddedPostgres, unique: Unique
):
    async def scenario() -> None:
        load = Load(unique("k"))
        async with behind_a_relay(own_postgres) as (server, relay):
            running = asyncio.create_task(load.run(server.url, patient=True))
            for _ in range(5):
                await load.until_answered(30)
                await relay.lead_to(own_postgres.dsn)  # breaks what is open
            await load.until_answered(30)
            await all_is_there(own_postgres.dsn, load, running, server)

    asyncio.run(scenario())
