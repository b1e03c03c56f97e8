"""What a rule is against is 400, with the rule and the calls of this instance that lead on."""

import pytest

from hotslot.client import Refused
from hotslot.domain.refusals import CATALOGUE
from hotslot.node.core_api.instead import what_to_do
from tests.api.calls import done
from tests.node.core_api.conftest import NOWHERE, Licensed, New
from tests.node.core_api.served import Backend, Instance

BACKUP = "/admin/license/backup"
NOMINATION = "/admin/license/backup/nomination"
ACTIVATION = "/admin/license/activation"
DEACTIVATION = "/admin/license/deactivation"


def in_order(text: str, *parts: str) -> bool:
    places = [text.find(part) for part in parts]
    return -1 not in places and places == sorted(places)


def test_a_backup_is_not_activated_but_nominated_or_unregistered(licensed: Licensed):
    other = licensed.other
    other.register(licensed.key)

    told = other.err(other.http.post(ACTIVATION, json={"activationKey": licensed.key}))

    assert "is registered as a hot backup" in told
    assert in_order(told, f"POST {NOMINATION}", f"DELETE {BACKUP}", f"POST {ACTIVATION}")
    assert "/v1/" not in told
    # And what it says works.
    assert other.http.delete(BACKUP).status_code == 200
    licensed.active.http.post(DEACTIVATION)
    other.activate(licensed.key)


def test_an_active_one_is_deactivated_before_it_is_registered(licensed: Licensed):
    active = licensed.active

    told = active.err(active.register(licensed.key))

    assert "is active on license" in told
    assert in_order(told, f"POST {DEACTIVATION}", f"POST {BACKUP}")
    assert active.http.post(DEACTIVATION).status_code == 200
    assert active.register(licensed.key).status_code == 200


def test_all_slots_taken_names_who_holds_them(licensed: Licensed):
    told = licensed.other.err(
        licensed.other.http.post(ACTIVATION, json={"activationKey": licensed.key})
    )
    assert licensed.active.deployment in told
    assert in_order(told, f"POST {DEACTIVATION} there", f"POST {BACKUP}")


@pytest.mark.parametrize(("customer", "told_which"), [("acme", True), ("another", False)])
def test_one_license_at_a_time(backend: Backend, new: New, customer: str, *, told_which: bool):
    """The activation key of another customer does not get to know the license."""
    first, key = backend.license_with_key(customer="acme")
    _, another = backend.license_with_key(customer=customer)
    instance = new()
    instance.activate(key)

    told = instance.err(instance.http.post(ACTIVATION, json={"activationKey": another}))

    assert (f"is active on license {first}" in told) == told_which
    assert in_order(told, f"POST {DEACTIVATION}", f"DELETE {BACKUP}")


def test_an_active_one_is_not_unregistered(licensed: Licensed):
    active = licensed.active
    assert f"POST {DEACTIVATION}" in active.err(active.http.delete(BACKUP))


def test_what_holds_no_role_is_not_nominated(licensed: Licensed):
    licensed.active.http.post(DEACTIVATION)
    assert f"POST {BACKUP}" in licensed.active.err(licensed.active.http.post(NOMINATION))


def test_a_backup_has_no_slot_to_give_back(licensed: Licensed):
    licensed.other.register(licensed.key)
    told = licensed.other.err(licensed.other.http.post(DEACTIVATION))
    assert f"DELETE {BACKUP}" in told


def test_the_one_to_replace_has_to_be_active(licensed: Licensed):
    other = licensed.other
    other.register(licensed.key)
    answer = other.http.post(NOMINATION, headers={"active-deployment-id": "MSCL-gone"})
    told = other.err(answer)
    assert "MSCL-gone is not active" in told
    assert "`active-deployment-id`" in told
    assert licensed.api.deployment(other.deployment)["role"] == "backup"


def test_a_license_that_gives_no_rights(licensed: Licensed):
    licensed.api.change(licensed.license, "suspension")
    told = licensed.other.err(licensed.other.register(licensed.key))
    assert "suspended" in told
    assert "vendor" in told


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", NOMINATION), ("DELETE", BACKUP), ("POST", DEACTIVATION)],
)
def test_a_fresh_installation_is_told_how_it_gets_a_role(alone: Instance, method: str, path: str):
    told = alone.err(alone.http.request(method, path))
    assert in_order(told, f"POST {ACTIVATION}", f"POST {BACKUP}")


@pytest.mark.parametrize("headers", [{}, {"active-deployment-id": "MSCL-a"}])
def test_a_registration_takes_a_key_or_a_file(alone: Instance, headers: dict[str, str]):
    told = alone.err(alone.http.post(BACKUP, headers=headers))
    assert "`activation-key`" in told
    assert "license.yml" in told


def test_a_registration_takes_not_both(alone: Instance):
    answer = alone.http.post(BACKUP, headers={"activation-key": "lic.key"}, content=b"license: x")
    assert "not both" in alone.err(answer)


@pytest.mark.parametrize("path", [BACKUP, NOMINATION])
@pytest.mark.parametrize("named", ["", "a b", "-a", "a/b", "x" * 129])
def test_what_can_be_no_deployment_is_refused_here(alone: Instance, path: str, named: str):
    answer = alone.http.post(
        path, headers={"activation-key": "lic.key", "active-deployment-id": named}
    )
    assert "no deployment ID" in alone.err(answer)


@pytest.mark.parametrize("key", ["", "a b", "x" * 301])
def test_what_can_be_no_activation_key_is_refused_here(alone: Instance, key: str):
    assert "no activation key" in alone.err(alone.register(key))


def test_a_backend_out_of_reach_is_500_and_says_so(new: New):
    instance = new(NOWHERE)
    told = instance.err(instance.register("lic.key"), 500)
    assert "backend could not be asked" in told
    assert "Try again" in told


def test_a_node_key_that_the_backend_does_not_know_is_500(new: New):
    instance = new(key="no-such-key")
    told = instance.err(instance.register("lic.key"), 500)
    assert "HOTSLOT_NODE_KEY" in told
    assert "no-such-key" not in told


def test_a_refusal_is_on_the_backends_record(licensed: Licensed):
    licensed.active.register(licensed.key)
    query = {"deployment": licensed.active.deployment, "outcome": "refused"}
    (entry,) = done(licensed.api.http.get("/v1/audit", params=query))["entries"]
    assert entry["data"]["code"] == "active-cannot-be-backup"


# All refusals that the backend knows

# They are about the backend's own administration, or a lease: no call of an instance meets them.
_NOT_MET = {
    "slots-in-use",
    "license-already-issued",
    "key-already-exists",
    "unknown-key",
    "not-licensed",
    # The license file itself: the text of the backend says what is wrong with it.
    "license-file-signature-invalid",
    "license-file-key-unknown",
    "license-file-key-revoked",
    "license-file-expired",
    "license-file-superseded",
    "license-file-for-another-deployment",
    "license-file-for-another-product",
    "license-issued-elsewhere",
}
_ALL_WAYS = ("nominate", "unregister", "deactivate", "register")


@pytest.mark.parametrize("code", sorted(set(CATALOGUE) - _NOT_MET))
def test_there_is_something_to_do_about_every_refusal_that_an_instance_meets(code: str):
    ways = [{"action": way, "description": ""} for way in _ALL_WAYS]
    text = what_to_do(Refused({"code": code, "status": 409, "remedies": ways}))
    assert text.endswith(".")
    assert text[0].isupper()


def test_a_code_that_is_not_known_here_has_the_backends_text_alone():
    assert what_to_do(Refused({"code": "brand-new", "status": 409, "detail": "No."})) == ""


def test_an_unforeseen_failure_is_500_in_the_same_form(new: New, monkeypatch: pytest.MonkeyPatch):
    instance = new()

    def fails() -> None:
        raise RuntimeError("what it was")

    monkeypatch.setattr(instance.node.keeper, "standing", fails)
    told = instance.err(instance.http.get(BACKUP), 500)

    assert "what it was" not in told
