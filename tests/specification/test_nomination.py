"""Nomination: a backup instance becomes the active one, and the former one is released."""

from collections.abc import Callable

import pytest

from tests.api.calls import Caller, done, refused
from tests.specification.conftest import Offline
from tests.specification.sentences import sentence

Names = tuple[str, str, str]

THEN = (
    "When the backup instance is successfully nominated to be a new active / production one, then "
    "expecting following behaviors:"
)
PROCEDURE = "Instead, following actions needs to be made as alternative procedure:"


@pytest.fixture
def standing_by(api: Caller, licensed: str, names: Names) -> str:
    """The license; its backup instance waits."""
    done(api.register(names[1], licensed))
    return licensed


@sentence(
    "Nominating a backup instance is to make that instance become an active / production one."
)
def test_a_nominated_backup_is_active(api: Caller, standing_by: str, names: Names):
    done(api.nominate(names[1]))
    assert api.deployment(names[1])["role"] == "active"


@sentence("That means, your nominated instance will be able to process files as in production.")
def test_a_nominated_backup_may_process(api: Caller, standing_by: str, names: Names):
    in_production = api.deployment(names[0])["capabilities"]
    assert done(api.nominate(names[1]))["deployment"]["capabilities"] == in_production
    assert in_production["process"]


@sentence(
    "Online environment: Using following REST API: POST - Nominate a backup instance to a "
    "production instanceAPI"
)
def test_a_backup_is_nominated_online(api: Caller, standing_by: str, names: Names):
    done(api.http.post(f"/v1/deployments/{names[1]}/nomination"))
    assert api.deployment(names[1])["mode"] == "online"


@sentence(
    THEN,
    "The backup instance's actual deployment ID will be registered with relevant license key on "
    "our OPSWAT Licensing system, and it is then able to process processing requests right away.",
)
def test_its_deployment_id_holds_the_slot_right_away(api: Caller, standing_by: str, names: Names):
    answer = api.nominate(names[1])
    assert [each["deployment"] for each in done(answer)["license"]["active"]] == [names[1]]
    shown = api.license(standing_by)
    assert [each["deployment"] for each in shown["active"]] == [names[1]]
    assert shown["slots"] == {"total": 1, "used": 1, "free": 0}
    assert api.http.get(f"/v1/deployments/{names[1]}/active").status_code == 200


@sentence(
    THEN,
    "The former active / production instance (before the nomination took place), will be auto "
    "unregistered from OPSWAT Licensing system.",
)
def test_the_former_active_one_is_released_in_the_same_step(
    api: Caller, standing_by: str, names: Names
):
    nominated = done(api.nominate(names[1]))
    assert (nominated["replaced"]["id"], nominated["replaced"]["role"]) == (names[0], "unlicensed")
    former = api.deployment(names[0])
    assert (former["role"], former["license"]) == ("unlicensed", None)
    assert not former["capabilities"]["process"]
    ended = next(
        each["to"] for each in api.tenures(standing_by)["tenures"] if each["deployment"] == names[0]
    )
    assert ended["position"] == nominated["position"]
    for position in range(nominated["position"] - 1, api.head() + 1):
        active = api.license(standing_by, as_of=position)["active"]
        assert len(active) == 1


@pytest.fixture
def offline_pair(offline: Offline, unique: Callable[[str], str]) -> tuple[str, str, str]:
    """A license, its active instance, and a backup that was registered in offline mode."""
    license_id, active, backup = offline.api.issued(), unique("active"), unique("backup")
    done(offline.api.activate(active, license_id))
    offline.register(backup, license_id)
    return license_id, active, backup


@sentence(
    "Offline environment: You are not allowed to directly nominate a MetaDefender Core backup "
    "instance which was previously registered in offline mode."
)
def test_an_offline_backup_is_not_nominated(offline: Offline, offline_pair: tuple[str, str, str]):
    license_id, active, backup = offline_pair
    assert offline.api.deployment(backup)["mode"] == "offline"
    for body in ({}, {"replaces": active}, {"dry_run": True}):
        refused(offline.api.nominate(backup, **body), 409, "offline-backup-cannot-be-nominated")
    assert offline.api.deployment(backup)["role"] == "backup"
    assert [e["deployment"] for e in offline.api.license(license_id)["active"]] == [active]
    (recorded,) = offline.api.trail(deployment=backup, outcome="refused")
    assert recorded["data"]["code"] == "offline-backup-cannot-be-nominated"


@sentence(
    PROCEDURE,
    "Manually deactivate your MetaDefender Core active / production instance first, and unregister "
    "it from OPSWAT Licensing system.",
    "Unregister your MetaDefender Core backup instance.",
    "Then, activate your MetaDefender Core backup instance as a production one.",
)
def test_the_procedure_of_three_steps_is_told_and_works(
    offline: Offline, offline_pair: tuple[str, str, str]
):
    license_id, active, backup = offline_pair
    told = refused(offline.api.nominate(backup), 409, "offline-backup-cannot-be-nominated")
    assert [(each["action"], each["description"].split(": ")[1]) for each in told["remedies"]] == [
        ("deactivate", f"DELETE /v1/deployments/{active}/activation"),
        ("unregister", f"DELETE /v1/deployments/{backup}/backup"),
        ("activate", f"PUT /v1/deployments/{backup}/activation"),
    ]
    assert done(offline.api.deactivate(active))["role"] == "unlicensed"
    assert offline.api.license(license_id)["slots"]["used"] == 0
    done(offline.api.unregister(backup))
    assert done(offline.api.activate(backup, license_id))["capabilities"]["process"]


def test_the_mode_is_in_every_answer_that_shows_a_role(
    offline: Offline, offline_pair: tuple[str, str, str]
):
    license_id, _, backup = offline_pair
    api = offline.api
    assert api.deployment(backup)["mode"] == "offline"
    assert [each["mode"] for each in api.license(license_id)["backups"]] == ["offline"]
    assert [each["mode"] for each in api.holders(license_id)["deployments"]] == [
        "online",
        "offline",
    ]
    assert [each["mode"] for each in api.tenures(license_id)["tenures"]] == ["online", "offline"]
    last = api.trail(deployment=backup, type="license.backup-registered")[-1]
    assert last["data"]["mode"] == "offline"
    position = last["position"]
    assert api.deployment(backup, as_of=position)["mode"] == "offline"


def test_an_offline_backup_that_registers_online_is_a_backup_as_any_other(
    offline: Offline, offline_pair: tuple[str, str, str]
):
    license_id, active, backup = offline_pair
    assert done(offline.api.register(backup, license_id))["mode"] == "online"
    assert offline.api.license(license_id)["backup_count"] == 1
    assert done(offline.api.nominate(backup))["replaced"]["id"] == active
