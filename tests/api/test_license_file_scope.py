"""Who may have a license file made, and whose license a file may bring."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.api.calls import Caller, done, problem, refused
from tests.api.sites import Party, Site, Vendor, now, signed


class Customer(NamedTuple):
    """A customer with a license at the vendor, on which `p` is active."""

    name: str
    license: str
    activation_key: str
    p: str


CallerOf = Callable[..., Caller]


@pytest.fixture
def customer_of(vendor: Vendor, unique: Callable[[str], str]) -> Callable[[str], Customer]:
    def customer(name: str) -> Customer:
        called = unique(name)
        issued = done(vendor.issue(customer=called, slots=3), 201)
        p = f"p@{called}"
        done(vendor.activate(p, issued["id"]))
        return Customer(called, issued["id"], issued["activation_key"], p)

    return customer


@pytest.fixture
def own(customer_of: Callable[[str], Customer]) -> Customer:
    return customer_of("own")


@pytest.fixture
def other(customer_of: Callable[[str], Customer]) -> Customer:
    return customer_of("other")


@pytest.fixture
def caller_at() -> Iterator[Callable[..., Caller]]:
    """Makes a caller with a new key of a server."""
    with contextlib.ExitStack() as opened:

        def caller(party: Party, role: str, **limits: Any) -> Caller:
            key = done(party.key(role, **limits), 201)["key"]
            return Caller(opened.enter_context(party.server.client(key)))

        yield caller


@pytest.fixture
def under_key(vendor: Vendor) -> Iterator[Callable[[str], Caller]]:
    """Makes a caller that shows an activation key to the vendor's server."""
    with contextlib.ExitStack() as opened:
        yield lambda key: Caller(
            opened.enter_context(vendor.server.client(None, **{"activation-key": key}))
        )


@pytest.fixture
def at_vendor(vendor: Vendor, caller_at: Callable[..., Caller]) -> CallerOf:
    """Makes a caller with a key of the vendor's server."""
    return lambda role, **limits: caller_at(vendor, role, **limits)


@pytest.fixture
def at_site(site: Site, caller_at: Callable[..., Caller]) -> CallerOf:
    """Makes a caller with a key of the site's server."""
    return lambda role, **limits: caller_at(site, role, **limits)


def test_a_key_of_one_customer_gets_files_of_that_customer_only(
    vendor: Vendor, at_vendor: CallerOf, own: Customer, other: Customer
):
    for role in ("admin", "operator"):
        caller = at_vendor(role, customer=own.name)
        assert caller.file(own.license).status_code == 200
        before = vendor.head()
        hidden = refused(caller.file(other.license), 404, "unknown-license")
        nothing = refused(caller.file("never-issued"), 404, "unknown-license")
        assert hidden["detail"].replace(other.license, "L") == nothing["detail"].replace(
            "never-issued", "L"
        )
        assert vendor.head() == before


def test_a_node_gets_the_file_of_its_deployment_only(
    vendor: Vendor, at_vendor: CallerOf, own: Customer, other: Customer
):
    node = at_vendor("node", customer=own.name, deployment=own.p)
    assert node.file(own.license, own.p).status_code == 200
    before = vendor.head()
    for another in (None, "another", other.p):
        told = problem(node.file(own.license, another), 403, "forbidden")
        assert own.p in told["detail"]
    refused(node.file(other.license, own.p), 404, "unknown-license")
    assert vendor.head() == before


def test_an_auditor_gets_none(vendor: Vendor, at_vendor: CallerOf, own: Customer):
    auditor = at_vendor("auditor")
    before = vendor.head()
    problem(auditor.file(own.license), 403, "forbidden")
    assert vendor.head() == before


def test_an_activation_key_gets_files_of_its_license_only(
    vendor: Vendor, under_key: Callable[[str], Caller], own: Customer, other: Customer
):
    caller = under_key(own.activation_key)
    assert caller.file(own.license, "new").status_code == 200
    (entry,) = vendor.trail(license=own.license, type="license.file-issued")
    assert entry["actor"] == {"kind": "activation-key", "id": own.license}
    before = vendor.head()
    refused(caller.file(other.license), 404, "unknown-license")
    assert vendor.head() == before


def test_an_activation_key_with_the_file_of_another_license_gets_nothing(
    vendor: Vendor,
    under_key: Callable[[str], Caller],
    own: Customer,
    other: Customer,
    unique: Callable[[str], str],
):
    caller, d = under_key(own.activation_key), unique("d")
    file = vendor.carried(other.license)
    before = vendor.license(other.license)
    for take in (caller.activate, caller.register):
        hidden = refused(take(d, license_file=file), 404, "unknown-license")
        assert other.name not in str(hidden)
    assert vendor.license(other.license) == before
    assert done(caller.activate(d, license_file=vendor.carried(own.license)))["mode"] == "offline"


def test_a_key_of_one_customer_with_the_file_of_another_gets_nothing(
    vendor: Vendor,
    at_vendor: CallerOf,
    own: Customer,
    other: Customer,
    unique: Callable[[str], str],
):
    caller, d = at_vendor("operator", customer=own.name), unique("d")
    before = vendor.license(other.license)
    for take in (caller.activate, caller.register):
        refused(take(d, license_file=vendor.carried(other.license)), 404, "unknown-license")
        # Nor does it get at a deployment of the other by a file of its own.
        file = vendor.carried(own.license)
        refused(take(other.p, license_file=file), 404, "unknown-deployment")
    assert vendor.license(other.license) == before
    assert other.license not in str(caller.trail())


# At a site, where a file brings a license that is not there yet.


def test_a_key_of_one_customer_brings_licenses_of_that_customer_only(
    vendor: Vendor, site: Site, at_site: CallerOf, own: Customer, other: Customer
):
    caller = at_site("operator", customer=own.name)
    refused(
        caller.activate("d", license_file=vendor.carried(other.license)), 404, "unknown-license"
    )
    problem(site.http.get(f"/v1/licenses/{other.license}"), 404, "unknown-license")
    brought = done(caller.activate(own.p, license_file=vendor.carried(own.license)))
    assert brought["license"] == own.license
    assert caller.license(own.license)["customer"] == own.name


def test_nor_does_it_change_one_by_saying_that_it_is_of_that_customer(
    vendor: Vendor, site: Site, at_site: CallerOf, own: Customer, other: Customer
):
    done(site.activate(other.p, license_file=vendor.carried(other.license)))
    before = site.license(other.license)
    caller = at_site("operator", customer=own.name)
    claimed = signed(vendor.signing, license=other.license, customer=own.name, issued_at=now())
    told = refused(caller.activate("d", license_file=claimed), 404, "unknown-license")
    assert other.name not in str(told)
    assert site.license(other.license) == before


def test_a_node_acts_for_its_deployment_only_by_a_file_too(
    vendor: Vendor, site: Site, at_site: CallerOf, own: Customer
):
    node, file = at_site("node", deployment=own.p), vendor.carried(own.license)
    before = site.head()
    problem(node.activate("another", license_file=file), 403, "forbidden")
    assert site.head() == before
    assert done(node.activate(own.p, license_file=file))["role"] == "active"


def test_who_may_not_act_is_not_told_what_a_file_is_worth(
    site: Site, vendor: Vendor, at_site: CallerOf, own: Customer
):
    auditor, file = at_site("auditor"), vendor.carried(own.license)
    before = site.head()
    for text in (file, file.replace("slots", "slot"), "nonsense"):
        problem(auditor.activate("d", license_file=text), 403, "forbidden")
        with site.server.client("a-key-that-nobody-made") as http:
            problem(Caller(http).activate("d", license_file=text), 401, "unauthenticated")
    assert site.head() == before


def test_a_forged_file_leaves_no_mark_on_a_deployment_of_another(
    vendor: Vendor, site: Site, at_site: CallerOf, own: Customer, other: Customer
):
    done(site.activate(other.p, license_file=vendor.carried(other.license)))
    caller = at_site("operator", customer=own.name)
    forged = vendor.carried(own.license).replace('slots: "3"', 'slots: "9"')
    before = site.head()
    hidden = refused(
        caller.activate(other.p, license_file=forged), 403, "license-file-signature-invalid"
    )
    assert other.license not in str(hidden)
    assert site.head() == before
    assert [each["outcome"] for each in site.trail(deployment=other.p)] == ["done"] * 2
