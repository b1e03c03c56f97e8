"""Backup instances: registered, ready, and taking no activation slot."""

import pytest

from tests.api.calls import Caller, done, refused
from tests.api.sites import Site, Vendor
from tests.specification.sentences import sentence

Names = tuple[str, str, str]

IN_BACKUP_MODE = (
    "MetaDefender Core backup instance, upon activated in the backup mode, allowing you to:"
)


def rights(api: Caller, deployment: str) -> dict[str, bool]:
    shown: dict[str, bool] = api.deployment(deployment)["capabilities"]
    return shown


@sentence(
    "Hot backup mode supports you to register (activate) as many MetaDefender Core instances as "
    "you might need for backup purpose, and those backup instance(s) should be ready to take over "
    "with your active / production MetaDefender Core instance whenever applicable."
)
def test_as_many_backups_as_you_need_each_ready_to_take_over(
    api: Caller, licensed: str, names: Names
):
    backups = [f"{names[1]}-{number}" for number in range(25)]
    for backup in backups:
        assert done(api.register(backup, licensed))["role"] == "backup"
    assert api.license(licensed)["backup_count"] == 25
    for backup in backups:
        taken_over = done(api.nominate(backup, dry_run=True))
        assert taken_over["deployment"]["capabilities"]["process"]
        assert taken_over["replaced"]["id"] == names[0]


@sentence(
    "MetaDefender Core backup instance(s), once registered properly, does not accumulate into "
    "your actual license activation slots, that means, you will not be required to purchase "
    "additional product license just for this backup purpose alone."
)
def test_backups_take_no_activation_slot(api: Caller, names: Names):
    license_id = api.issued(slots=1)
    for number in range(5):
        done(api.register(f"{names[1]}-{number}", license_id))
    assert api.license(license_id)["slots"] == {"total": 1, "used": 0, "free": 1}
    done(api.activate(names[0], license_id))
    done(api.register(names[1], license_id))
    assert api.license(license_id)["slots"] == {"total": 1, "used": 1, "free": 0}


@sentence(
    IN_BACKUP_MODE,
    "Download and deploy licensed engines (modules), proceed them all to active mode.",
)
def test_a_backup_may_download_and_deploy_engines(api: Caller, licensed: str, names: Names):
    done(api.register(names[1], licensed))
    may = rights(api, names[1])
    assert (may["engines.download"], may["engines.deploy"]) == (True, True)


@sentence(IN_BACKUP_MODE, "Modify MetaDefender Core and its engines (modules) settings.")
def test_a_backup_may_modify_settings(api: Caller, licensed: str, names: Names):
    done(api.register(names[1], licensed))
    assert rights(api, names[1])["settings.modify"]


@sentence(IN_BACKUP_MODE, "Import MetaDefender Core settings.")
def test_a_backup_may_import_settings(api: Caller, licensed: str, names: Names):
    done(api.register(names[1], licensed))
    assert rights(api, names[1])["settings.import"]


@sentence(
    IN_BACKUP_MODE,
    "Access and administrate all other operations on MetaDefender Core management console.",
)
def test_a_backup_may_be_administered(api: Caller, licensed: str, names: Names):
    done(api.register(names[1], licensed))
    assert rights(api, names[1])["administer"]


@sentence(
    "The only thing that MetaDefender Core backup instance(s) does not allow is accepting any "
    "scan requests coming, and processing them."
)
def test_processing_is_the_only_thing_that_a_backup_may_not(
    api: Caller, licensed: str, names: Names
):
    done(api.register(names[1], licensed))
    assert [name for name, may in rights(api, names[1]).items() if not may] == ["process"]
    assert api.http.get(f"/v1/deployments/{names[1]}/active").status_code == 503
    assert all(rights(api, names[0]).values())


@sentence("Online environment: Using following REST API: POST - Setup hot-backup instanceAPI")
def test_a_backup_registers_online(api: Caller, licensed: str, names: Names):
    answer = api.http.put(f"/v1/deployments/{names[1]}/backup", json={"license": licensed})
    assert (done(answer)["role"], answer.json()["mode"]) == ("backup", "online")


@sentence(
    "Offline environment:",
    "Obtain license.yml file that supposed to use to active your MetaDefender Core active / "
    "production instance before.",
)
def test_the_license_file_of_the_active_instance_is_obtained(
    vendor: Vendor, site: Site, names: Names
):
    license_id = vendor.issued()
    answer = vendor.http.get(f"/v1/licenses/{license_id}/file", params={"deployment": names[0]})
    assert answer.headers["content-disposition"] == 'attachment; filename="license.yml"'
    license_yml = answer.content.decode()
    activated = done(site.activate(names[0], license_file=license_yml))
    assert (activated["role"], activated["mode"]) == ("active", "offline")


@sentence(
    "Offline environment:",
    "Using following REST API: POST - Setup hot-backup instanceAPI with that yaml file content.",
)
def test_a_backup_registers_offline_with_the_content_of_that_file(
    vendor: Vendor, site: Site, names: Names
):
    license_id = vendor.issued(slots=1)
    license_yml = vendor.carried(license_id, names[0])
    done(site.activate(names[0], license_file=license_yml))
    answer = site.http.put(f"/v1/deployments/{names[1]}/backup", json={"license_file": license_yml})
    assert (done(answer)["role"], answer.json()["mode"]) == ("backup", "offline")
    assert [name for name, may in rights(site, names[1]).items() if not may] == ["process"]
    assert site.license(license_id)["slots"] == {"total": 1, "used": 1, "free": 0}


@sentence(
    "You cannot register a MetaDefender Core as a backup instance when it is still running as an "
    "active / production one."
)
def test_an_active_instance_cannot_be_registered(api: Caller, licensed: str, names: Names):
    refused(api.register(names[0], licensed), 409, "active-cannot-be-backup")
    assert api.deployment(names[0])["role"] == "active"


@sentence("Instead, you are required to deactivate that instance first.")
def test_deactivated_first_it_can(api: Caller, licensed: str, names: Names):
    told = refused(api.register(names[0], licensed), 409, "active-cannot-be-backup")
    assert [remedy["action"] for remedy in told["remedies"]] == ["deactivate", "register"]
    assert "Deactivate it first" in told["detail"]
    done(api.deactivate(names[0]))
    assert done(api.register(names[0], licensed))["role"] == "backup"


UNREGISTERED = (
    "Upon unregistered successfully, that MetaDefender Core instance will no longer allow you to:"
)


@pytest.fixture
def unregistered(api: Caller, licensed: str, names: Names) -> dict[str, bool]:
    """The rights of a backup that was unregistered."""
    done(api.register(names[1], licensed))
    assert rights(api, names[1])["engines.download"]
    return dict(done(api.unregister(names[1]))["capabilities"])


@sentence("Using following REST API: DELETE - Remove a backup instanceAPI")
def test_a_backup_is_removed(api: Caller, licensed: str, names: Names):
    done(api.register(names[1], licensed))
    done(api.http.delete(f"/v1/deployments/{names[1]}/backup"))
    assert api.license(licensed)["backups"] == []


@sentence(
    UNREGISTERED,
    "Download engines and their databases from OPSWAT update server source (online mode)",
)
def test_unregistered_it_downloads_no_engines(unregistered: dict[str, bool]):
    assert not unregistered["engines.download"]


@sentence(UNREGISTERED, "Upload engines and their databases manually")
def test_unregistered_it_takes_no_uploaded_engines(unregistered: dict[str, bool]):
    assert not unregistered["engines.upload"]


@sentence(UNREGISTERED, "Deploy engines and their databases on MetaDefender Core")
def test_unregistered_it_deploys_no_engines(unregistered: dict[str, bool]):
    assert not unregistered["engines.deploy"]


@sentence("Basically that MetaDefender Core will become an unlicensed one as a fresh installation.")
def test_unregistered_it_is_like_a_fresh_installation(api: Caller, licensed: str, names: Names):
    fresh = api.deployment(names[2])
    done(api.register(names[1], licensed, standby_for=names[0]))
    done(api.unregister(names[1]))
    shown = api.deployment(names[1])
    same = ("role", "license", "mode", "standby_for", "term", "capabilities")
    assert {name: shown[name] for name in same} == {name: fresh[name] for name in same}
    done(api.deactivate(names[0]))
    done(api.activate(names[1], licensed))


STEPS = "This step will be required when following circumstances happen:"


@sentence(
    STEPS,
    "You want to activate that backup instance directly without using nomination method (see "
    "below) via POST - Activate license onlineAPI",
)
def test_to_be_activated_directly_it_has_to_be_unregistered(api: Caller, names: Names):
    license_id = api.issued()
    done(api.register(names[1], license_id))
    refused(api.activate(names[1], license_id), 409, "backup-cannot-activate")
    done(api.unregister(names[1]))
    assert done(api.activate(names[1], license_id))["role"] == "active"


@sentence(
    STEPS,
    "You want to shutdown that backup instance for some reasons, but avoid removing the container "
    "or system where that MetaDefender Core instance is installed on for possible usage later.",
)
def test_one_that_was_unregistered_can_be_used_again_later(
    api: Caller, licensed: str, names: Names
):
    done(api.register(names[1], licensed))
    done(api.unregister(names[1]))
    assert done(api.register(names[1], licensed))["role"] == "backup"
    assert api.license(licensed)["backup_count"] == 1
