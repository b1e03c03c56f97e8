"""Renewals and nominations without pause, in four processes: no two terms process at once.

Every nomination asks to wait. Instances renew by two requests at once, and stop when they are told
that they hold no role. Half of them say so, and the leases of the others have to run out. All of
them stand by again then.
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.api.sites import key_folder
from tests.races.cluster import PROCESSES, Cluster, activating, asking, issuing, registering
from tests.races.wire import connected
from tests.serving import Server

LICENSES = 8
INSTANCES = 4
TERMS = 6
"""So often every license changes hands, at least."""

LIMIT_SECONDS = 120

# Who processed when, at most: to the end of the lease, unless it had stopped before.
INTERVALS = """
SELECT license, deployment, term, processes_since,
       least(processes_until, coalesce(stood_down_at, processes_until))
  FROM leases.leases WHERE processes_since IS NOT NULL ORDER BY license, processes_since
"""


class Given(NamedTuple):
    """A lease as an instance got it."""

    license: str
    deployment: str
    term: int
    position: int
    processes: bool
    issued_at: datetime
    expires_at: datetime


@pytest.fixture(scope="module")
def cluster(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Four servers that sign with one key."""
    dsn, keys = new_database(), str(key_folder(tmp_path_factory.mktemp("keys")).path)
    with ThreadPoolExecutor(PROCESSES) as threads:
        servers = list(
            threads.map(lambda _: Server(dsn, HOTSLOT_SIGNING_KEYS=keys), range(PROCESSES))
        )
        try:
            yield Cluster(dsn, [server.url for server in servers])
        finally:
            list(threads.map(Server.stop, servers))


class Race:
    """Instances and those who nominate them, until every license has changed hands enough."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._random = random.Random(20260101)
        self.given: list[Given] = []
        self.terms: dict[str, set[int]] = {f"l{i}": set() for i in range(LICENSES)}

    @property
    def is_over(self) -> bool:
        return all(len(terms) >= TERMS for terms in self.terms.values())

    async def run(self) -> None:
        async with asyncio.timeout(LIMIT_SECONDS), asyncio.TaskGroup() as tasks:
            for license_ in self.terms:
                tasks.create_task(self._nominate(license_))
                for instance in range(INSTANCES):
                    tasks.create_task(self._live(license_, f"{license_}-{instance}", instance))

    async def _live(self, license_: str, deployment: str, number: int) -> None:
        """Renew without pause, from two places at once; stand by again after a release."""
        path = f"/v1/deployments/{deployment}"
        # It may begin by the answer to the other request, so it does not say that it has stopped.
        ask = ("POST", f"{path}/lease", {"processing": True})
        async with connected(*self._urls(2)) as (one, other):
            while not self.is_over:
                answers = await asyncio.gather(one.ask(*ask), other.ask(*ask))
                for answer in answers:
                    if answer.status == 200:
                        self._note(answer.body)
                if {answer.status for answer in answers} == {409}:
                    if number % 2:
                        silent = await one.ask("POST", f"{path}/lease", {"processing": False})
                        assert silent.status == 409, silent
                    await other.ask("PUT", f"{path}/backup", {"license": license_})

    def _note(self, lease: dict[str, Any]) -> None:
        given = Given(
            lease["license"],
            lease["deployment"],
            lease["term"],
            lease["position"],
            "process" in lease["rights"],
            datetime.fromisoformat(lease["issued_at"]),
            datetime.fromisoformat(lease["expires_at"]),
        )
        self.given.append(given)
        if given.processes:
            self.terms[given.license].add(given.term)

    async def _nominate(self, license_: str) -> None:
        """Nominate one after the other, sometimes before the last one has begun to process."""
        async with connected(*self._urls(1)) as (connection,):
            while not self.is_over:
                begun = len(self.terms[license_])
                instance = self._random.randrange(INSTANCES)
                path = f"/v1/deployments/{license_}-{instance}/nomination"
                answer = await connection.ask("POST", path, {"wait_for_release": True})
                if answer.status == 200 and self._random.random() < 0.7:
                    await self._until_begun(license_, begun)

    async def _until_begun(self, license_: str, begun: int) -> None:
        while len(self.terms[license_]) == begun and not self.is_over:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    def _urls(self, count: int) -> list[str]:
        return self._random.sample(self._cluster.urls, count)


def test_no_two_terms_process_at_once(cluster: Cluster):
    race = Race(cluster)
    for license_ in race.terms:
        instances = [f"{license_}-{i}" for i in range(INSTANCES)]
        jobs = [
            issuing(license_),
            asking("POST", f"/v1/licenses/{license_}/lease-duration", {"seconds": 1}),
            activating(instances[0], license_),
            *(registering(each, license_) for each in instances[1:]),
        ]
        for job in jobs:
            (answer,) = cluster.run([job])
            assert answer.status in {200, 201}, answer
    asyncio.run(race.run())
    assert len(race.given) > LICENSES * TERMS * 2
    assert overlaps(cluster) == []
    assert leases_after_release(cluster, race.given) == []
    assert beyond_what_is_kept(cluster, race.given) == []


def overlaps(cluster: Cluster) -> list[Any]:
    """Pairs of terms of one license that could have processed at the same time."""
    with psycopg.connect(cluster.dsn) as connection:
        rows = connection.execute(INTERVALS).fetchall()
    return [
        (former, latter)
        for former, latter in itertools.pairwise(rows)
        if former[0] == latter[0] and latter[3] < former[4]
    ]


def leases_after_release(cluster: Cluster, given: list[Given]) -> list[Given]:
    """Leases of an active role from behind the event that ended it."""
    ended: dict[tuple[str, str, int], int] = {}
    holder: dict[str, tuple[str, int]] = {}
    for position, stream, kind, data in cluster.events("license:%"):
        license_ = stream.removeprefix("license:")
        if kind in ("license.backup-nominated", "license.deployment-activated"):
            if license_ in holder:
                ended[license_, *holder[license_]] = position
            holder[license_] = data["deployment"], data["term"]
    assert len(ended) >= LICENSES * (TERMS - 1)
    return [
        lease
        for lease in given
        if lease.position >= ended.get((lease.license, lease.deployment, lease.term), 2**62)
    ]


def beyond_what_is_kept(cluster: Cluster, given: list[Given]) -> list[Given]:
    """Leases with the right to process that the database knows nothing of, or not as long."""
    with psycopg.connect(cluster.dsn) as connection:
        rows = connection.execute(
            "SELECT license, deployment, term, processes_since, processes_until FROM leases.leases"
        ).fetchall()
    kept = {tuple(row[:3]): row[3:] for row in rows}
    return [
        lease
        for lease in given
        if lease.processes
        and not (
            kept[lease.license, lease.deployment, lease.term][0] <= lease.issued_at
            and lease.expires_at <= kept[lease.license, lease.deployment, lease.term][1]
        )
    ]
