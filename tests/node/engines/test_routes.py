"""The Core API's calls on engines."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from hotslot.node.core_api.engines import router
from tests.node.engines.material import Site, package

DEMO = "/admin/engine/demo"


class Client:
    """Asks the application without a connection."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, b""))

    def post(self, path: str, content: bytes = b"") -> httpx.Response:
        return asyncio.run(self._ask("POST", path, content))

    async def _ask(self, method: str, path: str, content: bytes) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://node.test") as client:
            return await client.request(method, path, content=content)


@pytest.fixture
def node(site: Site) -> Client:
    app = FastAPI()
    app.state.node = SimpleNamespace(engines=site.engines)
    app.include_router(router)
    return Client(app)


def test_engines_are_listed_with_the_fields_that_clients_know(node: Client, site: Site):
    assert node.get("/stat/engines").json() == []
    site.offer({"demo": package()})
    site.update()
    (row,) = node.get("/stat/engines").json()
    assert row.keys() >= {
        "active",
        "def_time",
        "download_progress",
        "download_time",
        "eng_id",
        "eng_name",
        "eng_type",
        "eng_ver",
        "engine_type",
        "state",
    }
    assert (row["eng_id"], row["state"], row["active"]) == ("demo", "production", True)


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [("disable", "active", False), ("enable", "active", True), ("pin", "pinned", True)],
)
def test_switches(node: Client, site: Site, action: str, field: str, value: bool):
    site.upload(package())
    answer = node.post(f"{DEMO}/{action}")
    said = {"disable": "disabled", "enable": "enabled", "pin": "pinned"}[action]
    assert (answer.status_code, answer.json()) == (200, {"result": f"Engine is {said}"})
    assert site.row()[field] is value


def test_unpin(node: Client, site: Site):
    site.upload(package())
    node.post(f"{DEMO}/pin")
    answer = node.post(f"{DEMO}/unpin")
    assert (answer.status_code, answer.json()) == (200, {"result": "Engine is unpinned"})
    assert site.row()["pinned"] is False


@pytest.mark.parametrize("action", ["enable", "disable", "pin", "unpin"])
def test_an_unknown_engine_is_404(node: Client, action: str):
    answer = node.post(f"{DEMO}/{action}")
    assert answer.status_code == 404
    assert answer.json().keys() == {"err"}


def test_a_package_is_uploaded(node: Client, site: Site):
    answer = node.post("/admin/engine/upload", content=package())
    assert answer.status_code == 200
    assert answer.json() == {"result": "Engine is uploaded", "eng_id": "demo"}
    assert site.row()["state"] == "production"


def test_a_bad_package_is_400_with_the_reason(node: Client):
    answer = node.post("/admin/engine/upload", content=b"nonsense")
    assert (answer.status_code, "damaged" in answer.json()["err"]) == (400, True)


def test_updates_are_asked_for_and_told_about(node: Client, site: Site):
    assert node.get("/admin/engine/update").json() == {"at": None, "outcome": None, "reason": None}
    answer = node.post("/admin/engine/update")
    assert answer.status_code == 400
    last = node.get("/admin/engine/update").json()
    assert (last["outcome"], last["reason"]) == ("download failed", answer.json()["err"])
    site.offer({"demo": package()})
    answer = node.post("/admin/engine/update")
    assert (answer.status_code, answer.json()) == (200, {"result": "Engines are up to date"})
    last = node.get("/admin/engine/update").json()
    assert (last["outcome"], last["reason"]) == ("done", None)
    assert last["at"].endswith("Z")


@pytest.mark.parametrize("call", ["update", "upload"])
def test_without_the_right_it_is_400_with_what_to_do_instead(node: Client, site: Site, call: str):
    site.offer({"demo": package()})
    site.rights.clear()
    answer = node.post(f"/admin/engine/{call}", content=package())
    assert answer.status_code == 400
    assert "Activate it (POST /admin/license/activation)" in answer.json()["err"]
    assert node.get("/stat/engines").json() == []
