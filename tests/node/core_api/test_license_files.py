"""License files, sent to instances at a site without a connection."""

import uuid

import pytest

from tests.node.core_api.conftest import New
from tests.node.core_api.served import Backend, Carried, Instance

OCTETS = {"content-type": "application/octet-stream"}

ACTIVATION = "/admin/license"
BACKUP = "/admin/license/backup"


@pytest.fixture
def license_id() -> str:
    return f"carried-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def at_the_site(carried: Carried, new: New):
    """Makes instances with node keys of the site."""

    def create() -> Instance:
        name = f"MSCL-{uuid.uuid4()}"
        return new(carried.site.server.url, deployment=name, key=carried.site.node_key(name))

    return create


def send(instance: Instance, path: str, file: bytes, **headers: str):
    return instance.http.post(path, content=file, headers={**OCTETS, **headers})


def test_an_instance_is_activated_with_a_license_file(carried: Carried, at_the_site, license_id):
    instance = at_the_site()
    file = carried.file(license=license_id, deployment=instance.deployment, customer="ACME")

    answer = send(instance, ACTIVATION, file)

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert instance.http.get("/readyz").status_code == 200
    shown = instance.http.get("/admin/license").json()
    assert (shown["online_activated"], shown["licensed_to"]) == (False, "ACME")
    known = carried.site.deployment(instance.deployment)
    assert (known["role"], known["mode"]) == ("active", "offline")


def test_a_backup_is_registered_with_the_file_of_the_active_one(
    carried: Carried, at_the_site, license_id
):
    active, backup = at_the_site(), at_the_site()
    file = carried.file(license=license_id, deployment=active.deployment)
    send(active, ACTIVATION, file)

    answer = send(backup, BACKUP, file, **{"active-deployment-id": active.deployment})

    assert answer.json() == {
        "success": "The backup MetaDefender Core instance is now registered as a backup one."
    }
    assert backup.http.get(BACKUP).json() == {"is_backup": True}
    known = carried.site.deployment(backup.deployment)
    assert (known["mode"], known["standby_for"]) == ("offline", active.deployment)


def test_the_content_type_is_not_asked_for(carried: Carried, at_the_site, license_id):
    instance = at_the_site()
    file = carried.file(license=license_id)
    assert instance.http.post(BACKUP, content=file).status_code == 200


def test_an_offline_backup_takes_over_in_three_steps_and_is_told_them(
    carried: Carried, at_the_site, license_id
):
    active, backup = at_the_site(), at_the_site()
    file = carried.file(license=license_id)
    send(active, ACTIVATION, file)
    send(backup, BACKUP, file)

    told = backup.err(backup.http.post("/admin/license/backup/nomination"))
    steps = [
        "POST /admin/license/deactivation there",
        "DELETE /admin/license/backup",
        "POST /admin/license with",
    ]
    places = [told.index(step) for step in steps]
    assert places == sorted(places)

    assert active.http.post("/admin/license/deactivation").json() == {"success": True}
    assert backup.http.delete(BACKUP).status_code == 200
    assert send(backup, ACTIVATION, file).json() == {"success": True}
    assert backup.http.get("/readyz").status_code == 200


def test_an_offline_backup_is_not_told_to_be_nominated(carried: Carried, at_the_site, license_id):
    active, backup = at_the_site(), at_the_site()
    file = carried.file(license=license_id)
    send(active, ACTIVATION, file)
    send(backup, BACKUP, file)

    told = backup.err(send(backup, ACTIVATION, file))

    assert "DELETE /admin/license/backup" in told
    assert "nomination" not in told


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"license: x\n",
        b"\xff\xfe",
        b"{",
        b"\x00",
        b"x" * 60_000,
    ],
)
def test_what_is_no_license_file_is_an_invalid_license(at_the_site, file: bytes):
    instance = at_the_site()
    answer = send(instance, ACTIVATION, file)
    assert (answer.status_code, answer.json()) == (400, {"err": "Invalid license"})
    assert instance.http.get("/readyz").status_code == 503


def test_a_file_that_was_changed_is_an_invalid_license_and_the_header_says_why(
    carried: Carried, at_the_site, license_id
):
    instance = at_the_site()
    file = carried.file(license=license_id, customer="ACME").replace(b"ACME", b"ACNE")

    answer = send(instance, ACTIVATION, file)

    assert (answer.status_code, answer.json()) == (400, {"err": "Invalid license"})
    assert "signature" in answer.headers["hotslot-detail"]


def test_a_file_for_another_deployment_is_an_invalid_license(
    carried: Carried, at_the_site, license_id
):
    instance = at_the_site()
    answer = send(instance, ACTIVATION, carried.file(license=license_id, deployment="MSCL-another"))
    assert (answer.status_code, answer.json()) == (400, {"err": "Invalid license"})
    assert "MSCL-another" in answer.headers["hotslot-detail"]


def test_a_rule_about_the_role_is_told_in_its_own_words(carried: Carried, at_the_site, license_id):
    """The file is good: it is the role that is not to be had."""
    active, other = at_the_site(), at_the_site()
    file = carried.file(license=license_id, slots=1)
    send(active, ACTIVATION, file)
    assert active.deployment in other.err(send(other, ACTIVATION, file))


def test_a_bad_file_registers_no_backup_and_the_text_says_why(
    carried: Carried, at_the_site, license_id
):
    instance = at_the_site()
    file = carried.file(license=license_id, customer="ACME").replace(b"ACME", b"ACNE")
    assert "signature" in instance.err(send(instance, BACKUP, file))
    assert instance.err(send(instance, BACKUP, b"\xff")) == "Invalid license"


def test_a_file_needs_a_node_with_a_key(carried: Carried, new: New, license_id):
    instance = new(carried.site.server.url)
    told = instance.err(send(instance, BACKUP, carried.file(license=license_id)))
    assert "HOTSLOT_NODE_KEY" in told


@pytest.mark.parametrize("path", [ACTIVATION, BACKUP])
def test_an_activation_key_of_before_is_not_enough_for_a_file(
    carried: Carried, backend: Backend, new: New, path: str, license_id
):
    _, key = backend.license_with_key()
    instance = new()
    instance.activate(key)
    instance.http.post("/admin/license/deactivation")
    told = instance.err(send(instance, path, carried.file(license=license_id)))
    assert "HOTSLOT_NODE_KEY" in told
    assert key not in told
