"""A node that processes is lost while a client posts files, and a backup takes its place.

Real processes: a backend, three nodes, and what cuts one of them off from the backend. Whatever
happens, no file is processed by two, and none by a node without the right to.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from hotslot.cli.demo.evidence import Right, Work, by_two, done_in, without_right
from hotslot.cli.demo.relay import Relay, relaying
from hotslot.cli.demo.traffic import SILENT, TOOK, Traffic, posting, refused
from hotslot.client import Hotslot
from hotslot.client.results import Failover
from hotslot.licensefiles import KeyFolder
from hotslot.node.engines import publish, write_sample
from tests.node.nodes import NodeProcess, node
from tests.serving import ADMIN_KEY, Server, serving

LEASE_SECONDS = 8
"""Long enough that a lease still holds when a backup is nominated, also on a slow machine."""
ENOUGH = 20
"""So many files, one after the other, show that a node processes."""
LIMIT_SECONDS = 120
APIKEY = "0123456789abcdef0123456789abcdef0123"
RIGHTS = """
SELECT deployment, term, processes_since, least(processes_until, stood_down_at)
  FROM leases.leases WHERE license = %s AND processes_since IS NOT NULL
"""


@dataclass
class Stage:
    """Three nodes on a license: `a` is active, and the others stand by, with their engines."""

    license: str
    dsn: str
    hotslot: Hotslot
    nodes: tuple[NodeProcess, NodeProcess, NodeProcess]
    way_of_a: Relay

    @property
    def a(self) -> NodeProcess:
        return self.nodes[0]

    @property
    def b(self) -> NodeProcess:
        return self.nodes[1]

    @contextmanager
    def traffic(self) -> Iterator[Traffic]:
        """A client posts files to all three; `a` processes already."""
        with posting({each.deployment: each.url for each in self.nodes}, self.license) as traffic:
            until(lambda: traffic.taken_by(self.a.deployment) >= ENOUGH)
            yield traffic

    def failover(self) -> Failover:
        """The one failover there is, when the record has all of it."""

        def found() -> list[Failover]:
            return list(self.hotslot.failovers(license=self.license))

        until(lambda: all(each.overlap_seconds is not None for each in found()))
        (failover,) = found()
        assert (failover.former, failover.nominated) == (self.a.deployment, self.b.deployment)
        return failover

    def logged(self, event: str) -> list[Work]:
        """What all nodes have logged of files."""
        return [work for each in self.nodes for work in done_in(each.log, event)]

    def rights(self) -> list[Right]:
        """Who could process from when to when, by the leases that the backend gave."""
        with psycopg.connect(self.dsn) as connection:
            return [Right(*row) for row in connection.execute(RIGHTS, [self.license])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the signing key and the published engine are."""
    folder = tmp_path_factory.mktemp("failover")
    keys = KeyFolder(folder / "keys")
    keys.generate(datetime.now(UTC))
    write_sample(folder / "engines")
    publish(folder / "engines", folder / "published", keys.read(), datetime.now(UTC))
    return folder


@pytest.fixture(scope="module")
def database(new_database: Callable[[], str]) -> str:
    """The backend's database."""
    return new_database()


@pytest.fixture(scope="module")
def backend(database: str, folder: Path) -> Iterator[Server]:
    """A backend that signs leases with the key that the engine is signed with."""
    with serving(database, HOTSLOT_SIGNING_KEYS=str(folder / "keys")) as server:
        yield server


@pytest.fixture
def stage(
    backend: Server, database: str, folder: Path, tmp_path: Path, unique: Callable[[str], str]
) -> Iterator[Stage]:
    """A license of its own, with three nodes that are ready for what may come."""
    url = urlsplit(backend.url)
    assert url.hostname
    assert url.port
    with ExitStack() as stack:
        hotslot = stack.enter_context(Hotslot(backend.url, key=ADMIN_KEY))
        issued = hotslot.licenses.issue(id=unique("license"), product="p", customer="c", slots=1)
        hotslot.licenses.set_lease(issued.id, seconds=LEASE_SECONDS)
        way_of_a = stack.enter_context(relaying((url.hostname, url.port)))
        a, b, c = (
            stack.enter_context(
                node(
                    tmp_path / name,
                    way,
                    *("--deployment", unique(name), "--update-source", str(folder / "published")),
                    HOTSLOT_NODE_APIKEY=APIKEY,
                )
            )
            for name, way in (("a", way_of_a.url), ("b", backend.url), ("c", backend.url))
        )
        key = issued.activation_key
        ask(a, "POST", "/admin/license/activation", json={"activationKey": key})
        for backup in (b, c):
            ask(backup, "POST", "/admin/license/backup", headers={"activation-key": key})
        until(lambda: all(has_engine(each) for each in (a, b, c)))
        yield Stage(issued.id, database, hotslot, (a, b, c), way_of_a)


def test_a_node_is_killed_and_a_backup_takes_over(stage: Stage):
    a, b = stage.a, stage.b
    with stage.traffic() as traffic:
        a.kill()
        until(lambda: traffic.met(a.deployment, SILENT))
        ask(b, "POST", "/admin/license/backup/nomination")
        until(lambda: traffic.taken_by(b.deployment) >= ENOUGH)
        failover = stage.failover()

    assert_only_with_the_right_and_never_by_two(stage, traffic)
    # Nobody can know that it is dead: that it is silent is known by its lease.
    assert failover.silent_by == "lease-expired"
    assert not failover.wait_for_release


def test_a_node_that_is_cut_off_stops_by_itself_and_only_then_another_begins(stage: Stage):
    a, b = stage.a, stage.b
    with stage.traffic() as traffic:
        stage.way_of_a.cut()
        nomination = stage.hotslot.deployments.nominate(b.deployment, wait_for_release=True)
        until(lambda: traffic.taken_by(b.deployment) >= ENOUGH)
        failover = stage.failover()

    assert a.process.poll() is None
    assert_only_with_the_right_and_never_by_two(stage, traffic)
    assert traffic.met(a.deployment, refused("unlicensed"))
    assert a.status() == "unlicensed"
    last = max(work.at for work in done_in(a.log))
    assert last < min(work.at for work in done_in(b.log, "file-accepted"))
    # It was nominated while the lease of the former one held, and waited for its end.
    nominated = nomination.deployment
    assert (nominated.role, nominated.capabilities["process"]) == ("active", False)
    assert failover.silent_at is not None
    assert failover.serving_at is not None
    assert failover.recorded_at < failover.silent_at <= failover.serving_at
    assert failover.wait_for_release
    assert failover.silent_by == "lease-expired"
    assert failover.overlap_seconds == 0


def assert_only_with_the_right_and_never_by_two(stage: Stage, traffic: Traffic) -> None:
    """What must be so however a node was lost, by the logs of all nodes and by the leases."""
    rights = stage.rights()
    assert {right.node for right in rights} == {stage.a.deployment, stage.b.deployment}
    processed = stage.logged("file-processed")
    assert by_two(processed) == []
    assert without_right(processed, rights) == []
    assert without_right(stage.logged("file-accepted"), rights) == []
    # And it was work: the client has seen a right result of each.
    assert {each.sha256 for each in traffic.results} <= {each.sha256 for each in processed}
    assert {(each.infected, each.verdict) for each in traffic.results} == {
        (True, "Infected"),
        (False, "No Threat Detected"),
    }
    takers = {offer.node for offer in traffic.offers if offer.outcome == TOOK}
    assert takers == {stage.a.deployment, stage.b.deployment}


def has_engine(node: NodeProcess) -> bool:
    return any(row["active"] for row in ask(node, "GET", "/stat/engines"))


def ask(node: NodeProcess, method: str, path: str, **how: Any) -> Any:
    """A call of the Core API that has to work; gives its answer."""
    headers = {"apikey": APIKEY, **how.pop("headers", {})}
    answer = httpx.request(
        method, f"{node.url}{path}", headers=headers, timeout=60, trust_env=False, **how
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def until(holds: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + LIMIT_SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not come to it"
        time.sleep(0.02)
