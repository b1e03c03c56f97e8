"""API keys: made, shown once, revoked, and then of no use anywhere within a second."""

import time
from collections.abc import Callable

import pytest

from tests.api.calls import Caller, done, eventually, problem
from tests.api.conftest import Watched
from tests.serving import Server, serving


def works(caller: Caller) -> bool:
    answer = caller.http.get("/v1/licenses?limit=1")
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


def test_a_new_key_works_at_once_and_a_revoked_one_no_longer(
    api: Caller, caller_with: Callable[..., Caller]
):
    made = done(api.key("auditor"), 201)
    caller = caller_with(made["key"])
    assert works(caller)
    done(api.http.delete(f"/v1/keys/{made['id']}"))
    assert not works(caller)
    told = problem(caller.http.get("/v1/licenses"), 401, "unauthenticated")
    assert "revoked" in told["detail"]


def test_a_key_is_revoked_once(api: Caller):
    made = done(api.key("auditor"), 201)
    first = done(api.http.delete(f"/v1/keys/{made['id']}"))
    before = api.head()
    assert done(api.http.delete(f"/v1/keys/{made['id']}")) == first
    assert api.head() == before


def test_the_life_of_a_key_is_in_the_trail_without_its_secret(api: Caller):
    made = done(api.key("node", deployment="d", customer="acme"), 201)
    done(api.http.delete(f"/v1/keys/{made['id']}"))
    since = api.trail(actor="admin", since=made["created_at"])
    entries = [each for each in since if each["data"].get("key") == made["id"]]
    assert [each["type"] for each in entries] == ["key.created", "key.revoked"]
    assert made["key"] not in str(entries)
    assert {name: entries[0]["data"][name] for name in ("role", "customer", "deployment")} == {
        "role": "node",
        "customer": "acme",
        "deployment": "d",
    }


def test_a_key_may_be_made_under_a_given_id(api: Caller, unique: Callable[[str], str]):
    wanted = unique("ci.deploy:bot@acme")
    assert done(api.key("operator", id=wanted), 201)["id"] == wanted


@pytest.mark.parametrize("change", ["", "x", " "])
def test_a_key_has_to_be_whole(api: Caller, caller_with: Callable[..., Caller], change: str):
    secret = done(api.key("auditor"), 201)["key"]
    assert not works(caller_with(secret[:-1] + change if change != " " else secret[1:]))


@pytest.fixture(scope="module")
def second(watched: Watched):
    """Another server process on the database of the watched one."""
    with serving(watched.dsn) as server:
        yield server


def test_a_revoked_key_stops_working_in_every_process_within_a_second(
    watched: Watched, second: Server
):
    with watched.caller().http as http:
        here = Caller(http)
        for _ in range(5):
            made = done(here.key("auditor"), 201)
            with second.client(made["key"]) as other:
                there = Caller(other)
                eventually(lambda there=there: works(there))  # type: ignore[misc]
                done(here.http.delete(f"/v1/keys/{made['id']}"))
                revoked_at = asked_at = time.monotonic()
                while works(there):
                    # However long the answer took: what was asked a second later is refused.
                    assert asked_at - revoked_at < 1
                    asked_at = time.monotonic()
                # Once it is known there, it stays so.
                assert not works(there)


def test_a_write_through_one_process_is_read_through_another(
    watched: Watched, second: Server, unique: Callable[[str], str]
):
    with watched.caller().http as http, second.client() as other:
        here, there = Caller(http), Caller(other)
        for number in range(20):
            answer = here.issue(slots=number + 1)
            asked = {"min_position": answer.headers["hotslot-position"]}
            shown = there.license(answer.json()["id"], **asked)
            assert shown["slots"]["total"] == number + 1


def test_a_key_made_through_one_process_signs_in_at_another(watched: Watched, second: Server):
    with watched.caller().http as http:
        made = done(Caller(http).key("admin"), 201)
        with second.client(made["key"]) as other:
            eventually(lambda: works(Caller(other)))
            done(Caller(other).issue(), 201)
