"""What the tests of the specification are told with."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import httpx
import pytest

from tests.api.calls import Caller, done
from tests.api.sites import Site, Vendor, site_at, vendor_at


@pytest.fixture
def api(admin: httpx.Client) -> Caller:
    """Whoever runs the instances, with the admin key."""
    return Caller(admin)


@pytest.fixture
def names(unique: Callable[[str], str]) -> tuple[str, str, str]:
    """The active / production instance, a backup instance, and another one."""
    return unique("production"), unique("backup"), unique("another")


@pytest.fixture
def licensed(api: Caller, names: tuple[str, str, str]) -> str:
    """A license with one activation slot, which the production instance holds."""
    license_id = api.issued(slots=1)
    done(api.activate(names[0], license_id))
    return license_id


@pytest.fixture(scope="package")
def vendor(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vendor]:
    """The vendor, who makes license files."""
    with vendor_at(new_database(), tmp_path_factory.mktemp("vendor")) as vendor:
        yield vendor


@pytest.fixture(scope="package")
def site(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory, vendor: Vendor
) -> Iterator[Site]:
    """The offline environment: it knows nothing of the vendor but a public key."""
    with site_at(new_database(), tmp_path_factory.mktemp("site"), vendor) as site:
        yield site


class Offline(NamedTuple):
    """In the offline environment: an active instance, and a backup registered with its file."""

    license: str
    license_yml: str
    active: str
    backup: str


@pytest.fixture
def offline(vendor: Vendor, site: Site, names: tuple[str, str, str]) -> Offline:
    license_id = vendor.issued(slots=1)
    license_yml = vendor.carried(license_id, names[0])
    done(site.activate(names[0], license_file=license_yml))
    done(site.register(names[1], license_file=license_yml))
    return Offline(license_id, license_yml, names[0], names[1])
