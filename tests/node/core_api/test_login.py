"""Logging in and out, and what is kept of users."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from hotslot.node.core_api import sessions, throttle
from hotslot.node.core_api.accounts import Accounts, User
from hotslot.node.core_api.sessions import Sessions
from hotslot.node.core_api.throttle import Throttle
from tests.node.core_api.conftest import NOWHERE, New
from tests.node.core_api.served import APIKEY, Instance

ADMIN = User("admin", "admin")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def login(instance: Instance, **body: Any) -> Any:
    with instance.client() as http:
        return http.post("/login", json=body)


@pytest.fixture
def instance(new: New) -> Instance:
    return new(NOWHERE, admin_password="the admin's")


def test_a_session_begins_with_the_password_and_ends_when_it_is_asked(instance: Instance):
    answer = login(instance, user="admin", password="the admin's")

    assert answer.status_code == 200
    assert sorted(answer.json()) == ["oms-csrf-token", "session_id"]
    session = answer.json()["session_id"]
    with instance.client(apikey=session) as http:
        assert http.get("/admin/license").status_code == 200
        ended = http.post("/logout")
        assert (ended.status_code, ended.json()) == (200, {"response": "Logout success"})
        assert http.get("/admin/license").status_code == 403
        assert http.post("/logout").status_code == 403


def test_each_login_has_a_session_of_its_own(instance: Instance):
    one, two = (login(instance, user="admin", password="the admin's").json() for _ in range(2))
    assert len({*one.values(), *two.values()}) == 4
    with instance.client(apikey=one["session_id"]) as http:
        http.post("/logout")
    with instance.client(apikey=two["session_id"]) as http:
        assert http.get("/admin/license").status_code == 200


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("admin", "wrong"),
        ("admin", ""),
        ("admin", "x" * 2000),
        ("nobody", "the admin's"),
        ("", ""),
        ("reader", "the admin's"),
    ],
)
def test_a_login_that_fails_says_no_more_than_that(alone: Instance, user: str, password: str):
    if user == "reader":
        password = "not the reader's"
    answer = login(alone, user=user, password=password)
    assert (answer.status_code, answer.json()) == (403, {"err": "Failed to login"})
    login(alone, user="admin", password="the admin's")  # for the count of failures


@pytest.mark.parametrize("body", [b"", b"{}", b'{"user": "admin"}', b'{"user":1,"password":""}'])
def test_a_login_of_a_wrong_form_is_400(alone: Instance, body: bytes):
    with alone.client() as http:
        alone.err(http.post("/login", content=body))


def test_a_logout_names_a_session(alone: Instance):
    with alone.client() as http:
        alone.err(http.post("/logout"))
        alone.err(http.post("/logout", headers={"apikey": "unknown"}), 403)
        assert "no session" in alone.err(http.post("/logout", headers={"apikey": APIKEY}))


def test_too_many_failures_are_429_and_the_right_password_has_to_wait_too(instance: Instance):
    for _ in range(throttle.FREE_TRIES):
        assert login(instance, user="admin", password="wrong").status_code == 403
    for password in ("wrong", "the admin's"):
        answer = login(instance, user="admin", password=password)
        assert answer.status_code == 429
        assert "Try again in" in answer.json()["err"]
        assert int(answer.headers["retry-after"]) >= 1


def test_a_restart_ends_all_sessions(instance: Instance, new: New):
    session = login(instance, user="admin", password="the admin's").json()["session_id"]
    again = new(NOWHERE, folder=instance.copied())
    with again.client(apikey=session) as http:
        assert http.get("/admin/license").status_code == 403
    assert login(again, user="admin", password="the admin's").status_code == 200


def test_no_password_and_no_session_is_logged(instance: Instance):
    with capture_logs() as logs:
        login(instance, user="the admin's", password="the admin's")
        session = login(instance, user="admin", password="the admin's").json()["session_id"]
    assert {each["event"] for each in logs} >= {"login-failed", "logged-in"}
    assert "the admin's" not in str(logs)
    assert session not in str(logs)


# Sessions


def test_a_session_ends_when_it_is_not_used():
    clock = Clock()
    known = Sessions(clock)
    id_ = known.open(ADMIN).session_id
    clock.now += sessions.IDLE_SECONDS - 1
    assert known.user(id_) == ADMIN
    clock.now += sessions.IDLE_SECONDS - 1
    assert known.user(id_) == ADMIN
    clock.now += sessions.IDLE_SECONDS
    assert known.user(id_) is None


def test_a_session_ends_however_much_it_is_used():
    clock = Clock()
    known = Sessions(clock)
    id_ = known.open(ADMIN).session_id
    for _ in range(sessions.LONGEST_SECONDS // 600 - 1):
        clock.now += 600
        assert known.user(id_) == ADMIN
    clock.now += 600
    assert known.user(id_) is None


def test_the_session_that_was_not_used_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sessions, "MOST", 2)
    known = Sessions(Clock())
    first, second = (known.open(ADMIN).session_id for _ in range(2))
    known.user(first)
    third = known.open(ADMIN).session_id
    assert [known.user(id_) is not None for id_ in (first, second, third)] == [True, False, True]


def test_session_ids_are_32_of_hex_and_known_by_their_hashes():
    known = Sessions(Clock())
    opened = known.open(ADMIN)
    assert len(opened.session_id) == 32
    int(opened.session_id, 16)
    assert opened.session_id not in str(vars(known))


# Throttling


def test_each_failure_beyond_the_free_ones_doubles_the_wait():
    clock = Clock()
    tries = Throttle(clock)
    assert [tries.begin("a") for _ in range(throttle.FREE_TRIES)] == [0] * throttle.FREE_TRIES
    waits = []
    for _ in range(12):
        wait = tries.begin("a")
        waits.append(wait)
        clock.now += wait
        assert tries.begin("a") == 0
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_a_try_that_comes_too_early_is_none():
    clock = Clock()
    tries = Throttle(clock)
    for _ in range(throttle.FREE_TRIES):
        tries.begin("a")
    assert [tries.begin("a") for _ in range(3)] == [1, 1, 1]


def test_success_and_other_addresses_begin_anew(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(throttle, "MOST_ADDRESSES", 2)
    tries = Throttle(Clock())
    for _ in range(throttle.FREE_TRIES):
        tries.begin("a")
    assert tries.begin("b") == 0
    assert tries.begin("a") == 1
    tries.succeeded("a")
    assert tries.begin("a") == 0
    tries.begin("c")
    assert len(tries._tries) == 2


# Users


def accounts(folder: Path, admin: str | None = None, reader: str | None = None) -> Accounts:
    return Accounts(
        folder / "users.json",
        admin_password=None if admin is None else SecretStr(admin),
        reader_password=None if reader is None else SecretStr(reader),
    )


def test_a_password_is_made_up_once_and_kept_only_as_a_hash(tmp_path: Path):
    first = accounts(tmp_path)
    assert first.new_password is not None
    assert len(first.new_password) >= 24
    again = accounts(tmp_path)
    assert again.new_password is None
    assert again.check("admin", first.new_password) == ADMIN
    assert again.check("admin", first.new_password + " ") is None

    file = tmp_path / "users.json"
    assert first.new_password not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_hash_costs_what_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hotslot.node.core_api.accounts._N", 1 << 15)
    accounts(tmp_path, "the admin's")
    admin = json.loads((tmp_path / "users.json").read_text())["admin"]
    assert (admin["n"], admin["r"], admin["p"]) == (1 << 15, 8, 3)
    monkeypatch.setattr("hotslot.node.core_api.accounts._N", 1 << 4)
    assert accounts(tmp_path).check("admin", "the admin's") == ADMIN


def test_each_hash_has_its_own_salt(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        accounts(tmp_path / name, "the admin's")
    one, two = (json.loads((tmp_path / n / "users.json").read_text())["admin"] for n in "ab")
    assert one["salt"] != two["salt"]
    assert one["scrypt"] != two["scrypt"]


def test_a_password_that_is_set_replaces_the_one_that_was_lost(tmp_path: Path):
    accounts(tmp_path, "the first")
    before = (tmp_path / "users.json").read_bytes()
    assert accounts(tmp_path, "the first").check("admin", "the first") == ADMIN
    assert (tmp_path / "users.json").read_bytes() == before
    second = accounts(tmp_path, "the second")
    assert second.check("admin", "the first") is None
    assert accounts(tmp_path).check("admin", "the second") == ADMIN


def test_the_reader_is_there_while_a_password_for_it_is_set(tmp_path: Path):
    found = accounts(tmp_path, "the admin's", "the reader's").check("reader", "the reader's")
    assert found == User("reader", "read-only")
    assert accounts(tmp_path).check("reader", "the reader's") is None


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b'{"version":2,"admin":null}'])
def test_damaged_users_are_put_aside_and_the_admin_gets_a_new_password(
    tmp_path: Path, damage: bytes
):
    accounts(tmp_path, "the admin's")
    (tmp_path / "users.json").write_bytes(damage)
    with capture_logs() as logs:
        known = accounts(tmp_path)
    assert known.new_password is not None
    assert known.check("admin", "the admin's") is None
    (aside,) = tmp_path.glob("users.json.broken-*")
    assert aside.read_bytes() == damage
    assert [each["event"] for each in logs] == ["users-damaged"]
