"""The calls on the license of an instance, on a real backend: what they take and answer."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hotslot.node.core_api.license import days_left
from tests.api.calls import Caller, done
from tests.node.core_api.conftest import NOWHERE, Licensed, New
from tests.node.core_api.served import Backend, Instance, another_public_key
from tests.node.nodes import soon
from tests.serving import serving

REGISTERED = {"success": "The backup MetaDefender Core instance is now registered as a backup one."}
UNREGISTERED = {
    "success": "This MetaDefender Core instance is no longer registered as a backup one."
}
NOMINATED = {
    "success": "This MetaDefender Core instance is now fully activated and allowed to process "
    "files."
}


def test_a_backup_is_registered_online_for_the_active_one_that_is_named(licensed: Licensed):
    other = licensed.other
    answer = other.register(licensed.key, **{"active-deployment-id": licensed.active.deployment})

    assert (answer.status_code, answer.json()) == (200, REGISTERED)
    assert other.http.get("/admin/license/backup").json() == {"is_backup": True}
    assert licensed.active.http.get("/admin/license/backup").json() == {"is_backup": False}
    known = licensed.api.deployment(other.deployment)
    assert (known["role"], known["mode"]) == ("backup", "online")
    assert known["standby_for"] == licensed.active.deployment


def test_a_backup_is_registered_without_naming_an_active_one(licensed: Licensed):
    assert licensed.other.register(licensed.key).json() == REGISTERED
    assert licensed.api.deployment(licensed.other.deployment)["standby_for"] is None


def test_a_backup_is_unregistered(licensed: Licensed):
    licensed.other.register(licensed.key)

    answer = licensed.other.http.delete("/admin/license/backup")

    assert (answer.status_code, answer.json()) == (200, UNREGISTERED)
    assert licensed.other.http.get("/admin/license/backup").json() == {"is_backup": False}
    assert licensed.api.deployment(licensed.other.deployment)["role"] == "unlicensed"


def test_a_nominated_backup_may_process_when_it_is_told_so(licensed: Licensed):
    licensed.other.register(licensed.key)

    answer = licensed.other.http.post("/admin/license/backup/nomination")

    assert (answer.status_code, answer.json()) == (200, NOMINATED)
    assert licensed.other.http.get("/readyz").status_code == 200
    assert licensed.api.deployment(licensed.active.deployment)["role"] == "unlicensed"


def test_a_nomination_whose_answer_got_lost_is_repeated(licensed: Licensed):
    other = licensed.other
    other.register(licensed.key)
    # As the instance itself does, but that it never gets to know of it.
    nominated = licensed.api.http.post(f"/v1/deployments/{other.deployment}/nomination", json={})
    assert nominated.status_code == 200

    for _ in range(2):
        answer = other.http.post("/admin/license/backup/nomination")
        assert (answer.status_code, answer.json()) == (200, NOMINATED)
        assert other.http.get("/readyz").status_code == 200


def test_a_role_that_is_given_up_again_is_given_up(licensed: Licensed):
    active, other = licensed.active, licensed.other
    other.register(licensed.key)
    for path in (active.deployment, "activation"), (other.deployment, "backup"):
        done(licensed.api.http.delete("/v1/deployments/{}/{}".format(*path)))

    for _ in range(2):
        answer = active.http.post("/admin/license/deactivation")
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert active.http.get("/readyz").status_code == 503
        answer = other.http.delete("/admin/license/backup")
        assert (answer.status_code, answer.json()) == (200, UNREGISTERED)


@pytest.mark.parametrize(("said", "waits"), [("true", True), ("TRUE", True), ("false", False)])
def test_a_nomination_waits_for_the_former_one_if_it_is_told_to(
    licensed: Licensed, said: str, *, waits: bool
):
    async def never_silent() -> None:
        await asyncio.Event().wait()

    licensed.active.node.keeper.quiesce = never_silent
    other = licensed.other
    other.register(licensed.key)

    for _ in range(2):
        answer = other.http.post(
            "/admin/license/backup/nomination", headers={"wait-for-release": said}
        )
        assert answer.status_code == (202 if waits else 200)
        assert other.node.keeper.may("process") != waits
    status = other.http.get("/readyz").json()["license"]["status"]
    assert status == ("waiting" if waits else "ok")


def test_a_nomination_that_says_neither_true_nor_false_is_400(licensed: Licensed):
    licensed.other.register(licensed.key)
    answer = licensed.other.http.post(
        "/admin/license/backup/nomination", headers={"wait-for-release": "yes"}
    )
    assert "`true` or `false`" in licensed.other.err(answer)
    assert licensed.api.deployment(licensed.other.deployment)["role"] == "backup"


def test_of_several_active_ones_a_nomination_replaces_the_one_that_is_named(
    backend: Backend, new: New
):
    license_id, key = backend.license_with_key(slots=2)
    first, second, backup = new(), new(), new()
    first.activate(key)
    second.activate(key)
    backup.register(key)

    told = backup.err(backup.http.post("/admin/license/backup/nomination"))
    assert first.deployment in told
    assert "header `active-deployment-id`" in told
    answer = backup.http.post(
        "/admin/license/backup/nomination", headers={"active-deployment-id": second.deployment}
    )

    assert answer.json() == NOMINATED
    actives = {each["deployment"] for each in backend.license(license_id)["active"]}
    assert actives == {first.deployment, backup.deployment}


def test_a_nomination_without_a_lease_does_not_claim_the_right_to_process(
    backend: Backend, new: New, tmp_path
):
    _, key = backend.license_with_key()
    backup = new(trusted_keys=keys_of_another(tmp_path))
    backup.register(key)

    told = backup.err(backup.http.post("/admin/license/backup/nomination"), 500)

    assert "was nominated" in told
    assert "not trusted here" in told
    assert backend.deployment(backup.deployment)["role"] == "active"
    assert backup.http.get("/readyz").status_code == 503


def keys_of_another(folder: Path) -> str:
    """A folder of trusted keys with which no lease of the backend counts."""
    others = folder / "others"
    others.mkdir()
    (others / "key.pem").write_text(another_public_key())
    return str(others)


@pytest.mark.parametrize("role", ["active", "backup"])
def test_a_role_without_a_lease_is_no_success(backend: Backend, new: New, tmp_path, role: str):
    _, key = backend.license_with_key()
    instance = new(trusted_keys=keys_of_another(tmp_path))
    body = {"activationKey": key}

    if role == "backup":
        answer = instance.register(key)
    else:
        answer = instance.http.post("/admin/license/activation", json=body)

    told = instance.err(answer, 500)
    assert "has no lease" in told
    assert "not trusted here" in told
    assert backend.deployment(instance.deployment)["role"] == role
    ready = instance.http.get("/readyz?verbose").json()
    assert "not trusted here" in ready["license"]["detail"]
    assert "not trusted here" in ready["backend"]["detail"]


def test_a_backend_that_can_not_sign_leases_is_told(
    new_database: Callable[[], str], new: New, tmp_path
):
    """Not how the role before ended, which is what the instance knew last."""
    keys = tmp_path / "no-keys"
    keys.mkdir()
    with serving(new_database(), HOTSLOT_SIGNING_KEYS=str(keys)) as server, server.client() as http:
        key = done(Caller(http).issue(), 201)["activation_key"]
        instance = new(server.url)
        told = [
            instance.err(instance.register(key), 500),
            instance.err(instance.register(key), 500),
        ]
        assert instance.http.delete("/admin/license/backup").status_code == 200
        body = {"activationKey": key}
        told.append(instance.err(instance.http.post("/admin/license/activation", json=body), 500))
        why = instance.http.get("/readyz?verbose").json()["license"]["detail"]
        assert all("signing" in each for each in (*told, why))
        assert "no longer registered" not in why


@pytest.mark.parametrize("quantity", [1, "1", 25, None])
def test_an_instance_is_activated_online(backend: Backend, new: New, quantity):
    license_id, key = backend.license_with_key()
    instance = new()
    body = {"activationKey": key, "quantity": quantity, "comment": "night shift"}
    if quantity is None:
        del body["quantity"]

    answer = instance.http.post("/admin/license/activation", json=body)

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    known = backend.deployment(instance.deployment)
    assert (known["role"], known["mode"], known["license"]) == ("active", "online", license_id)
    assert backend.license(license_id)["slots"]["used"] == 1
    assert instance.http.get("/readyz").status_code == 200


def test_the_comment_is_the_reason_on_record(backend: Backend, new: New):
    _, key = backend.license_with_key()
    instance = new()
    instance.http.post(
        "/admin/license/activation", json={"activationKey": key, "comment": "night shift"}
    )
    trail = done(backend.http.get("/v1/audit", params={"deployment": instance.deployment}))
    (bound,) = [each for each in trail["entries"] if each["type"] == "deployment.bound"]
    assert bound["reason"] == "night shift"


@pytest.mark.parametrize(
    "body",
    [
        {"activationKey": "lic.key", "quantity": 0},
        {"activationKey": "lic.key", "quantity": -1},
        {"activationKey": "lic.key", "quantity": 1.5},
        {"activationKey": "lic.key", "quantity": True},
        {"activationKey": "lic.key", "quantity": "0"},
        {"activationKey": "lic.key", "quantity": "one"},
        {"activationKey": "lic.key", "quantity": "1 "},
        {"activationKey": "lic.key", "quantity": None},
        {"activationKey": "lic.key", "comment": 5},
        {"activationKey": ""},
        {"activationKey": "a b"},
        {"activationKey": "a\nb"},
        {"activationKey": "schlüssel"},
        {"activationKey": None},
        {"quantity": 1},
        {},
        [],
        "lic.key",
    ],
)
def test_an_activation_of_a_wrong_form_is_400_and_never_reaches_the_backend(alone: Instance, body):
    """There is none: asking it would be 500."""
    told = alone.err(alone.http.post("/admin/license/activation", json=body))
    assert "schlüssel" not in told


def test_a_comment_that_is_too_long_for_the_record_changes_nothing(licensed: Licensed):
    licensed.active.http.post("/admin/license/deactivation")
    body = {"activationKey": licensed.key, "comment": "x" * 1001}

    told = licensed.other.err(licensed.other.http.post("/admin/license/activation", json=body))

    assert "reason" in told
    assert licensed.key not in told
    assert licensed.api.license(licensed.license)["slots"]["used"] == 0


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"activationKey": "\\ud800"}'])
def test_an_activation_that_is_no_json_is_400(alone: Instance, body: bytes):
    alone.err(alone.http.post("/admin/license/activation", content=body))


def test_a_body_that_is_too_large_is_413(alone: Instance):
    alone.err(alone.http.post("/admin/license/activation", content=b" " * (64 * 1024 + 1)), 413)


def test_an_unknown_activation_key_is_400(new: New):
    instance = new()
    answer = instance.http.post("/admin/license/activation", json={"activationKey": "lic.wrong"})
    told = instance.err(answer)
    assert "activation key" in told
    assert "lic.wrong" not in told


def test_an_instance_is_deactivated(licensed: Licensed):
    answer = licensed.active.http.post("/admin/license/deactivation")

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert licensed.api.license(licensed.license)["slots"]["used"] == 0
    assert licensed.active.http.get("/readyz").status_code == 503
    deployment = licensed.active.deployment
    assert licensed.active.http.get("/admin/license").json() == {
        "deployment": deployment,
        "deployment_id": deployment,
        "days_left": 0,
        "online_activated": False,
    }


# What the license is


def test_the_license_is_shown_in_the_fields_that_clients_know(backend: Backend, new: New):
    ends = datetime(2031, 3, 9, 12, tzinfo=UTC)
    _, key = backend.license_with_key(
        product="Scanner 5", customer="ACME", slots=3, expires_at=ends.isoformat()
    )
    instance = new()
    instance.activate(key)

    shown = instance.http.get("/admin/license").json()

    left = shown.pop("days_left")
    assert left in {days_left(ends, datetime.now(UTC)) + each for each in (0, 1)}
    assert type(left) is int
    assert shown == {
        "deployment": instance.deployment,
        "deployment_id": instance.deployment,
        "expiration": "03/09/2031",
        "licensed_engines": ["*"],
        "licensed_to": "ACME",
        "max_node_count": "3",
        "online_activated": True,
        "product_id": "Scanner 5",
        "product_name": "Scanner 5",
    }


def test_a_license_without_an_end_shows_the_last_day_that_can_be_written(licensed: Licensed):
    shown = licensed.active.http.get("/admin/license").json()
    assert shown["expiration"] == "12/31/9999"
    assert shown["days_left"] > 2_900_000


def test_a_suspended_license_has_no_days_left(licensed: Licensed):
    licensed.api.change(licensed.license, "suspension")
    shown = licensed.active.http.get("/admin/license").json()
    assert (shown["days_left"], shown["licensed_to"]) == (0, "ACME")


NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ends", "days"),
    [
        (NOON + timedelta(days=2), 2),
        (NOON + timedelta(days=1, seconds=1), 2),
        (NOON + timedelta(hours=1), 1),
        (NOON, 0),
        (NOON - timedelta(days=5), 0),
    ],
)
def test_a_day_that_has_begun_counts(ends: datetime, days: int):
    assert days_left(ends, NOON) == days


def test_without_the_backend_the_license_is_known_for_as_long_as_the_lease(
    licensed: Licensed, new: New
):
    shown = licensed.active.http.get("/admin/license").json()
    with_lease = new(NOWHERE, folder=licensed.active.copied())
    assert with_lease.deployment == licensed.active.deployment
    assert with_lease.http.get("/admin/license").json() == shown


def test_without_backend_and_lease_it_shows_no_license(licensed: Licensed, new: New):
    licensed.active.http.get("/admin/license")
    copy = licensed.active.copied()
    (copy / "trusted-keys" / "first-contact.pem").write_text(another_public_key())
    without_lease = new(NOWHERE, folder=copy)
    assert without_lease.http.get("/admin/license").json()["days_left"] == 0


def test_a_released_instance_shows_no_license(licensed: Licensed):
    licensed.other.register(licensed.key)
    licensed.other.http.post("/admin/license/backup/nomination")
    assert licensed.active.http.get("/admin/license").json()["days_left"] == 0
    soon(lambda: "licensed_to" in licensed.other.http.get("/admin/license").json())
