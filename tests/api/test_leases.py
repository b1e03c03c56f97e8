"""Leases: what they say, who gets one, and what becomes known by them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from hotslot.licensefiles import KeyFolder
from tests.api.calls import Caller, done, eventually, in_a_moment, problem, refused, until_expired
from tests.api.conftest import KeyOf
from tests.serving import serving

Unique = Callable[[str], str]

BACKUP_RIGHTS = {
    "engines.download",
    "engines.upload",
    "engines.deploy",
    "settings.modify",
    "settings.import",
    "administer",
}
HOLDER = ["deployment", "mode", "position", "role", "since", "standby_for"]
ACTIVE_RIGHTS = BACKUP_RIGHTS | {"process"}


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def claims_of(api: Caller, token: str) -> dict[str, Any]:
    """What a token says, after it was verified as any other program would."""
    keys = jwt.PyJWKSet.from_dict(done_jwks(api))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["EdDSA"], audience="hotslot-node", issuer="hotslot"
    )
    return claims


def done_jwks(api: Caller) -> Any:
    answer = api.http.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    return answer.json()


def events_of(api: Caller, deployment: str) -> list[tuple[str, int]]:
    """What was recorded of a deployment's taking over and standing down, with the terms."""
    return [
        (entry["type"], entry["data"]["term"])
        for entry in api.trail(deployment=deployment)
        if entry["type"] in ("deployment.took-over", "deployment.stood-down")
    ]


@pytest.fixture
def pair(api: Caller, unique: Unique) -> tuple[str, str, str]:
    """A license, its active deployment, and a backup."""
    license_id, a, b = api.issued(id=unique("pair")), unique("a"), unique("b")
    done(api.activate(a, license_id))
    done(api.register(b, license_id))
    return license_id, a, b


def test_the_active_one_may_process(api: Caller, pair: tuple[str, str, str]):
    license_id, a, _ = pair
    before = api.head()
    lease = done(api.lease(a))
    assert (lease["deployment"], lease["license"], lease["role"]) == (a, license_id, "active")
    assert set(lease["rights"]) == ACTIVE_RIGHTS
    assert lease["term"] == api.deployment(a)["term"]
    assert lease["waits_for"] is None
    assert lease["position"] >= before
    assert time_of(lease["expires_at"]) - time_of(lease["issued_at"]) == timedelta(seconds=60)


def test_a_backup_may_do_all_but_process(api: Caller, pair: tuple[str, str, str]):
    _, _, b = pair
    lease = done(api.lease(b))
    assert (lease["role"], set(lease["rights"])) == ("backup", BACKUP_RIGHTS)
    may = api.deployment(b)["capabilities"]
    assert {name for name, allowed in may.items() if allowed} == BACKUP_RIGHTS
    assert events_of(api, b) == []


def test_the_token_says_the_same_and_anyone_can_verify_it(api: Caller, pair: tuple[str, str, str]):
    _, a, _ = pair
    lease = done(api.lease(a))
    claims = claims_of(api, lease["token"])
    assert claims["sub"] == a
    for field in ("license", "role", "rights", "term", "position"):
        assert claims[field] == lease[field]
    assert claims["exp"] - claims["iat"] == 60
    assert abs(claims["iat"] - time_of(lease["issued_at"]).timestamp()) < 1e-5


def test_taking_over_is_recorded_with_the_first_lease_only(api: Caller, pair: tuple[str, str, str]):
    _, a, _ = pair
    assert events_of(api, a) == []
    done(api.lease(a))
    head = api.head()
    renewed = done(api.lease(a, processing=True))
    done(api.lease(a, processing=False))
    assert events_of(api, a) == [("deployment.took-over", renewed["term"])]
    assert api.head() == head


def test_one_that_was_never_seen_gets_none(api: Caller, unique: Unique):
    head = api.head()
    told = refused(api.lease(unique("never")), 409, "not-licensed")
    assert [each["action"] for each in told["remedies"]] == ["register", "activate"]
    assert api.head() == head


def test_the_released_one_gets_none_and_is_known_silent_once_it_says_so(
    api: Caller, pair: tuple[str, str, str]
):
    license_id, a, b = pair
    term = done(api.lease(a))["term"]
    done(api.nominate(b))
    for processing in (True, None):
        told = refused(api.lease(a, processing=processing), 409, "not-licensed")
        assert license_id in told["detail"]
    assert ("deployment.stood-down", term) not in events_of(api, a)
    for _ in "12":
        refused(api.lease(a, processing=False), 409, "not-licensed")
    assert events_of(api, a) == [("deployment.took-over", term), ("deployment.stood-down", term)]


def test_one_that_became_a_backup_stands_down_with_its_lease(
    api: Caller, pair: tuple[str, str, str]
):
    license_id, a, b = pair
    term = done(api.lease(a))["term"]
    done(api.nominate(b))
    done(api.register(a, license_id))
    assert set(done(api.lease(a, processing=True))["rights"]) == BACKUP_RIGHTS
    assert ("deployment.stood-down", term) not in events_of(api, a)
    done(api.lease(a, processing=False))
    assert ("deployment.stood-down", term) in events_of(api, a)


def test_without_waiting_the_new_one_serves_at_once(api: Caller, pair: tuple[str, str, str]):
    _, a, b = pair
    before = done(api.lease(a))
    nominated = done(api.nominate(b))
    assert nominated["deployment"]["capabilities"]["process"]
    after = done(api.lease(b))
    assert "process" in after["rights"]
    assert after["term"] == before["term"] + 1
    assert after["position"] >= nominated["position"] > before["position"]


@pytest.mark.parametrize(
    ("change", "code"),
    [("suspension", "license-suspended"), ("revocation", "license-revoked")],
)
def test_a_license_that_gives_no_rights_gives_no_lease(
    api: Caller, pair: tuple[str, str, str], change: str, code: str
):
    license_id, a, b = pair
    done(api.change(license_id, change))
    for deployment in (a, b):
        refused(api.lease(deployment), 403, code)
    assert events_of(api, a) == []


def test_no_lease_goes_beyond_its_license(api: Caller, unique: Unique):
    ends = in_a_moment()
    license_id, a = api.issued(id=unique("ends"), expires_at=ends), unique("a")
    done(api.activate(a, license_id))
    assert time_of(done(api.lease(a))["expires_at"]) == time_of(ends)
    until_expired(api, license_id)
    refused(api.lease(a), 403, "license-expired")


def test_when_it_was_last_seen_is_shown(api: Caller, pair: tuple[str, str, str]):
    license_id, a, b = pair
    assert "lease" not in api.deployment(a)
    done(api.change(license_id, "lease-duration", seconds=1))
    lease = done(api.lease(a))
    head = api.head()
    seen = api.deployment(a)["lease"]
    assert (seen["seen_at"], seen["expires_at"]) == (lease["issued_at"], lease["expires_at"])
    assert "lease" not in api.deployment(a, as_of=head)
    assert "lease" not in api.deployment(b)
    eventually(lambda: bool(api.deployment(a)["lease"]["stale"]))
    renewed = done(api.lease(a))
    shown = api.deployment(a)["lease"]
    assert shown == {
        "seen_at": renewed["issued_at"],
        "expires_at": renewed["expires_at"],
        "stale": False,
    }
    done(api.nominate(b))
    # It has no role that a lease could be on.
    assert "lease" not in api.deployment(a)
    done(api.register(a, license_id))
    assert api.deployment(a)["lease"]["seen_at"] == renewed["issued_at"]


def test_a_license_lists_when_each_holder_was_last_seen(api: Caller, pair: tuple[str, str, str]):
    license_id, a, b = pair
    before = api.holders(license_id)
    assert [sorted(each) for each in before["deployments"]] == [HOLDER, HOLDER]
    done(api.change(license_id, "lease-duration", seconds=1))
    first = done(api.lease(a))
    only_a, of_b = api.holders(license_id)["deployments"]
    assert (only_a["deployment"], of_b) == (a, before["deployments"][1])
    shown = only_a["lease"]
    assert (shown["seen_at"], shown["expires_at"]) == (first["issued_at"], first["expires_at"])
    eventually(lambda: api.holders(license_id)["deployments"][0]["lease"]["stale"])
    done(api.change(license_id, "lease-duration", seconds=60))
    done(api.nominate(b))
    done(api.register(a, license_id))
    later = {a: done(api.lease(a)), b: done(api.lease(b))}
    assert {
        each["deployment"]: each["lease"] for each in api.holders(license_id)["deployments"]
    } == {
        each: {"seen_at": lease["issued_at"], "expires_at": lease["expires_at"], "stale": False}
        for each, lease in later.items()
    }
    (backup,) = api.holders(license_id, role="backup")["deployments"]
    assert backup["lease"]["seen_at"] == later[a]["issued_at"]
    # What was is told by the ledger, and leases are not in it.
    past = api.holders(license_id, as_of=api.head())["deployments"]
    assert [sorted(each) for each in past] == [HOLDER, HOLDER]
    done(api.deactivate(b))
    done(api.unregister(a))
    assert api.holders(license_id)["deployments"] == []


def test_a_lease_is_listed_under_its_own_license_only(
    api: Caller, pair: tuple[str, str, str], unique: Unique
):
    license_id, _, b = pair
    done(api.lease(b))
    other = api.issued(id=unique("other"))
    done(api.unregister(b))
    done(api.register(b, other))
    held = api.holders(other)["deployments"]
    assert [sorted(each) for each in held] == [HOLDER]
    assert len(api.holders(license_id)["deployments"]) == 1


def test_how_long_leases_last_can_be_set(api: Caller, pair: tuple[str, str, str]):
    license_id, a, _ = pair
    tag = api.http.get(f"/v1/licenses/{license_id}").headers["etag"]
    changed = api.change(license_id, "lease-duration", seconds=3600, reason="a slow link")
    assert done(changed)["id"] == license_id
    assert changed.headers["etag"] != tag
    lease = done(api.lease(a))
    assert time_of(lease["expires_at"]) - time_of(lease["issued_at"]) == timedelta(hours=1)
    claims = claims_of(api, lease["token"])
    assert claims["exp"] - claims["iat"] == 3600
    (entry,) = api.trail(license=license_id, type="license.lease-changed")
    assert (entry["data"]["seconds"], entry["reason"]) == (3600, "a slow link")
    head = api.head()
    done(api.change(license_id, "lease-duration", seconds=3600))
    assert api.head() == head


@pytest.mark.parametrize("seconds", [0, 3601, -1, 1.5, "60", None, True])
def test_no_other_lengths_are_taken(api: Caller, pair: tuple[str, str, str], seconds: Any):
    problem(api.change(pair[0], "lease-duration", seconds=seconds), 422, "invalid-input")


def test_the_length_is_for_those_who_may_change_licenses(
    api: Caller, key_of: KeyOf, pair: tuple[str, str, str], unique: Unique
):
    license_id, _, _ = pair
    problem(key_of("operator").change(license_id, "lease-duration", seconds=5), 403, "forbidden")
    stranger = key_of("admin", customer="globex")
    refused(stranger.change(license_id, "lease-duration", seconds=5), 404, "unknown-license")
    refused(api.change(unique("no"), "lease-duration", seconds=5), 404, "unknown-license")
    done(api.change(license_id, "revocation"))
    refused(api.change(license_id, "lease-duration", seconds=5), 403, "license-revoked")


@pytest.mark.parametrize("body", [{"processing": "yes"}, {"processing": 1}, {"proccessing": True}])
def test_what_it_says_must_be_understood(
    api: Caller, pair: tuple[str, str, str], body: dict[str, Any]
):
    problem(api.lease(pair[1], **body), 422, "invalid-input")


def test_a_lease_needs_no_body(api: Caller, pair: tuple[str, str, str]):
    assert done(api.http.post(f"/v1/deployments/{pair[1]}/lease"))["role"] == "active"


def test_a_key_gets_leases_for_what_it_may_act_on(
    api: Caller, key_of: KeyOf, pair: tuple[str, str, str], nobody: Caller
):
    _, a, b = pair
    done(key_of("node", deployment=a).lease(a))
    done(key_of("operator").lease(a))
    done(key_of("operator", customer="acme").lease(a))
    problem(key_of("node", deployment=a).lease(b), 403, "forbidden")
    problem(key_of("auditor").lease(a), 403, "forbidden")
    problem(nobody.lease(a), 401, "unauthenticated")


def test_to_a_key_of_another_customer_there_is_no_such_deployment(
    api: Caller, key_of: KeyOf, pair: tuple[str, str, str], unique: Unique
):
    _, a, b = pair
    stranger = key_of("operator", customer="globex")
    refused(stranger.lease(a), 404, "unknown-deployment")
    refused(stranger.lease(unique("never")), 404, "unknown-deployment")
    done(api.lease(a))
    done(api.nominate(b))
    refused(stranger.lease(a, processing=False), 404, "unknown-deployment")
    assert "deployment.stood-down" not in dict(events_of(api, a))


def test_an_activation_key_gets_leases_under_its_license(
    api: Caller,
    under_activation_key: Callable[[str], Caller],
    pair: tuple[str, str, str],
    unique: Unique,
):
    issued = done(api.issue(id=unique("own")), 201)
    caller, own = under_activation_key(issued["activation_key"]), unique("own")
    done(caller.activate(own))
    assert done(caller.lease(own))["license"] == issued["id"]
    refused(caller.lease(pair[1]), 404, "unknown-deployment")
    done(caller.deactivate(own))
    refused(caller.lease(own, processing=False), 409, "not-licensed")
    assert ("deployment.stood-down", 1) in events_of(api, own)


def test_without_a_key_to_sign_with_none_is_given(
    new_database: Callable[[], str], tmp_path: Path, unique: Unique
):
    keys = KeyFolder(tmp_path / "signing-keys")
    with (
        serving(new_database(), HOTSLOT_DATA_DIR=str(tmp_path)) as server,
        server.client() as http,
    ):
        api, a = Caller(http), unique("a")
        done(api.activate(a, api.issued()))
        told = problem(api.lease(a), 503, "no-signing-key")
        assert "hotslot keys generate-signing" in told["detail"]
        assert events_of(api, a) == []
        assert "lease" not in api.deployment(a)
        keys.generate(datetime.now(UTC))
        eventually(lambda: api.lease(a).status_code == 200)
        first = jwt.get_unverified_header(done(api.lease(a))["token"])["kid"]
        keys.generate(datetime.now(UTC) + timedelta(seconds=1))
        eventually(lambda: first != jwt.get_unverified_header(done(api.lease(a))["token"])["kid"])
        claims_of(api, done(api.lease(a))["token"])


def test_they_are_counted(api: Caller, pair: tuple[str, str, str], unique: Unique):
    def counted(outcome: str) -> float:
        name = f'hotslot_leases_total{{outcome="{outcome}"}} '
        lines = api.http.get("/metrics").text.splitlines()
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    before = {outcome: counted(outcome) for outcome in ("granted", "waiting", "not-licensed")}
    _, a, b = pair
    done(api.lease(a))
    done(api.nominate(b, wait_for_release=True))
    done(api.lease(b))
    refused(api.lease(a), 409, "not-licensed")
    assert {outcome: counted(outcome) - count for outcome, count in before.items()} == {
        "granted": 1,
        "waiting": 1,
        "not-licensed": 1,
    }


def test_when_a_nomination_was_asked_for_is_kept(api: Caller, pair: tuple[str, str, str]):
    license_id, _, b = pair
    done(api.nominate(b))
    (entry,) = api.trail(license=license_id, type="license.backup-nominated")
    asked, recorded = time_of(entry["data"]["asked_at"]), time_of(entry["at"])
    assert timedelta() <= recorded - asked < timedelta(minutes=1)
