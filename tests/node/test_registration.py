"""An instance gets and gives up its role on a real backend, and has the rights at once."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from pydantic import HttpUrl, SecretStr

from hotslot.client import OutOfReach, Refused
from hotslot.node.identity import DataDirectory
from hotslot.node.instance import Node, assemble
from hotslot.node.settings import NodeSettings
from tests.serving import Server


@dataclass
class Site:
    """A license on the backend, and a place for instances."""

    backend: str
    admin: httpx.Client
    folder: Path
    license: str = field(default_factory=lambda: f"site-{uuid.uuid4().hex[:12]}")
    activation_key: str = ""

    def issue(self, slots: int = 1) -> "Site":
        body = {"id": self.license, "product": "Scanner 5", "customer": "acme", "slots": slots}
        answer = self.admin.post("/v1/licenses", json=body)
        assert answer.status_code == 201, answer.text
        self.activation_key = answer.json()["activation_key"]
        return self

    @asynccontextmanager
    async def node(
        self, name: str, *, backend: str | None = None, key: SecretStr | None = None
    ) -> AsyncIterator[Node]:
        """A running instance, without the server around it."""
        directory = DataDirectory(self.folder / name)
        settings = NodeSettings(
            deployment=f"{name}-{self.license}", backend=HttpUrl(backend or self.backend), key=key
        )
        node = assemble(settings, directory)
        try:
            async with node.running():
                yield node
        finally:
            directory.close()

    def events_of(self, deployment: str) -> list[str]:
        entries = self.admin.get("/v1/audit", params={"deployment": deployment}).json()["entries"]
        return [each["type"] for each in entries]


@pytest.fixture
def site(licensing: Server, tmp_path: Path) -> Iterator[Site]:
    """A license of its own on the backend."""
    with licensing.client() as admin:
        yield Site(licensing.url, admin, tmp_path).issue()


def test_activation_gives_the_right_to_process_at_once(site: Site):
    async def story() -> None:
        async with site.node("a") as node:
            deployment = await node.registration.activate(activation_key=site.activation_key)
            assert deployment.role == "active"
            assert node.keeper.may("process"), node.keeper.failure
            standing = node.keeper.standing()
            assert (standing.license, standing.term) == (site.license, 1)
            assert standing.status == "ok"

    asyncio.run(story())


def test_a_restarted_instance_needs_no_activation_key_again(site: Site):
    async def story() -> None:
        async with site.node("a") as node:
            await node.registration.activate(activation_key=site.activation_key)
        async with site.node("a") as node:
            assert node.keeper.may("process")
            await node.keeper.renew_now()
            assert node.keeper.failure is None

    asyncio.run(story())


def test_a_backup_downloads_engines_and_does_not_process(site: Site):
    async def story() -> None:
        async with site.node("b") as node:
            await node.registration.register(activation_key=site.activation_key)
            standing = node.keeper.standing()
            assert standing.status == "backup"
            assert standing.rights >= {"engines.download", "engines.upload", "engines.deploy"}
            assert not standing.may("process")

    asyncio.run(story())


def test_unregistered_it_is_as_a_fresh_installation(site: Site):
    async def story() -> None:
        async with site.node("b") as node:
            fresh = node.keeper.standing().rights
            await node.registration.register(activation_key=site.activation_key)
            await node.registration.unregister()
            standing = node.keeper.standing()
            assert (standing.role, standing.rights) == ("unlicensed", fresh)
            assert "no longer registered" in standing.why

    asyncio.run(story())


def test_deactivated_it_stops_at_once(site: Site):
    async def story() -> None:
        async with site.node("a") as node:
            await node.registration.activate(activation_key=site.activation_key)
            await node.registration.deactivate()
            assert node.keeper.standing().role == "unlicensed"

    asyncio.run(story())


def test_a_nominated_backup_processes_and_the_former_one_stands_down(site: Site):
    async def story() -> None:
        async with site.node("a") as a, site.node("b") as b:
            await a.registration.activate(activation_key=site.activation_key)
            await b.registration.register(activation_key=site.activation_key)

            nomination = await b.registration.nominate(reason="a drill")
            assert nomination is not None
            assert nomination.deployment.id == b.deployment
            assert b.keeper.may("process")
            assert b.keeper.standing().term == 2

            await a.keeper.renew_now()
            assert not a.keeper.may("process")
            async with asyncio.timeout(20):
                while "deployment.stood-down" not in site.events_of(a.deployment):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert "deployment.took-over" in site.events_of(b.deployment)

    asyncio.run(story())


def test_one_that_waits_processes_when_the_former_one_has_stood_down(site: Site):
    async def story() -> None:
        async with site.node("a") as a, site.node("b") as b:
            await a.registration.activate(activation_key=site.activation_key)
            await b.registration.register(activation_key=site.activation_key)
            finished = asyncio.Event()
            a.keeper.quiesce = finished.wait  # type: ignore[assignment]

            await b.registration.nominate(wait_for_release=True)
            assert b.keeper.standing().status == "waiting"
            assert b.keeper.standing().waits_for == a.deployment

            await a.keeper.renew_now()
            assert not a.keeper.may("process")
            await b.keeper.renew_now()
            assert not b.keeper.may("process"), "something still runs on the former one"

            finished.set()
            async with asyncio.timeout(20):
                while not b.keeper.may("process"):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    asyncio.run(story())


def test_a_node_key_is_enough_for_a_license_file(site: Site):
    async def story() -> None:
        made = site.admin.post(
            "/v1/keys", json={"role": "node", "deployment": f"a-{site.license}"}
        ).json()
        file = site.admin.get(f"/v1/licenses/{site.license}/file").text
        async with site.node("a", key=SecretStr(made["key"])) as node:
            deployment = await node.registration.activate(license_file=file)
            assert deployment.mode == "offline"
            assert node.keeper.may("process"), node.keeper.failure

    asyncio.run(story())


REFUSED: dict[str, tuple[Callable[[Site], dict[str, str]], str]] = {
    "another key": (lambda site: {"activation_key": f"{site.license}.wrong"}, "unknown-activation"),
    "no key at all": (lambda _: {"activation_key": "ä"}, "unknown-activation-key"),
    "nothing": (lambda _: {}, "no-key"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_changes_nothing_here(site: Site, kind: str):
    given, code = REFUSED[kind]

    async def story() -> None:
        async with site.node("a") as node:
            with pytest.raises(Refused) as refusal:
                await node.registration.activate(**given(site))
            assert refusal.value.code.startswith(code)
            assert node.memory.content.activation_key is None
            assert node.keeper.standing().role == "unlicensed"

    asyncio.run(story())


def test_a_registered_backup_is_not_activated(site: Site):
    async def story() -> None:
        async with site.node("b") as node:
            await node.registration.register(activation_key=site.activation_key)
            with pytest.raises(Refused) as refusal:
                await node.registration.activate(activation_key=site.activation_key)
            assert refusal.value.code == "backup-cannot-activate"
            assert refusal.value.remedies
            assert node.keeper.standing().status == "backup"

    asyncio.run(story())


def test_without_a_backend_the_role_stays(site: Site):
    async def story() -> None:
        async with site.node("a") as node:
            await node.registration.activate(activation_key=site.activation_key)
        async with site.node("a", backend="http://127.0.0.1:9") as node:
            with pytest.raises(OutOfReach):
                await node.registration.deactivate()
            assert node.keeper.may("process")

    asyncio.run(story())
