"""Nomination: a backup instance becomes the active one, and the former one is released."""

import re

import pytest

from tests.api.calls import Caller, done, refused
from tests.api.sites import Site, Vendor
from tests.specification.conftest import Offline
from tests.specification.sentences import sentence

Names = tuple[str, str, str]

THEN = (
    "When the backup instance is successfully nominated to be a new active / production one, then "
    "expecting following behaviors:"
)
CALL = re.compile(r"(?:DELETE|PUT|POST) /\S+")
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


@sentence(
    "Offline environment: You are not allowed to directly nominate a MetaDefender Core backup "
    "instance which was previously registered in offline mode."
)
def test_an_offline_backup_is_not_nominated(site: Site, offline: Offline):
    before = site.license(offline.license)
    assert site.deployment(offline.backup)["mode"] == "offline"
    for body in ({}, {"replaces": offline.active}, {"dry_run": True}):
        answer = site.nominate(offline.backup, **body)
        refused(answer, 409, "offline-backup-cannot-be-nominated")
    assert site.deployment(offline.backup)["role"] == "backup"
    assert [each["deployment"] for each in before["active"]] == [offline.active]
    assert site.license(offline.license) == before
    (recorded,) = site.trail(deployment=offline.backup, outcome="refused")
    assert recorded["data"]["code"] == "offline-backup-cannot-be-nominated"


@sentence(
    PROCEDURE,
    "Manually deactivate your MetaDefender Core active / production instance first, and unregister "
    "it from OPSWAT Licensing system.",
    "Unregister your MetaDefender Core backup instance.",
    "Then, activate your MetaDefender Core backup instance as a production one.",
)
def test_the_procedure_of_three_steps_is_told_and_works(
    vendor: Vendor, site: Site, offline: Offline
):
    told = refused(site.nominate(offline.backup), 409, "offline-backup-cannot-be-nominated")
    assert [(each["action"], CALL.findall(each["description"])) for each in told["remedies"]] == [
        ("deactivate", [f"DELETE /v1/deployments/{offline.active}/activation"]),
        ("unregister", [f"DELETE /v1/deployments/{offline.backup}/backup"]),
        ("activate", [f"PUT /v1/deployments/{offline.backup}/activation"]),
    ]
    assert done(site.deactivate(offline.active))["role"] == "unlicensed"
    assert site.license(offline.license)["slots"]["used"] == 0
    assert done(site.unregister(offline.backup))["role"] == "unlicensed"
    license_yml = vendor.carried(offline.license, offline.backup)
    activated = done(site.activate(offline.backup, license_file=license_yml))
    assert (activated["role"], activated["mode"]) == ("active", "offline")
    assert activated["capabilities"]["process"]
    assert site.http.get(f"/v1/deployments/{offline.backup}/active").status_code == 200
    assert site.license(offline.license)["slots"] == {"total": 1, "used": 1, "free": 0}


def test_no_step_of_the_procedure_can_be_left_out(vendor: Vendor, site: Site, offline: Offline):
    license_yml = vendor.carried(offline.license, offline.backup)
    # Without the second step: it is a backup still.
    done(site.deactivate(offline.active))
    answer = site.activate(offline.backup, license_file=license_yml)
    refused(answer, 409, "backup-cannot-activate")
    # Without the first: the slot is taken.
    done(site.activate(offline.active, license_file=offline.license_yml))
    done(site.unregister(offline.backup))
    refused(site.activate(offline.backup, license_file=license_yml), 409, "no-free-slot")


def test_the_mode_is_in_every_answer_that_shows_a_role(site: Site, offline: Offline):
    assert site.deployment(offline.backup)["mode"] == "offline"
    shown = site.license(offline.license)
    held = site.holders(offline.license)["deployments"]
    tenures = site.tenures(offline.license)["tenures"]
    for each in (*shown["active"], *shown["backups"], *held, *tenures):
        assert each["mode"] == "offline"
    assert (len(held), len(tenures)) == (2, 2)
    last = site.trail(deployment=offline.backup, type="license.backup-registered")[-1]
    assert last["data"]["mode"] == "offline"
    assert site.deployment(offline.backup, as_of=last["position"])["mode"] == "offline"


def test_an_offline_backup_that_registers_online_is_a_backup_as_any_other(
    vendor: Vendor, names: Names
):
    """Where it has a connection again: to the server that issued its license."""
    license_id = vendor.issued()
    done(vendor.activate(names[0], license_id))
    done(vendor.register(names[1], license_file=vendor.carried(license_id)))
    refused(vendor.nominate(names[1]), 409, "offline-backup-cannot-be-nominated")
    assert done(vendor.register(names[1], license_id))["mode"] == "online"
    assert vendor.license(license_id)["backup_count"] == 1
    assert done(vendor.nominate(names[1]))["replaced"]["id"] == names[0]
