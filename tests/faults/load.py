"""Clients that keep a server busy, and note what they asked and what they were answered.

Each goes round and round: issue a license, activate a deployment on it, deactivate that again.
Every request has an Idempotency-Key, which is its X-Request-Id too: so the ledger tells which
requests had an effect, and how often.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.races.wire import Answer, Connection, connect, connected

CLIENTS = 16
LIMIT_SECONDS = 60

EFFECTS = {
    "issue": Counter({"license.issued": 1}),
    "activate": Counter({"license.deployment-activated": 1, "deployment.bound": 1}),
    "deactivate": Counter({"license.deployment-deactivated": 1, "deployment.released": 1}),
}
"""The events that a request of each kind has as its effect."""


class Asked(NamedTuple):
    """A request that was sent."""

    kind: str
    key: str
    method: str
    path: str
    body: Any

    async def send(self, connection: Connection, request_id: str | None = None) -> Answer:
        return await connection.ask(
            self.method,
            self.path,
            self.body,
            Idempotency_Key=self.key,
            X_Request_Id=request_id or self.key,
        )


class Load:
    """What many clients asked of a server, and the answers that they got."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self.asked: list[Asked] = []
        self.answered: dict[str, Answer] = {}
        """The good answers by their keys: what was promised."""
        self.problems: Counter[tuple[int, str | None]] = Counter()
        self._enough = asyncio.Event()
        self._wanted = 0

    async def run(self, url: str, *, patient: bool = False) -> None:
        """Have all clients ask until the server is gone; patient ones come back after a 503."""
        await asyncio.gather(*(self._client(url, i, patient) for i in range(CLIENTS)))

    async def until_answered(self, count: int) -> None:
        """Wait until so many more requests were answered."""
        self._wanted, self._enough = len(self.answered) + count, asyncio.Event()
        await asyncio.wait_for(self._enough.wait(), LIMIT_SECONDS)

    async def _client(self, url: str, number: int, patient: bool) -> None:
        connection = await connect(url)
        turn = 0
        try:
            while True:
                name = f"{self._mark}-{number}-{turn}"
                turn += 1
                body = {"product": "core", "customer": self._mark, "slots": 1}
                issue = Asked("issue", f"{name}-issue", "POST", "/v1/licenses", body)
                issued = await self._ask(connection, issue, patient)
                path = f"/v1/deployments/d-{name}/activation"
                on = {"license": issued.body["id"]}
                await self._ask(
                    connection, Asked("activate", f"{name}-activate", "PUT", path, on), patient
                )
                await self._ask(
                    connection, Asked("deactivate", f"{name}-off", "DELETE", path, None), patient
                )
        except (OSError, asyncio.IncompleteReadError):
            pass  # the server is gone
        finally:
            await connection.close()

    async def _ask(self, connection: Connection, asked: Asked, patient: bool) -> Answer:
        self.asked.append(asked)
        answer = await asked.send(connection)
        while answer.status >= 300:
            self.problems[answer.status, answer.code] += 1
            assert patient, answer
            await asyncio.sleep(0.1)  # as Retry-After has it, but impatiently
            answer = await asked.send(connection)
        self.answered[asked.key] = answer
        if len(self.answered) >= self._wanted:
            self._enough.set()
        return answer

    async def ask_again(self, url: str) -> dict[str, Answer]:
        """Repeat every request that was sent, in its order, under a request id of its own."""
        again: dict[str, Answer] = {}
        async with connected(*[url] * CLIENTS) as connections:
            waiting = iter(list(self.asked))

            async def client(connection: Connection) -> None:
                for asked in waiting:
                    answer = await asked.send(connection, f"{asked.key}-again")
                    while answer.status == 503:
                        await asyncio.sleep(0.1)
                        answer = await asked.send(connection, f"{asked.key}-again")
                    again[asked.key] = answer

            await asyncio.gather(*map(client, connections))
        return again


async def effects(url: str, count: Callable[[str], bool]) -> dict[str, Counter[str]]:
    """The types of the events that the trail has under each request id that `count` is true for."""
    found: dict[str, Counter[str]] = {}
    async with connected(url) as (connection,):
        cursor: str | None = "0"
        while cursor is not None:
            answer = await connection.ask("GET", f"/v1/audit?limit=1000&cursor={cursor}")
            assert answer.status == 200, answer
            for entry in answer.body["entries"]:
                if count(entry["request_id"]):
                    found.setdefault(entry["request_id"], Counter())[entry["type"]] += 1
            cursor = answer.body["next"]
    return found


def assert_what_was_answered_is_there(load: Load, found: dict[str, Counter[str]]) -> None:
    """Each request that got its answer has had its effect by then."""
    for asked in load.asked:
        if asked.key in load.answered:
            assert found.get(asked.key) == EFFECTS[asked.kind], asked


def assert_each_had_one_effect(load: Load, found: dict[str, Counter[str]]) -> None:
    """Each request has had its effect once: when it was sent first, or when it was sent again."""
    for asked in load.asked:
        both = [found.get(request_id) for request_id in (asked.key, f"{asked.key}-again")]
        assert sorted(both, key=bool) == [None, EFFECTS[asked.kind]], asked
