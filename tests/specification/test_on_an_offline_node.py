"""Backup instances in the offline environment, on instances that run, by the calls of the Core."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.node.core_api.served import Carried, Instance, carried_at
from tests.specification.instances import (
    BACKUP,
    DEACTIVATION,
    NOMINATION,
    OFFLINE,
    New,
    instances,
    scan,
)
from tests.specification.sentences import sentence
from tests.specification.test_nomination import PROCEDURE


@pytest.fixture(scope="module")
def carried(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Carried]:
    """The offline environment."""
    with carried_at(new_database(), tmp_path_factory.mktemp("site")) as carried:
        yield carried


class OfflineStage(NamedTuple):
    license_yml: bytes
    production: Instance
    backup: Instance


@pytest.fixture
def new(carried: Carried, tmp_path: Path) -> Iterator[New]:
    """Makes instances at the site."""
    with instances(tmp_path, carried.site.server.url) as create:
        yield create


@pytest.fixture
def offline(carried: Carried, new: New) -> OfflineStage:
    """An instance in production, activated with a license file, and another one."""

    def at_the_site() -> Instance:
        name = f"MSCL{uuid.uuid4()}"
        return new(deployment=name, key=carried.site.node_key(name))

    license_yml = carried.file(license=f"carried-{uuid.uuid4()}", slots=1)
    production, other = at_the_site(), at_the_site()
    answer = production.http.post(OFFLINE, content=license_yml)
    assert answer.json() == {"success": True}
    return OfflineStage(license_yml, production, other)


@sentence(
    "Offline environment:",
    "Obtain license.yml file that supposed to use to active your MetaDefender Core active / "
    "production instance before.",
    "Using following REST API: POST - Setup hot-backup instanceAPI with that yaml file content.",
)
def test_an_instance_is_registered_with_the_content_of_the_license_file(offline: OfflineStage):
    answer = offline.backup.http.post(BACKUP, content=offline.license_yml)
    assert answer.json() == {
        "success": "The backup MetaDefender Core instance is now registered as a backup one."
    }
    assert offline.backup.http.get(BACKUP).json() == {"is_backup": True}
    assert scan(offline.backup).status_code == 503
    assert scan(offline.production).status_code == 200


@sentence(
    "Offline environment: You are not allowed to directly nominate a MetaDefender Core backup "
    "instance which was previously registered in offline mode."
)
@sentence(
    PROCEDURE,
    "Manually deactivate your MetaDefender Core active / production instance first, and unregister "
    "it from OPSWAT Licensing system.",
    "Unregister your MetaDefender Core backup instance.",
    "Then, activate your MetaDefender Core backup instance as a production one.",
)
def test_offline_it_is_not_nominated_but_takes_over_in_three_steps(offline: OfflineStage):
    offline.backup.http.post(BACKUP, content=offline.license_yml)

    told = offline.backup.err(offline.backup.http.post(NOMINATION))
    assert scan(offline.backup).status_code == 503
    steps = [f"POST {DEACTIVATION} there", f"DELETE {BACKUP}", f"POST {OFFLINE} with"]
    places = [told.index(step) for step in steps]
    assert places == sorted(places)

    assert offline.production.http.post(DEACTIVATION).status_code == 200
    assert scan(offline.production).status_code == 503
    assert offline.backup.http.delete(BACKUP).status_code == 200
    answer = offline.backup.http.post(OFFLINE, content=offline.license_yml)
    assert answer.json() == {"success": True}
    assert scan(offline.backup).status_code == 200
