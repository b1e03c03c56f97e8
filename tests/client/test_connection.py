"""What a client remembers and sends by itself, and what its parts share."""

import inspect
import json
import subprocess
import sys
import threading
from typing import Any

import pytest

from hotslot.client import AsyncHotslot, Hotslot, awaiting, blocking
from hotslot.client.connection import options
from hotslot.client.exchange import Seen
from tests.cli.answers import deployment, license_
from tests.cli.stub import Stub
from tests.client.answers import LEASE
from tests.client.conftest import KEY
from tests.client.variants import Connect


def test_reads_follow_everything_seen(hotslot: Any, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/l", license_("l"), position=12)
    stub.answer("POST", "/v1/licenses/l/suspension", license_("l"), position=17)
    stub.answer("GET", "/v1/deployments/d", deployment("d"), position=15)
    stub.answer("GET", "/v1/licenses", {"licenses": [], "next": None})
    assert hotslot.position == 0
    hotslot.licenses.get("l")
    hotslot.licenses.suspend("l")
    hotslot.deployments.get("d")
    list(hotslot.licenses.list())
    assert hotslot.position == 17
    seen = [asked.query.get("min_position") for asked in stub.asked]
    assert seen == [None, None, "17", "17"]


def test_a_refusal_shows_a_position_too(hotslot: Any, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/l", {"code": "unknown-license"}, 404, position=5)
    with pytest.raises(Exception, match="unknown-license"):
        hotslot.licenses.get("l")
    assert hotslot.position == 5


def test_what_follows_nothing_waits_for_nothing(hotslot: Any, stub: Stub) -> None:
    stub.answer("GET", "/v1/signing-keys", {"keys": []}, position=9)
    stub.answer("POST", "/v1/deployments/d/lease", LEASE)
    hotslot.signing_keys()
    hotslot.signing_keys()
    hotslot.deployments.lease("d")
    assert [asked.query for asked in stub.asked] == [{}, {}, {}]


def test_an_odd_position_is_passed_over() -> None:
    seen = Seen()
    for header in ("7", None, "x", "-9", "", "3"):
        seen.note(header)
    assert seen.position == 7


def test_threads_never_lose_the_highest_position() -> None:
    seen = Seen()
    ready = threading.Barrier(4)

    def note(first: int) -> None:
        ready.wait()
        for position in range(first, 20_001, 4):
            seen.note(str(position))

    threads = [threading.Thread(target=note, args=(first,)) for first in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen.position == 20_000


def test_another_key_shares_what_was_seen(hotslot: Any, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/l", license_("l"), position=12)
    hotslot.licenses.get("l")
    other = hotslot.acting_as(activation_key="lic.secret")
    other.licenses.get("l")
    hotslot.licenses.get("l")
    first, second, third = stub.asked
    assert second.query == {"min_position": "12"}
    assert second.headers["activation-key"] == "lic.secret"
    assert "authorization" not in second.headers
    assert third.headers["authorization"] == first.headers["authorization"] == f"Bearer {KEY}"
    assert "activation-key" not in third.headers


def test_without_a_key_none_is_shown(connect: Connect, stub: Stub) -> None:
    stub.answer("GET", "/.well-known/jwks.json", {"keys": []})
    assert connect(stub.url).jwks() == {"keys": []}
    assert not {"authorization", "activation-key"} & set(stub.asked[0].headers)


def test_a_server_may_have_a_path_of_its_own(connect: Connect, stub: Stub) -> None:
    stub.answer("GET", "/licensing/v1/licenses/l", license_("l"))
    assert connect(f"{stub.url}/licensing/", key=KEY).licenses.get("l").id == "l"


def test_a_list_is_read_page_by_page_and_only_as_far_as_wanted(hotslot: Any, stub: Stub) -> None:
    for ids, cursor in (("ab", "p2"), ("", "p3"), ("c", None)):
        page = {"licenses": [license_(id_) for id_ in ids], "next": cursor}
        stub.answer("GET", "/v1/licenses", page, position=4)
    found = iter(hotslot.licenses.list(customer="acme"))
    assert [next(found).id, next(found).id] == ["a", "b"]
    assert len(stub.asked) == 1
    assert [each.id for each in found] == ["c"]
    assert [asked.query.get("cursor") for asked in stub.asked] == [None, "p2", "p3"]
    assert {asked.query["customer"] for asked in stub.asked} == {"acme"}


@pytest.mark.parametrize(("connect_timeout", "expected"), [(None, 3), (0.5, 0.5)])
def test_connecting_may_take_less_than_answering(
    connect_timeout: float | None, expected: float
) -> None:
    timeout = options("http://x", 3, connect_timeout)["timeout"]
    assert (timeout.connect, timeout.read, timeout.write) == (expected, 3, 3)


def test_loopback_needs_no_proxy(
    connect: Connect, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    stub.answer("GET", "/readyz", {"status": "ready", "ledger": 1, "projections": {}})
    assert connect(stub.url).ready().ledger == 1


def public(kind: type) -> dict[str, Any]:
    return {name: getattr(kind, name) for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize("room", ["", "Licenses", "Deployments", "Keys", "Audit"])
def test_both_clients_have_the_same_methods_with_the_same_arguments(room: str) -> None:
    one = public(getattr(blocking, room) if room else Hotslot)
    other = public(getattr(awaiting, f"Async{room}") if room else AsyncHotslot)
    if not room:
        other["close"] = other.pop("aclose")
    assert one.keys() == other.keys()
    assert len(one) > 3
    for name, method in one.items():
        if callable(method):
            ours, theirs = inspect.signature(method), inspect.signature(other[name])
            assert [*map(str, ours.parameters.values())] == [*map(str, theirs.parameters.values())]
            assert method.__doc__, name


def test_help_shows_what_a_method_gives() -> None:
    shown = str(inspect.signature(blocking.Licenses.get))
    assert shown.endswith("-> hotslot.client.results.License")
    shown = str(inspect.signature(awaiting.AsyncLicenses.list))
    assert shown.endswith("AsyncIterator[hotslot.client.results.License]")


def test_importing_the_client_imports_nothing_of_the_server() -> None:
    """Whoever uses the client pays for the client, and needs none of the server's libraries."""
    look = "import json, sys, hotslot.client; print(json.dumps(sorted(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", look], capture_output=True, check=True, text=True)
    modules = json.loads(shown.stdout)
    assert "hotslot.client.exchange" in modules
    others = [name for name in modules if name.startswith("hotslot.") and ".client" not in name]
    assert others == []
    heavy = {"fastapi", "starlette", "pydantic", "psycopg", "eventsourcing", "jwt", "uvicorn"}
    heavy |= {"typer", "projections", "cryptography", "structlog", "yaml", "pydantic_settings"}
    assert heavy & set(modules) == set()
