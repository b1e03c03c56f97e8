"""Who is let in to which call."""

import re

import pytest

from hotslot.node.app import create_app
from tests.node.core_api.conftest import New
from tests.node.core_api.served import APIKEY, Instance

OPEN = {
    ("GET", "/version"),
    ("GET", "/readyz"),
    ("GET", "/stat/engines"),
    ("POST", "/login"),
    ("POST", "/logout"),
    ("POST", "/file"),
    ("GET", "/file/x"),
    ("GET", "/hash/x"),
}


def calls(instance: Instance) -> set[tuple[str, str]]:
    """Every method and path that an instance answers."""
    return {
        (method.upper(), re.sub(r"\{[^}]+\}", "x", path))
        for path, methods in create_app(instance.node).openapi()["paths"].items()
        for method in methods
    }


@pytest.fixture(scope="module")
def under_admin(alone: Instance) -> list[tuple[str, str]]:
    found = {each for each in calls(alone) if each[1].startswith("/admin")}
    assert len(found) >= 19
    return sorted(found)


@pytest.fixture(scope="module")
def session(alone: Instance) -> str:
    return logged_in(alone, "admin", "the admin's")


def logged_in(instance: Instance, user: str, password: str) -> str:
    with instance.client() as http:
        answer = http.post("/login", json={"user": user, "password": password})
        assert answer.status_code == 200
        return str(answer.json()["session_id"])


def test_only_these_calls_are_open_to_everybody(alone: Instance):
    everything = calls(alone)
    assert {each for each in everything if not each[1].startswith("/admin")} == OPEN


@pytest.mark.parametrize(
    "shown",
    [None, "", "wrong", APIKEY[:-1], APIKEY.upper(), f"{APIKEY}0", "a b", "é", "0" * 32],
)
def test_without_a_known_key_every_call_under_admin_is_403(
    alone: Instance, under_admin: list[tuple[str, str]], shown: str | None
):
    headers = {} if shown is None else {b"apikey": shown.encode("latin-1")}
    with alone.client() as http:
        for method, path in under_admin:
            answer = http.request(method, path, headers=headers)
            told = alone.err(answer, 403)
            assert told.startswith("Access denied")
            assert "POST /login" in told


def test_a_wrong_key_is_told_before_anything_of_the_body_is_looked_at(alone: Instance):
    with alone.client(apikey="wrong") as http:
        answer = http.post("/admin/license/activation", content=b" " * (1 << 17))
    alone.err(answer, 403)


def test_a_session_and_the_api_key_are_let_in(
    alone: Instance, under_admin: list[tuple[str, str]], session: str
):
    for key in (session, APIKEY):
        with alone.client(apikey=key) as http:
            for method, path in under_admin:
                assert http.request(method, path).status_code not in {403, 405}, path


def test_one_who_only_reads_may_see_everything_and_change_nothing(
    alone: Instance, under_admin: list[tuple[str, str]]
):
    reader = logged_in(alone, "reader", "the reader's")
    with alone.client(apikey=reader) as http:
        for method, path in under_admin:
            answer = http.request(method, path)
            if method == "GET":
                assert answer.status_code == 200, path
            else:
                told = alone.err(answer, 405)
                assert told.startswith("Access denied")
                assert "reader may only read" in told
                assert "allow" not in answer.headers


def test_a_call_that_there_is_not_is_404_and_a_method_405(alone: Instance):
    assert "/admin/nothing" in alone.err(alone.http.get("/admin/nothing"), 404)
    told = alone.err(alone.http.put("/admin/license"), 405)
    assert "and not PUT" in told


def test_without_an_api_key_there_are_sessions_only(new: New):
    instance = new("http://127.0.0.1:9", apikey=None, admin_password="the admin's")
    with instance.client() as http:
        for key in ("", "None", APIKEY):
            assert http.get("/admin/license", headers={"apikey": key}).status_code == 403
    key = logged_in(instance, "admin", "the admin's")
    with instance.client(apikey=key) as http:
        assert http.get("/admin/license").status_code == 200


def test_before_a_gate_only_the_license_is_answered_here(new: New):
    """The rest is the product's own, with its own keys; here nothing answers for it."""
    instance = new("http://127.0.0.1:9", upstream="http://127.0.0.1:9")
    assert instance.http.get("/admin/license/backup").json() == {"is_backup": False}
    with instance.client() as http:
        assert http.get("/admin/license").status_code == 403
        for path in ("/admin/export", "/admin/config/update", "/stat/engines"):
            assert http.get(path).status_code == 502
        assert http.post("/login").status_code == 502
    assert not (instance.folder / "users.json").exists()
