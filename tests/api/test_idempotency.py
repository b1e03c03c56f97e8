"""A request with an Idempotency-Key has one effect, and a repeat gets the first answer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api.calls import Caller, done, in_a_moment, problem, refused, until_expired


@pytest.fixture
def once(unique: Callable[[str], str]) -> dict[str, str]:
    """The headers of one request: its Idempotency-Key, and an id since that is in problems."""
    return {"Idempotency-Key": unique("once"), "X-Request-Id": unique("request")}


class World:
    """A license of one slot that `a` holds, with the backup `b`; `c` is a fresh installation."""

    def __init__(self, api: Caller, unique: Callable[[str], str]) -> None:
        self.api = api
        self.lic = api.issued()
        self.a, self.b, self.c = unique("a"), unique("b"), unique("c")
        self.key = done(api.key("auditor"), 201)["id"]
        done(api.activate(self.a, self.lic))
        done(api.register(self.b, self.lic, standby_for=self.a))
        self.file = api.file(self.lic).text

    def ask(self, name: str, headers: dict[str, str]) -> httpx.Response:
        api, lic = self.api, self.lic
        asked: dict[str, Callable[[], httpx.Response]] = {
            "issue": lambda: api.issue(headers),
            "renew": lambda: api.change(lic, "renewal", headers, expires_at="2999-01-01T00:00:00Z"),
            "resize": lambda: api.change(lic, "resize", headers, slots=5),
            "suspend": lambda: api.change(lic, "suspension", headers, reason="debt"),
            "reinstate, as it is": lambda: api.change(lic, "reinstatement", headers),
            "revoke": lambda: api.change(lic, "revocation", headers),
            "register": lambda: api.register(self.c, lic, headers, standby_for=self.a),
            "register, as it is": lambda: api.register(self.b, lic, headers),
            "activate, as it is": lambda: api.activate(self.a, lic, headers),
            "make a file": lambda: api.file(lic, self.a, headers),
            "make a file, as it is": lambda: api.file(lic, None, headers),
            "register offline": lambda: api.register(
                self.c, headers=headers, license_file=self.file
            ),
            "register offline, forged": lambda: api.register(
                self.c, headers=headers, license_file=self.file.replace("scanner", "scammer")
            ),
            "deactivate": lambda: api.deactivate(self.a, headers),
            "unregister": lambda: api.unregister(self.b, headers),
            "nominate": lambda: api.nominate(self.b, headers, reason="drill"),
            "create key": lambda: api.key("operator", headers, customer="acme"),
            "revoke key": lambda: api.http.delete(f"/v1/keys/{self.key}", headers=headers),
            "activate, refused": lambda: api.activate(self.b, lic, headers),
            "nominate, refused": lambda: api.nominate(self.a, headers),
            "resize, refused": lambda: api.change("unknown", "resize", headers, slots=5),
            "revoke key, refused": lambda: api.http.delete("/v1/keys/unknown", headers=headers),
        }
        return asked[name]()

    def change_everything(self) -> None:
        """Nothing that an answer shows is to be the same after this."""
        api, lic = self.api, self.lic
        api.change(lic, "reinstatement")
        api.change(lic, "resize", slots=9)
        api.file(lic, self.a)
        api.deactivate(self.a)
        api.unregister(self.c)
        api.register(self.b, lic)
        api.nominate(self.b)
        api.deactivate(self.b)
        api.change(lic, "renewal", expires_at="2020-01-01T00:00:00Z")
        api.change(lic, "revocation")


@pytest.fixture
def world(api: Caller, unique: Callable[[str], str]) -> World:
    return World(api, unique)


EVERY_COMMAND = pytest.mark.parametrize(
    "name",
    [
        "issue",
        "renew",
        "resize",
        "suspend",
        "reinstate, as it is",
        "revoke",
        "register",
        "register, as it is",
        "activate, as it is",
        "make a file",
        "make a file, as it is",
        "register offline",
        "register offline, forged",
        "deactivate",
        "unregister",
        "nominate",
        "create key",
        "revoke key",
        "activate, refused",
        "nominate, refused",
        "resize, refused",
        "revoke key, refused",
    ],
)

_SHOWN = ("content-type", "x-request-id", "hotslot-position", "hotslot-log-index", "etag")


def answer(response: httpx.Response) -> tuple[int, bytes, dict[str, str | None]]:
    """All that a client sees."""
    headers = {name: response.headers.get(name) for name in _SHOWN}
    return response.status_code, response.content, headers


@EVERY_COMMAND
def test_a_repeat_gets_the_same_answer_to_the_byte(world: World, once: dict[str, str], name: str):
    first = world.ask(name, once)
    after = world.api.head()
    again = world.ask(name, once)
    assert answer(again) == answer(first)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert world.api.head() == after


@EVERY_COMMAND
def test_also_when_everything_has_changed_since(world: World, once: dict[str, str], name: str):
    first = world.ask(name, once)
    world.change_everything()
    after = world.api.head()
    assert answer(world.ask(name, once)) == answer(first)
    assert world.api.head() == after


def test_also_when_the_license_has_come_to_its_end_since(
    api: Caller, unique: Callable[[str], str], once: dict[str, str]
):
    """The end by time leaves no event: an answer must not show it before its time."""
    license_id, d = unique("lic"), unique("d")
    expires_at = in_a_moment()
    done(api.issue(id=license_id, expires_at=expires_at), 201)
    first = api.activate(d, license_id, once)
    again = {**once, "Idempotency-Key": once["Idempotency-Key"] + "-2"}
    resized = api.change(license_id, "resize", again, slots=2)
    assert done(first)["capabilities"]["process"]
    assert done(resized)["status"] == "valid"
    until_expired(api, license_id)
    assert answer(api.activate(d, license_id, once)) == answer(first)
    assert answer(api.change(license_id, "resize", again, slots=2)) == answer(resized)


def test_a_key_that_is_revoked_since_is_shown_again_as_it_was(api: Caller, once: dict[str, str]):
    first = api.key("operator", once)
    done(api.http.delete(f"/v1/keys/{done(first, 201)['id']}"))
    assert answer(api.key("operator", once)) == answer(first)


@pytest.mark.parametrize(
    "other",
    [
        {"slots": 2},
        {"slots": 1, "reason": "another"},
        {"slots": 1, "reason": None},
    ],
)
def test_another_body_under_the_same_key_is_refused(
    world: World, once: dict[str, str], other: dict[str, Any]
):
    done(world.api.change(world.lic, "resize", once, slots=1))
    after = world.api.head()
    answer = world.api.change(world.lic, "resize", once, **other)
    problem(answer, 422, "idempotency-key-reused")
    assert world.api.head() == after


def test_so_is_another_call(world: World, once: dict[str, str]):
    done(world.api.change(world.lic, "suspension", once))
    problem(world.api.change(world.lic, "revocation", once), 422, "idempotency-key-reused")
    problem(world.api.deactivate(world.a, once), 422, "idempotency-key-reused")
    assert world.api.license(world.lic)["status"] == "suspended"


def test_so_is_another_reason_in_the_header(world: World, once: dict[str, str]):
    done(world.api.deactivate(world.a, {**once, "Hotslot-Reason": "maintenance"}))
    other = world.api.deactivate(world.a, {**once, "Hotslot-Reason": "something else"})
    problem(other, 422, "idempotency-key-reused")


def test_also_after_a_refusal(world: World, once: dict[str, str]):
    refused(world.api.activate(world.c, world.lic, once), 409, "no-free-slot")
    problem(world.api.register(world.c, world.lic, once), 422, "idempotency-key-reused")


def test_a_refusal_stays_one_though_the_reason_for_it_is_gone(world: World, once: dict[str, str]):
    refused(world.api.activate(world.c, world.lic, once), 409, "no-free-slot")
    done(world.api.deactivate(world.a))
    refused(world.api.activate(world.c, world.lic, once), 409, "no-free-slot")
    assert world.api.deployment(world.c)["role"] == "unlicensed"
    done(world.api.activate(world.c, world.lic))


def test_a_key_may_be_quoted_as_the_draft_has_it(world: World, once: dict[str, str]):
    first = world.api.change(world.lic, "resize", once, slots=4)
    quoted = {**once, "Idempotency-Key": f'"{once["Idempotency-Key"]}"'}
    assert answer(world.api.change(world.lic, "resize", quoted, slots=4)) == answer(first)


def test_keys_of_different_actors_are_different_keys(
    world: World, once: dict[str, str], key_of: Callable[..., Caller]
):
    first = done(world.api.issue(once), 201)
    second = done(key_of("admin").issue(once), 201)
    assert first["id"] != second["id"]


@pytest.mark.parametrize("bad", ["", '""', "x" * 256, "a b", "sch\xf6n"])
def test_a_key_that_is_none(world: World, bad: str):
    before = world.api.head()
    headers = {"Idempotency-Key": bad.encode("latin-1")}
    asked = world.api.http.post(f"/v1/licenses/{world.lic}/suspension", headers=headers)  # type: ignore[arg-type]
    problem(asked, 422, "invalid-input")
    assert world.api.head() == before


@pytest.mark.parametrize("name", ["issue", "nominate", "create key", "activate, refused"])
def test_sent_many_times_at_once_it_has_one_effect(world: World, once: dict[str, str], name: str):
    before = world.api.head()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: answer(world.ask(name, once)), range(16)))
    assert answers == [answers[0]] * 16
    effect = {"issue": 1, "nominate": 3, "create key": 1, "activate, refused": 1}
    assert world.api.head() == before + effect[name]


def test_a_dry_run_does_not_use_the_key_up(world: World, once: dict[str, str]):
    done(world.api.nominate(world.b, once, dry_run=True))
    assert done(world.api.nominate(world.b, once))["dry_run"] is False


def test_a_failed_precondition_does_not_use_the_key_up(world: World, once: dict[str, str]):
    stale = {**once, "If-Match": '"1-valid"'}
    problem(world.api.change(world.lic, "suspension", stale), 412, "precondition-failed")
    done(world.api.change(world.lic, "suspension", once))
