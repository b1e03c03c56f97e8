"""Every remedy of a refusal does what it says, also on a license that came in a file."""

import re
from collections.abc import Callable

import pytest

from tests.api.calls import done, in_a_moment, refused, until_expired
from tests.api.instances import Instances
from tests.api.remedies import take_literally, the_way
from tests.api.sites import Site, Vendor


@pytest.fixture
def at(vendor: Vendor, unique: Callable[[str], str]) -> Instances:
    return Instances.with_license(vendor, unique)


@pytest.fixture
def file(vendor: Vendor, at: Instances) -> str:
    """A file that may activate any."""
    return vendor.carried(at.license)


@pytest.mark.parametrize("action", ["deactivate", "register", "carry-another-file"])
def test_no_free_slot(vendor: Vendor, site: Site, at: Instances, file: str, action: str):
    done(site.activate(at.p, license_file=file))
    told = refused(site.activate(at.r, license_file=file), 409, "no-free-slot")
    if action == "carry-another-file":
        done(vendor.change(at.license, "resize", slots=2))
        file = vendor.carried(at.license, at.r)
    take_literally(site, [the_way(told, action)], file)
    if action == "deactivate":
        done(site.activate(at.r, license_file=file))
    assert site.deployment(at.r)["role"] == ("backup" if action == "register" else "active")


def test_backup_cannot_activate(site: Site, at: Instances, file: str):
    done(site.register(at.q, license_file=file))
    told = refused(site.activate(at.q, license_file=file), 409, "backup-cannot-activate")
    *_, last = take_literally(site, told["remedies"], file)
    assert (last["id"], last["role"]) == (at.q, "active")


def test_active_cannot_be_backup(site: Site, at: Instances, file: str):
    done(site.activate(at.p, license_file=file))
    told = refused(site.register(at.p, license_file=file), 409, "active-cannot-be-backup")
    *_, last = take_literally(site, told["remedies"], file)
    assert (last["id"], last["role"]) == (at.p, "backup")


def test_license_file_for_another_deployment(vendor: Vendor, site: Site, at: Instances):
    bound = vendor.carried(at.license, at.p)
    told = refused(
        site.activate(at.r, license_file=bound), 409, "license-file-for-another-deployment"
    )
    (shown,) = take_literally(site, [the_way(told, "register")], bound)
    assert (shown["id"], shown["role"]) == (at.r, "backup")
    done(site.unregister(at.r))
    asked = re.search(r"GET (/v1/\S+)$", the_way(told, "carry-file-for-deployment")["description"])
    assert asked
    carried = vendor.http.get(asked[1]).text
    assert done(site.activate(at.r, license_file=carried))["role"] == "active"


def test_license_expired(vendor: Vendor, site: Site, unique: Callable[[str], str]):
    at = Instances.with_license(vendor, unique, expires_at=in_a_moment())
    file = vendor.carried(at.license)
    done(site.activate(at.p, license_file=file))
    done(site.register(at.q, license_file=file))
    until_expired(site, at.license)
    told = refused(site.nominate(at.q), 403, "license-expired")
    remedy = the_way(told, "carry-another-file")
    done(vendor.change(at.license, "renewal", expires_at=None))
    chosen = remedy["description"].replace("{one of the license}", at.p)
    chosen = chosen.replace("{activation or backup, as it is}", "activation")
    take_literally(site, [{**remedy, "description": chosen}], vendor.carried(at.license))
    assert site.license(at.license)["status"] == "valid"
    assert site.deployment(at.p)["capabilities"]["process"]


def test_license_revoked(vendor: Vendor, site: Site, at: Instances, file: str):
    done(site.activate(at.p, license_file=file))
    done(site.change(at.license, "revocation"))
    told = refused(site.activate(at.r, license_file=file), 403, "license-revoked")
    (remedy,) = told["remedies"]
    assert "a file of another license" in remedy["description"]
    other = vendor.carried(vendor.issued())
    assert done(site.activate(at.r, license_file=other))["role"] == "active"
