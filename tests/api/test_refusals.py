"""Every refusal: its code, its status, its remedies, and its place in the record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotslot.domain import refusals
from tests.api.calls import Caller, done, problem, refused

PAST = "2020-01-01T00:00:00Z"


class World:
    """A license of one slot that `a` holds, with the backup `b`, and a second license."""

    def __init__(self, api: Caller, unique: Callable[[str], str]) -> None:
        self.api = api
        self.lic, self.other = api.issued(), api.issued(slots=2)
        self.a, self.b, self.c = unique("a"), unique("b"), unique("c")
        self.began = done(api.activate(self.a, self.lic))["since"]
        done(api.register(self.b, self.lic))

    def two_actives(self) -> None:
        done(self.api.change(self.lic, "resize", slots=2))
        done(self.api.activate(self.c, self.lic))

    def ended(self, kind: str, **body: Any) -> None:
        done(self.api.change(self.lic, kind, **body))


@pytest.fixture
def world(api: Caller, unique: Callable[[str], str]) -> World:
    return World(api, unique)


def backup_cannot_activate(world: World) -> httpx.Response:
    return world.api.activate(world.b, world.lic)


def active_cannot_be_backup(world: World) -> httpx.Response:
    return world.api.register(world.a, world.lic)


def bound_to_another_license(world: World) -> httpx.Response:
    return world.api.activate(world.a, world.other)


def bound_as_a_backup(world: World) -> httpx.Response:
    return world.api.register(world.b, world.other)


def no_free_slot(world: World) -> httpx.Response:
    return world.api.activate(world.c, world.lic)


def deactivate_a_backup(world: World) -> httpx.Response:
    return world.api.deactivate(world.b)


def deactivate_a_fresh_one(world: World) -> httpx.Response:
    return world.api.deactivate(world.c)


def unregister_an_active_one(world: World) -> httpx.Response:
    return world.api.unregister(world.a)


def nominate_a_fresh_one(world: World) -> httpx.Response:
    return world.api.nominate(world.c)


def nominate_an_active_one(world: World) -> httpx.Response:
    return world.api.nominate(world.a)


def nominate_in_place_of_one_of_several(world: World) -> httpx.Response:
    world.two_actives()
    return world.api.nominate(world.b)


def nominate_in_place_of_a_stranger(world: World) -> httpx.Response:
    return world.api.nominate(world.b, replaces=world.c)


def resize_below_use(world: World) -> httpx.Response:
    world.two_actives()
    return world.api.change(world.lic, "resize", slots=1)


def activate_on_an_expired_license(world: World) -> httpx.Response:
    world.ended("renewal", expires_at=PAST)
    return world.api.activate(world.c, world.lic)


def register_on_a_suspended_license(world: World) -> httpx.Response:
    world.ended("suspension")
    return world.api.register(world.c, world.lic)


def nominate_on_a_revoked_license(world: World) -> httpx.Response:
    world.ended("revocation")
    return world.api.nominate(world.b)


def renew_a_revoked_license(world: World) -> httpx.Response:
    world.ended("revocation")
    return world.api.change(world.lic, "renewal", expires_at=None)


def issue_again(world: World) -> httpx.Response:
    return world.api.issue(id=world.lic)


def activate_on_an_unknown_license(world: World) -> httpx.Response:
    return world.api.activate(world.c, "never-issued")


REFUSED = [
    (
        backup_cannot_activate,
        409,
        "backup-cannot-activate",
        ["nominate", "unregister-and-activate"],
    ),
    (active_cannot_be_backup, 409, "active-cannot-be-backup", ["deactivate", "register"]),
    (bound_to_another_license, 409, "bound-to-another-license", ["deactivate"]),
    (bound_as_a_backup, 409, "bound-to-another-license", ["unregister"]),
    (no_free_slot, 409, "no-free-slot", ["deactivate", "register", "resize"]),
    (deactivate_a_backup, 409, "not-active", ["unregister"]),
    (deactivate_a_fresh_one, 409, "not-active", []),
    (unregister_an_active_one, 409, "not-a-backup", ["deactivate"]),
    (nominate_a_fresh_one, 409, "not-a-backup", ["register"]),
    (nominate_an_active_one, 409, "not-a-backup", []),
    (nominate_in_place_of_one_of_several, 409, "active-is-ambiguous", ["nominate", "nominate"]),
    (nominate_in_place_of_a_stranger, 412, "replaced-is-not-active", ["nominate"]),
    (resize_below_use, 409, "slots-in-use", ["deactivate", "deactivate"]),
    (activate_on_an_expired_license, 403, "license-expired", ["renew"]),
    (register_on_a_suspended_license, 403, "license-suspended", ["reinstate"]),
    (nominate_on_a_revoked_license, 403, "license-revoked", ["issue"]),
    (renew_a_revoked_license, 403, "license-revoked", ["issue"]),
    (issue_again, 409, "license-already-issued", ["choose-id"]),
    (activate_on_an_unknown_license, 404, "unknown-license", ["list"]),
]
EVERY_REFUSAL = pytest.mark.parametrize(
    ("ask", "status", "code", "actions"), REFUSED, ids=[case[0].__name__ for case in REFUSED]
)


@EVERY_REFUSAL
def test_a_refusal_says_what_to_do_instead_and_is_recorded_once(
    world: World, ask: Callable[[World], httpx.Response], status: int, code: str, actions: list[str]
):
    first = ask(world)
    told = refused(first, status, code)
    assert [remedy["action"] for remedy in told["remedies"]] == actions
    assert told["title"] == refusals.CATALOGUE[code].title
    # Nothing but the refusal is recorded, and that one stands once however often it is asked.
    recorded = world.api.head()
    again = refused(ask(world), status, code)
    assert {**again, "request_id": ""} == {**told, "request_id": ""}
    assert world.api.head() == recorded
    entries = [
        e
        for e in world.api.trail(outcome="refused", since=world.began)
        if e["request_id"] == told["request_id"]
    ]
    assert [each["data"]["code"] for each in entries] == [code]
    entry = entries[0]
    assert (entry["type"], entry["outcome"]) == ("license.command-refused", "refused")
    assert entry["actor"] == {"kind": "key", "id": "admin"}
    assert entry["position"] == int(first.headers["hotslot-position"])
    assert entry["data"]["detail"] == told["detail"]
    where = entry["license"] or entry["deployment"]
    assert entry["stream"].partition(":")[2] == where


@EVERY_REFUSAL
def test_a_refusal_changes_nothing(
    world: World, ask: Callable[[World], httpx.Response], status: int, code: str, actions: list[str]
):
    ask(world)  # sets the stage, too
    before = [world.api.license(world.lic), *map(world.api.deployment, (world.a, world.b, world.c))]
    ask(world)
    assert before == [
        world.api.license(world.lic),
        *map(world.api.deployment, (world.a, world.b, world.c)),
    ]


def test_the_same_refusal_of_another_actor_is_another_one(
    world: World, key_of: Callable[..., Caller]
):
    refused(no_free_slot(world), 409, "no-free-slot")
    operator = key_of("operator")
    refused(operator.activate(world.c, world.lic), 409, "no-free-slot")
    actors = {e["actor"]["id"] for e in world.api.trail(license=world.lic, outcome="refused")}
    assert len(actors) == 2


def test_the_same_refusal_of_another_deployment_is_another_one(world: World):
    refused(world.api.activate(world.c, world.lic), 409, "no-free-slot")
    refused(world.api.activate(world.c + "2", world.lic), 409, "no-free-slot")
    assert len(world.api.trail(license=world.lic, outcome="refused")) == 2


def test_repeated_refusals_are_counted_in_the_metrics(world: World):
    def counted() -> float:
        lines = world.api.http.get("/metrics").text.splitlines()
        name = 'hotslot_refusals_total{code="slots-in-use",recorded="false"} '
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    resize_below_use(world)
    before = counted()
    for _ in range(3):
        world.api.change(world.lic, "resize", slots=1)
    assert counted() == before + 3


def test_an_activation_key_that_fits_nothing_is_refused_and_not_recorded(world: World):
    before = world.api.head()
    for key in ("nonsense", f"{world.lic}.nonsense", "never-issued.nonsense", ".", "x" * 300):
        refused(world.api.activate(world.c, activation_key=key), 403, "unknown-activation-key")
    assert world.api.head() == before


def test_a_license_that_is_unknown_is_unknown_everywhere(api: Caller):
    before = api.head()
    changes: dict[str, dict[str, Any]] = {
        "renewal": {"expires_at": None},
        "resize": {"slots": 1},
        "suspension": {},
        "reinstatement": {},
        "revocation": {},
    }
    for kind, body in changes.items():
        refused(api.change("never-issued", kind, **body), 404, "unknown-license")
    for path in ("", "/deployments", "/tenures"):
        problem(api.http.get(f"/v1/licenses/never-issued{path}"), 404, "unknown-license")
    assert api.head() == before


def test_keys_that_are_in_use_or_unknown(api: Caller, unique: Callable[[str], str]):
    key_id = unique("key")
    done(api.key("auditor", id=key_id), 201)
    before = api.head()
    refused(api.key("auditor", id=key_id), 409, "key-already-exists")
    refused(api.http.delete("/v1/keys/never-made"), 404, "unknown-key")
    assert api.head() == before


ELSEWHERE = [
    "test_leases.py",
    "test_bad_license_files.py",
    "test_license_file_scope.py",
    "test_license_files.py",
    "test_offline_sites.py",
]


def test_every_code_of_the_catalogue_is_seen_here_or_where_files_or_leases_are():
    seen = {code for _, _, code, _ in REFUSED} | {
        "unknown-activation-key",
        "key-already-exists",
        "unknown-key",
    }
    text = "".join((Path(__file__).parent / name).read_text("utf-8") for name in ELSEWHERE)
    assert [
        code for code in refusals.CATALOGUE if code not in seen and f'"{code}"' not in text
    ] == []


def test_the_refusal_of_a_full_license_names_the_holder(world: World):
    told = refused(no_free_slot(world), 409, "no-free-slot")
    assert world.a in told["detail"]
    assert f"DELETE /v1/deployments/{world.a}/activation" in told["remedies"][0]["description"]


def test_an_ambiguous_nomination_lists_the_active_ones(world: World):
    told = refused(nominate_in_place_of_one_of_several(world), 409, "active-is-ambiguous")
    assert world.a in told["detail"]
    assert world.c in told["detail"]
    for active, remedy in zip((world.a, world.c), told["remedies"], strict=True):
        assert f'{{"replaces": "{active}"}}' in remedy["description"]


def test_the_time_of_expiry_is_told_as_the_api_writes_times(world: World):
    told = refused(activate_on_an_expired_license(world), 403, "license-expired")
    assert "2020-01-01T00:00:00.000000Z" in told["detail"]
