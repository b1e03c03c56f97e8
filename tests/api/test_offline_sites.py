"""A license file is carried to a site without a connection, and used there."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.calls import Caller, done, problem, refused
from tests.api.instances import Instances
from tests.api.remedies import take_literally
from tests.api.shapes import DEPLOYMENT, differences
from tests.api.sites import Site, Vendor, now, signed
from tests.serving import serving


@pytest.fixture
def at(vendor: Vendor, unique: Callable[[str], str]) -> Instances:
    return Instances.with_license(vendor, unique)


@pytest.fixture
def file(vendor: Vendor, at: Instances) -> str:
    """The file that may activate `p` only."""
    return vendor.carried(at.license, at.p)


@pytest.fixture
def running(site: Site, at: Instances, file: str) -> Instances:
    """At the site `p` is active and `q` stands by, each by the file of `p`."""
    done(site.activate(at.p, license_file=file))
    done(site.register(at.q, license_file=file))
    return at


def test_a_file_brings_its_license_and_the_role(
    vendor: Vendor, site: Site, at: Instances, file: str
):
    shown = done(site.activate(at.p, license_file=file))
    assert differences(shown, DEPLOYMENT) == []
    assert (shown["role"], shown["mode"], shown["license"]) == ("active", "offline", at.license)
    assert shown["capabilities"]["process"]
    assert shown == site.deployment(at.p)
    brought, issued = site.license(at.license), vendor.license(at.license)
    for name in ("id", "product", "customer", "status", "expires_at"):
        assert brought[name] == issued[name]
    assert brought["slots"] == {"total": 1, "used": 1, "free": 0}
    assert [each["mode"] for each in brought["active"]] == ["offline"]
    # The vendor's server has heard nothing of it.
    assert vendor.license(at.license)["slots"]["used"] == 0


def test_the_trail_says_which_file_brought_it(vendor: Vendor, site: Site, at: Instances, file: str):
    answer = site.activate(at.p, license_file=file, reason="first installation")
    (issued,) = vendor.trail(license=at.license, type="license.file-issued")
    entries = site.trail(license=at.license)
    assert [each["type"] for each in entries] == [
        "license.imported",
        "license.deployment-activated",
        "deployment.bound",
    ]
    imported = entries[0]
    assert imported["data"] == issued["data"]
    assert imported["data"]["key"] == vendor.signing.id
    assert imported["data"]["deployment"] == at.p
    assert {each["reason"] for each in entries} == {"first installation"}
    assert {each["request_id"] for each in entries} == {answer.headers["x-request-id"]}


def test_a_bound_file_registers_every_other_deployment(site: Site, at: Instances, file: str):
    done(site.activate(at.p, license_file=file))
    for backup in (at.q, at.r):
        shown = done(site.register(backup, license_file=file, standby_for=at.p))
        assert (shown["role"], shown["mode"]) == ("backup", "offline")
        assert (shown["standby_for"], shown["license"]) == (at.p, at.license)
        assert [name for name, may in shown["capabilities"].items() if not may] == ["process"]
    assert site.license(at.license)["backup_count"] == 2


def test_a_backup_may_bring_the_license_too(site: Site, at: Instances, file: str):
    done(site.register(at.q, license_file=file))
    assert site.license(at.license)["slots"] == {"total": 1, "used": 0, "free": 1}


def test_a_bound_file_activates_no_other_deployment(site: Site, at: Instances, file: str):
    before = site.head()
    told = refused(
        site.activate(at.q, license_file=file), 409, "license-file-for-another-deployment"
    )
    assert at.p in told["detail"]
    # The refusal is all that is recorded: the license was not brought by it.
    assert site.head() == before + 1
    problem(site.http.get(f"/v1/licenses/{at.license}"), 404, "unknown-license")
    (entry,) = site.trail(deployment=at.q)
    assert entry["data"]["code"] == "license-file-for-another-deployment"
    assert entry["data"]["asked"]["mode"] == "offline"


def test_forged_files_are_told_apart_in_the_trail(site: Site, at: Instances, file: str):
    forged = [file.replace('slots: "1"', f'slots: "{slots}"') for slots in (8, 9)]
    for deployment, text in zip((at.p, at.q), forged, strict=True):
        answer = site.activate(deployment, license_file=text)
        refused(answer, 403, "license-file-signature-invalid")
        (entry,) = site.trail(deployment=deployment)
        assert entry["data"]["asked"] == {
            "deployment": deployment,
            "mode": "offline",
            "digest": hashlib.sha256(text.encode()).hexdigest(),
        }


def test_a_file_for_any_activates_any(vendor: Vendor, site: Site, at: Instances):
    file = vendor.carried(at.license)
    done(site.activate(at.q, license_file=file))
    refused(site.activate(at.r, license_file=file), 409, "no-free-slot")
    assert done(site.register(at.r, license_file=file))["role"] == "backup"


@pytest.mark.parametrize("role", ["activation", "backup"])
def test_the_same_again_is_quiet(site: Site, at: Instances, file: str, role: str):
    path = f"/v1/deployments/{at.p}/{role}"
    first = site.http.put(path, json={"license_file": file})
    before = site.head()
    assert done(site.http.put(path, json={"license_file": file})) == done(first)
    # The same file, though a person has written into it.
    lines = [line for line in file.splitlines() if not line.startswith("#")]
    other = "\n".join(["# from the vendor, by courier", "", *lines, "# end", ""])
    assert other != file
    assert done(site.http.put(path, json={"license_file": other})) == done(first)
    assert site.head() == before


# Newer files, and older ones.


def test_a_newer_file_updates_slots_and_expiry(
    vendor: Vendor, site: Site, running: Instances, file: str
):
    before = site.deployment(running.p)
    done(vendor.change(running.license, "resize", slots=3))
    done(vendor.change(running.license, "renewal", expires_at=None))
    newer = vendor.carried(running.license, running.p)
    head = site.head()
    shown = done(site.activate(running.p, license_file=newer))
    # Its role is what it was: only the license has changed.
    assert shown == before
    assert site.head() == head + 1
    brought = site.license(running.license)
    assert brought["slots"] == {"total": 3, "used": 1, "free": 2}
    assert (brought["expires_at"], brought["position"]) == (None, head + 1)
    refused(site.activate(running.p, license_file=file), 409, "license-file-superseded")
    assert site.license(running.license) == brought


def test_a_newer_file_that_is_shown_by_a_new_deployment_does_both(
    vendor: Vendor, site: Site, running: Instances
):
    done(vendor.change(running.license, "resize", slots=2))
    newer = vendor.carried(running.license, running.r)
    assert done(site.activate(running.r, license_file=newer))["role"] == "active"
    assert site.license(running.license)["slots"] == {"total": 2, "used": 2, "free": 0}


def test_a_newer_file_does_not_take_slots_that_are_used(vendor: Vendor, site: Site, at: Instances):
    done(vendor.change(at.license, "resize", slots=2))
    for d in (at.p, at.q):
        done(site.activate(d, license_file=vendor.carried(at.license, d)))
    done(vendor.change(at.license, "resize", slots=1))
    fewer = vendor.carried(at.license)
    refused(site.register(at.r, license_file=fewer), 409, "slots-in-use")
    assert site.license(at.license)["slots"]["total"] == 2
    done(site.deactivate(at.q))
    done(site.register(at.r, license_file=fewer))
    assert site.license(at.license)["slots"]["total"] == 1


def test_an_older_file_that_says_the_same_still_serves(
    vendor: Vendor, site: Site, at: Instances, file: str
):
    """The file of `p` registers backups after another one was made for `q` alone."""
    done(site.register(at.q, license_file=vendor.carried(at.license, at.q)))
    done(site.activate(at.p, license_file=file))


# What a site may not do to a license that came in a file.


def test_the_terms_are_for_the_vendor_to_change(site: Site, running: Instances):
    before = site.license(running.license)
    for answer in (
        site.change(running.license, "renewal", expires_at=None),
        site.change(running.license, "resize", slots=9),
        site.change(running.license, "resize", slots=1),
    ):
        told = refused(answer, 409, "license-issued-elsewhere")
        assert running.license in told["detail"]
    assert site.license(running.license) == before


def test_a_site_takes_rights_away_and_gives_them_back(site: Site, running: Instances, file: str):
    done(site.change(running.license, "suspension"))
    assert not site.deployment(running.p)["capabilities"]["process"]
    refused(site.register(running.r, license_file=file), 403, "license-suspended")
    done(site.change(running.license, "reinstatement"))
    assert site.deployment(running.p)["capabilities"]["process"]


def test_nobody_gets_a_role_by_the_name_of_the_license_alone(
    site: Site, running: Instances, file: str
):
    done(site.deactivate(running.p))
    for take, path in ((site.activate, "activation"), (site.register, "backup")):
        told = refused(take(running.r, running.license), 409, "license-file-required")
        (remedy,) = told["remedies"]
        assert f"PUT /v1/deployments/{running.r}/{path}" in remedy["description"]
        assert '{"license_file":' in remedy["description"]


def test_no_activation_key_opens_it(vendor: Vendor, site: Site, unique: Callable[[str], str]):
    issued = done(vendor.issue(), 201)
    d = unique("d")
    done(site.activate(d, license_file=vendor.carried(issued["id"])))
    for key in (issued["activation_key"], f"{issued['id']}.None", f"{issued['id']}."):
        refused(site.activate(unique("e"), activation_key=key), 403, "unknown-activation-key")
        with site.server.client(None, **{"activation-key": key}) as http:
            problem(Caller(http).deactivate(d), 403, "unknown-activation-key")


# Nomination.


def test_an_offline_backup_is_not_nominated_and_the_three_steps_work_as_they_are_told(
    vendor: Vendor, site: Site, running: Instances
):
    before = site.license(running.license)
    told = refused(site.nominate(running.q), 409, "offline-backup-cannot-be-nominated")
    assert site.license(running.license) == before
    assert [each["action"] for each in told["remedies"]] == ["deactivate", "unregister", "activate"]
    # The file that is here is for `p`: what to get first is told before anything is given back.
    assert f"activates {running.p} only" in told["detail"]
    wanted = f"GET /v1/licenses/{running.license}/file?deployment={running.q}"
    assert wanted in told["detail"]
    file = vendor.carried(running.license, running.q)
    *_, last = take_literally(site, told["remedies"], file)
    assert (last["id"], last["role"], last["mode"]) == (running.q, "active", "offline")
    assert last["capabilities"]["process"]
    assert site.deployment(running.p)["role"] == "unlicensed"
    assert [each["deployment"] for each in site.license(running.license)["active"]] == [running.q]


def test_the_file_of_the_former_one_does_not_activate_its_backup(
    site: Site, running: Instances, file: str
):
    done(site.deactivate(running.p))
    done(site.unregister(running.q))
    told = refused(
        site.activate(running.q, license_file=file), 409, "license-file-for-another-deployment"
    )
    wanted = f"GET /v1/licenses/{running.license}/file?deployment={running.q}"
    assert wanted in told["remedies"][0]["description"]


@pytest.fixture
def mixed(vendor: Vendor, at: Instances) -> Instances:
    """On the vendor's own server: `p` is active by its file, and `q` is an online backup."""
    done(vendor.activate(at.p, license_file=vendor.carried(at.license, at.p)))
    done(vendor.register(at.q, at.license))
    return at


def test_an_online_backup_is_nominated_in_place_of_an_offline_active_one(
    vendor: Vendor, mixed: Instances
):
    assert vendor.deployment(mixed.p)["mode"] == "offline"
    nominated = done(vendor.nominate(mixed.q))
    assert (nominated["deployment"]["role"], nominated["deployment"]["mode"]) == (
        "active",
        "online",
    )
    assert (nominated["replaced"]["id"], nominated["replaced"]["role"]) == (mixed.p, "unlicensed")


def test_an_offline_backup_beside_it_is_not(vendor: Vendor, mixed: Instances):
    file = vendor.carried(mixed.license, mixed.p)
    done(vendor.register(mixed.r, license_file=file))
    refused(vendor.nominate(mixed.r), 409, "offline-backup-cannot-be-nominated")
    refused(vendor.nominate(mixed.r, dry_run=True), 409, "offline-backup-cannot-be-nominated")


def test_on_the_server_that_made_it_a_file_changes_the_mode_and_not_the_license(
    vendor: Vendor, at: Instances, file: str
):
    done(vendor.activate(at.p, at.license))
    before = vendor.license(at.license)
    assert done(vendor.activate(at.p, license_file=file))["mode"] == "offline"
    after = vendor.license(at.license)
    assert (after["slots"], after["expires_at"]) == (before["slots"], before["expires_at"])
    assert "license.imported" not in {e["type"] for e in vendor.trail(license=at.license)}


def test_a_file_of_ours_brings_no_license_that_we_do_not_have(
    vendor: Vendor, unique: Callable[[str], str]
):
    """It would come from a database that is not there any more, or was never ours."""
    file = signed(vendor.signing, license=unique("lost"))
    before = vendor.head()
    problem(vendor.activate(unique("d"), license_file=file), 404, "unknown-license")
    assert vendor.head() == before + 1


# Time, and several workers.


def test_several_workers_have_the_keys_of_the_data_directory(
    new_database: Callable[[], str], tmp_path: Path, vendor: Vendor, unique: Callable[[str], str]
):
    (tmp_path / "vendor.pem").write_text(vendor.signing.public_pem())
    places = {"HOTSLOT_DATA_DIR": str(tmp_path), "HOTSLOT_TRUSTED_KEYS": f"{tmp_path}/vendor.pem"}
    license_id = vendor.issued(slots=8)
    file = vendor.carried(license_id)
    with serving(new_database(), HOTSLOT_WORKERS="2", **places) as server:
        for number in range(8):  # on a connection each: any worker may answer
            with server.client() as http:
                api = Caller(http)
                problem(api.file(api.issued()), 503, "no-signing-key")
                assert done(api.activate(f"d{number}", license_file=file))["mode"] == "offline"


def test_a_file_that_ended_on_its_way(vendor: Vendor, site: Site, unique: Callable[[str], str]):
    ended = now() - timedelta(seconds=1)
    file = signed(vendor.signing, license=unique("ended"), expires_at=ended)
    before = site.head()
    told = refused(site.activate(unique("d"), license_file=file), 403, "license-file-expired")
    assert ended.isoformat(timespec="microseconds").removesuffix("+00:00") in told["detail"]
    assert site.head() == before + 1
