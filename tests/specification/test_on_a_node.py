"""What a backup instance may do and may not, on instances that run, by the calls of the Core."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from hotslot.node.engines import eicar, publish, write_sample
from tests.node.core_api.served import Backend, Instance, backend_at, served
from tests.specification.instances import (
    ACTIVATION,
    BACKUP,
    DEACTIVATION,
    NOMINATION,
    OFFLINE,
    SETTINGS,
    New,
    engines,
    has_engines,
    instances,
    scan,
    verdict,
)
from tests.specification.sentences import sentence
from tests.specification.test_activation import INSTEAD
from tests.specification.test_backups import IN_BACKUP_MODE, STEPS, UNREGISTERED
from tests.specification.test_nomination import THEN


@pytest.fixture(scope="module")
def backend(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """The licensing system."""
    with backend_at(new_database(), tmp_path_factory.mktemp("licensing")) as backend:
        yield backend


@pytest.fixture(scope="module")
def published(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The update server's folder, with one engine."""
    folder = tmp_path_factory.mktemp("engines")
    write_sample(folder / "sources")
    publish(folder / "sources", folder / "published", backend.keys.read(), datetime.now(UTC))
    return folder / "published"


@pytest.fixture
def new(backend: Backend, published: Path, tmp_path: Path) -> Iterator[New]:
    """Makes instances that update their engines from the update server."""
    with instances(tmp_path, backend.server.url, update_source=str(published)) as create:
        yield create


class Stage(NamedTuple):
    license: str
    key: str
    production: Instance
    backup: Instance


@pytest.fixture
def stage(backend: Backend, new: New) -> Stage:
    """A license with one slot, an instance in production on it, and a backup instance."""
    license_id, key = backend.license_with_key(slots=1)
    production, backup = new(), new()
    production.activate(key)
    assert backup.register(key).status_code == 200
    return Stage(license_id, key, production, backup)


@sentence(
    "Hot backup mode supports you to register (activate) as many MetaDefender Core instances as "
    "you might need for backup purpose, and those backup instance(s) should be ready to take over "
    "with your active / production MetaDefender Core instance whenever applicable.",
    "MetaDefender Core backup instance(s), once registered properly, does not accumulate into "
    "your actual license activation slots, that means, you will not be required to purchase "
    "additional product license just for this backup purpose alone.",
)
def test_several_backups_run_on_a_license_of_one_slot_and_any_takes_over(
    backend: Backend, stage: Stage, new: New
):
    backups = [stage.backup, new(), new()]
    for each in backups[1:]:
        assert each.register(stage.key).status_code == 200
    for each in backups:
        assert each.http.get(BACKUP).json() == {"is_backup": True}
        has_engines(each)
    assert backend.license(stage.license)["slots"] == {"total": 1, "used": 1, "free": 0}

    assert backups[2].http.post(NOMINATION).status_code == 200
    assert verdict(backups[2], eicar()) == "Blocked"


@sentence(
    IN_BACKUP_MODE,
    "Download and deploy licensed engines (modules), proceed them all to active mode.",
)
def test_a_backup_downloads_and_deploys_engines(stage: Stage):
    has_engines(stage.backup)
    assert stage.backup.http.post("/admin/engine/update").status_code == 200


@sentence(IN_BACKUP_MODE, "Modify MetaDefender Core and its engines (modules) settings.")
def test_a_backup_has_its_settings_and_those_of_its_engines_modified(stage: Stage):
    changed = stage.backup.http.put(SETTINGS, json={"source": "manual", "autoupdateperiod": 5})
    assert changed.status_code == 200
    assert stage.backup.http.get(SETTINGS).json()["autoupdateperiod"] == 5

    stage.backup.http.put(SETTINGS, json={"source": "internet"})
    has_engines(stage.backup)
    (engine,) = stage.backup.http.get("/stat/engines").json()
    for change in ("disable", "enable", "pin", "unpin"):
        answer = stage.backup.http.post(f"/admin/engine/{engine['eng_id']}/{change}")
        assert answer.status_code == 200, answer.text
        if change == "disable":
            assert engines(stage.backup) == [("production", False)]


@sentence(IN_BACKUP_MODE, "Import MetaDefender Core settings.")
def test_a_backup_imports_the_settings_of_production(stage: Stage):
    stage.production.http.put(SETTINGS, json={"source": "manual", "autoupdateperiod": 7})
    export = stage.production.http.get("/admin/export").content
    answer = stage.backup.http.post("/admin/import", content=export)
    assert answer.json() == {"result": "Successfully imported"}
    assert stage.backup.http.get("/admin/export").content == export


@sentence(
    IN_BACKUP_MODE,
    "Access and administrate all other operations on MetaDefender Core management console.",
)
def test_a_backup_is_administered(backend: Backend, new: New):
    _, key = backend.license_with_key()
    backup = new(admin_password="the admin's")
    backup.register(key)
    with backup.client() as http:
        login = {"user": "admin", "password": "the admin's"}
        http.headers["apikey"] = http.post("/login", json=login).json()["session_id"]
        for path in (OFFLINE, BACKUP, SETTINGS, "/admin/export", "/admin/engine/update"):
            assert http.get(path).status_code == 200, path
        assert http.get("/admin/license").json()["online_activated"]
        assert http.post("/logout").status_code == 200


@sentence(
    "The only thing that MetaDefender Core backup instance(s) does not allow is accepting any "
    "scan requests coming, and processing them."
)
def test_a_backup_with_all_engines_accepts_no_scan(stage: Stage):
    has_engines(stage.backup)
    for data in (b"a file", eicar()):
        answer = scan(stage.backup, data)
        assert answer.status_code == 503
        assert "its role is backup" in answer.json()["err"]
        assert "data_id" not in answer.json()
    assert stage.backup.http.get("/readyz").status_code == 503

    has_engines(stage.production)
    assert verdict(stage.production, eicar()) == "Blocked"


@sentence("Online environment: Using following REST API: POST - Setup hot-backup instanceAPI")
def test_an_instance_is_registered_online(backend: Backend, stage: Stage, new: New):
    answer = new().register(stage.key, **{"active-deployment-id": stage.production.deployment})
    assert answer.json() == {
        "success": "The backup MetaDefender Core instance is now registered as a backup one."
    }
    backups = backend.license(stage.license)["backups"]
    assert {each["standby_for"] for each in backups} == {None, stage.production.deployment}


@sentence(
    "If you try to activate a MetaDefender Core instance which is currently registered as a backup "
    "one (using POST - Activate license onlineAPI) then expecting to hit error."
)
def test_activating_a_backup_instance_is_an_error(stage: Stage):
    answer = stage.backup.http.post(ACTIVATION, json={"activationKey": stage.key})
    assert (answer.status_code, list(answer.json())) == (400, ["err"])
    assert stage.backup.http.get(BACKUP).json() == {"is_backup": True}
    assert scan(stage.backup).status_code == 503


@sentence(INSTEAD, "Nominate that backup instance (see below)")
def test_instead_it_is_nominated(stage: Stage):
    told = stage.backup.http.post(ACTIVATION, json={"activationKey": stage.key}).json()["err"]
    assert f"POST {NOMINATION}" in told
    assert stage.backup.http.post(NOMINATION).status_code == 200
    assert scan(stage.backup).status_code == 200


@sentence(
    INSTEAD,
    "Unregister that backup instance (see below), and then activate it using POST - Activate "
    "license onlineAPI",
)
@sentence(
    STEPS,
    "You want to activate that backup instance directly without using nomination method (see "
    "below) via POST - Activate license onlineAPI",
)
def test_or_it_is_unregistered_and_then_activated(backend: Backend, new: New):
    _, key = backend.license_with_key(slots=1)
    backup = new()
    backup.register(key)
    told = backup.http.post(ACTIVATION, json={"activationKey": key}).json()["err"]
    unregister, _, then = told.partition("and then")
    assert f"DELETE {BACKUP}" in unregister
    assert f"POST {ACTIVATION}" in then

    assert backup.http.delete(BACKUP).status_code == 200
    backup.activate(key)
    assert scan(backup).status_code == 200


@sentence(
    "You cannot register a MetaDefender Core as a backup instance when it is still running as an "
    "active / production one.",
    "Instead, you are required to deactivate that instance first.",
)
def test_an_instance_in_production_is_deactivated_before_it_is_registered(stage: Stage):
    told = stage.production.err(stage.production.register(stage.key))
    assert f"POST {DEACTIVATION}" in told
    assert scan(stage.production).status_code == 200

    assert stage.production.http.post(DEACTIVATION).json() == {"success": True}
    assert scan(stage.production).status_code == 503
    assert stage.production.register(stage.key).status_code == 200


@sentence("Using following REST API: DELETE - Remove a backup instanceAPI")
@sentence(
    UNREGISTERED,
    "Download engines and their databases from OPSWAT update server source (online mode)",
    "Upload engines and their databases manually",
    "Deploy engines and their databases on MetaDefender Core",
)
def test_unregistered_it_takes_no_engines_in_any_way(
    backend: Backend, new: New, published: Path, tmp_path: Path
):
    _, key = backend.license_with_key()
    backup = new(update_source=None)
    backup.register(key)
    (package,) = (path for path in published.iterdir() if path.suffix != ".json")
    folder = {"source": "folder", "pickupfolder": str(published)}

    answer = backup.http.delete(BACKUP)
    assert answer.json() == {
        "success": "This MetaDefender Core instance is no longer registered as a backup one."
    }

    backup.http.put(SETTINGS, json=folder)
    download = backup.http.post("/admin/engine/update")
    assert "may not download engines" in backup.err(download)
    upload = backup.http.post("/admin/engine/upload", content=package.read_bytes())
    assert "may not take in engine packages" in backup.err(upload)
    assert engines(backup) == []

    # Once more a backup, it does both.
    backup.register(key)
    upload = backup.http.post("/admin/engine/upload", content=package.read_bytes())
    assert upload.status_code == 200
    has_engines(backup)


@sentence("Basically that MetaDefender Core will become an unlicensed one as a fresh installation.")
def test_unregistered_it_is_as_a_fresh_installation(stage: Stage, new: New):
    stage.backup.http.delete(BACKUP)
    fresh = new()
    for path in (OFFLINE, BACKUP, "/readyz", SETTINGS):
        shown, expected = (each.http.get(path).json() for each in (stage.backup, fresh))
        for name in ("deployment", "deployment_id"):
            assert shown.pop(name, None) in {None, stage.backup.deployment}
            expected.pop(name, None)
        assert shown == expected
    assert scan(stage.backup).status_code == scan(fresh).status_code == 503
    rights = [each.node.keeper.standing().rights for each in (stage.backup, fresh)]
    assert rights[0] == rights[1] == {"settings.modify", "settings.import", "administer"}


@sentence(
    STEPS,
    "You want to shutdown that backup instance for some reasons, but avoid removing the container "
    "or system where that MetaDefender Core instance is installed on for possible usage later.",
)
def test_one_that_was_unregistered_and_stopped_is_used_later(
    backend: Backend, stage: Stage, tmp_path: Path
):
    url = backend.server.url
    with served(tmp_path / "later", url) as backup:
        deployment = backup.deployment
        backup.register(stage.key)
        assert backup.http.delete(BACKUP).status_code == 200
    with served(tmp_path / "later", url) as backup:
        assert backup.deployment == deployment
        assert backup.http.get(BACKUP).json() == {"is_backup": False}
        assert backup.register(stage.key).status_code == 200
        assert backup.http.get(BACKUP).json() == {"is_backup": True}


@sentence(
    "Nominating a backup instance is to make that instance become an active / production one.",
    "That means, your nominated instance will be able to process files as in production.",
    "Online environment: Using following REST API: POST - Nominate a backup instance to a "
    "production instanceAPI",
)
@sentence(
    THEN,
    "The backup instance's actual deployment ID will be registered with relevant license key on "
    "our OPSWAT Licensing system, and it is then able to process processing requests right away.",
    "The former active / production instance (before the nomination took place), will be auto "
    "unregistered from OPSWAT Licensing system.",
)
def test_a_nominated_instance_processes_right_away_and_the_former_one_is_released(
    backend: Backend, stage: Stage
):
    has_engines(stage.backup)

    answer = stage.backup.http.post(NOMINATION)

    assert answer.json() == {
        "success": "This MetaDefender Core instance is now fully activated and allowed to process "
        "files."
    }
    assert verdict(stage.backup, eicar()) == "Blocked"
    assert verdict(stage.backup, b"a file") == "Allowed"
    (active,) = backend.license(stage.license)["active"]
    assert active["deployment"] == stage.backup.deployment
    assert backend.deployment(stage.production.deployment)["role"] == "unlicensed"
    assert stage.production.http.get(OFFLINE).json()["days_left"] == 0
