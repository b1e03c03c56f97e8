"""Many clients of four server processes, and what the ledger says that they did."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import psycopg

from tests.races.wire import Answer, Connection, connected

PROCESSES = 4
CLIENTS = 64

Job = Callable[[Connection], Awaitable[Answer]]
T = TypeVar("T")


class Cluster(NamedTuple):
    """The servers and their database."""

    dsn: str
    urls: list[str]

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Carry out all jobs, by CLIENTS clients at once, spread over the servers."""
        return asyncio.run(self._run(jobs))

    async def _run(self, jobs: Sequence[Job]) -> list[Answer]:
        answers: list[Answer | None] = [None] * len(jobs)
        waiting = iter(enumerate(jobs))

        async def client(connection: Connection) -> None:
            for index, job in waiting:
                answers[index] = await job(connection)

        clients = min(CLIENTS, len(jobs))
        async with connected(*(self.urls[i % PROCESSES] for i in range(clients))) as connections:
            await asyncio.gather(*map(client, connections))
        assert None not in answers
        return [answer for answer in answers if answer is not None]

    def events(self, like: str) -> list[tuple[int, str, str, dict[str, Any]]]:
        """Position, stream, type and data of all events of the streams that a pattern fits."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(
                "SELECT position, stream, type, state->'data' FROM ledger.events"
                " WHERE stream LIKE %s ORDER BY position",
                (like,),
            ).fetchall()


def shuffled(things: Sequence[T]) -> list[T]:
    """The same things in another order: always the same one, so that a failure can be had again."""
    return random.Random(20260101).sample(list(things), len(things))


def asking(method: str, path: str, body: Any = None, **headers: str) -> Job:
    """A job that sends one request."""
    return lambda connection: connection.ask(method, path, body, **headers)


def issuing(license_id: str, slots: int = 1, **headers: str) -> Job:
    """A job that issues a license."""
    body = {"id": license_id, "product": "core", "customer": "acme", "slots": slots}
    return asking("POST", "/v1/licenses", body, **headers)


def activating(deployment: str, license_id: str) -> Job:
    """A job that activates a deployment."""
    return asking("PUT", f"/v1/deployments/{deployment}/activation", {"license": license_id})


def registering(deployment: str, license_id: str) -> Job:
    """A job that registers a backup."""
    return asking("PUT", f"/v1/deployments/{deployment}/backup", {"license": license_id})


def nominating(deployment: str, replaces: str | None = None) -> Job:
    """A job that nominates a backup."""
    return asking("POST", f"/v1/deployments/{deployment}/nomination", {"replaces": replaces})
