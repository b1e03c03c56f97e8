"""Register and unregister."""

import pytest

from hotslot.domain import refusals
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import Event, LicenseRevoked, LicenseSuspended, Mode, Role
from tests.domain.given import NOW, SECOND, given
from tests.domain.words import (
    KEY_DIGEST,
    OFFLINE,
    ONLINE,
    activated,
    deactivated,
    issued,
    nominated,
    register,
    registered,
    unregister,
    unregistered,
)

REVOKED = LicenseRevoked(license="lic")
SUSPENDED = LicenseSuspended(license="lic")


def test_a_deployment_becomes_a_backup_of_a_full_license():
    world = given(issued(slots=1), *activated("a", term=1))
    world.when(register("b", standby_for="a")).then(*registered("b", standby_for="a", term=1))


def test_any_number_of_backups_may_register():
    world = given(issued())
    for number in range(50):
        world.record(*world.when(register(f"b{number}")).events)
    assert world.license().backup_count == 50
    assert world.license().active == {}


def test_registering_begins_no_new_term():
    world = given(issued(), *activated("a", term=1), *registered("b", term=1))
    assert world.license().term == 1


def test_an_active_deployment_cannot_be_a_backup():
    given(issued(), *activated("a")).when(register("a")).refused(
        refusals.ActiveCannotBeBackup(deployment="a", license="lic")
    )


def test_not_even_in_another_mode():
    given(issued(), *activated("a")).when(register("a", mode=OFFLINE)).refused(
        refusals.ActiveCannotBeBackup(deployment="a", license="lic")
    )


def test_once_deactivated_it_can():
    world = given(issued(), *activated("a", term=1), *deactivated("a", term=2))
    world.when(register("a")).then(*registered("a", term=2))


def test_one_that_was_replaced_can_too():
    world = given(issued(), *activated("a", term=1), *registered("b", term=1))
    world.record(*nominated("b", replaced="a", term=2))
    world.when(register("a", standby_for="b")).then(*registered("a", standby_for="b", term=2))


@pytest.mark.parametrize("asked", [None, "a"], ids=["says nothing", "says the same"])
@pytest.mark.parametrize("mode", [ONLINE, OFFLINE])
def test_registering_what_is_registered_changes_nothing(asked: str | None, mode: Mode):
    world = given(issued(), *registered("b", standby_for="a", mode=mode))
    world.when(register("b", standby_for=asked, mode=mode)).nothing()


@pytest.mark.parametrize("end", [REVOKED, SUSPENDED], ids=["revoked", "suspended"])
def test_it_changes_nothing_whatever_has_become_of_the_license(end: Event):
    given(issued(), *registered("b"), end).when(register("b")).nothing()


@pytest.mark.parametrize("before", [None, "a"], ids=["stood by for nobody", "stood by for another"])
def test_to_stand_by_for_another_the_backup_registers_anew(before: str | None):
    world = given(issued(), *registered("b", standby_for=before))
    told = world.when(register("b", standby_for="c"))
    told.then(*unregistered("b"), *registered("b", standby_for="c"))
    assert world.record(*told.events).license().backup_count == 1


@pytest.mark.parametrize(("before", "after"), [(ONLINE, OFFLINE), (OFFLINE, ONLINE)])
def test_another_mode_begins_the_role_anew(before: Mode, after: Mode):
    world = given(issued(), *registered("b", standby_for="a", mode=before))
    told = world.when(register("b", standby_for="a", mode=after))
    told.then(*unregistered("b"), *registered("b", standby_for="a", mode=after))
    assert world.record(*told.events).license().backup_count == 1


@pytest.mark.parametrize("end", [REVOKED, SUSPENDED], ids=["revoked", "suspended"])
def test_a_change_of_the_standby_needs_a_valid_license(end: Event):
    world = given(issued(), *registered("b", standby_for="a"), end)
    assert isinstance(
        world.when(register("b", standby_for="c")).decision,
        refusals.LicenseRevoked | refusals.LicenseSuspended,
    )


@pytest.mark.parametrize("role", ["active", "backup"])
def test_a_deployment_holds_a_role_on_one_license_only(role: str):
    held = (
        activated("b", license_id="other")
        if role == "active"
        else registered("b", license_id="other")
    )
    given(issued(), issued("other"), *held).when(register("b")).refused(
        refusals.BoundToAnotherLicense(deployment="b", license="other", role=role)
    )


def test_a_license_without_rights_takes_no_backup():
    given(issued(), SUSPENDED).when(register("b")).refused(refusals.LicenseSuspended(license="lic"))
    given(issued(), REVOKED).when(register("b")).refused(refusals.LicenseRevoked(license="lic"))
    given(issued(expires_at=NOW)).when(register("b")).refused(
        refusals.LicenseExpired(license="lic", expires_at=NOW)
    )


def test_the_state_of_the_license_is_told_before_the_role():
    given(issued(), *activated("a"), SUSPENDED).when(register("a")).refused(
        refusals.LicenseSuspended(license="lic")
    )


def test_a_license_that_was_never_issued_is_unknown():
    given().when(register("b")).refused(refusals.UnknownLicense(license="lic"))


def test_an_activation_key_must_fit():
    given(issued()).when(register("b", key_digest=KEY_DIGEST)).then(*registered("b"))
    given(issued()).when(register("b", key_digest="cd" * 32)).refused(
        refusals.UnknownActivationKey()
    )


def test_unregistering_leaves_a_fresh_installation():
    world = given(issued(), *registered("b", standby_for="a"))
    told = world.when(unregister("b"))
    told.then(*unregistered("b"))
    world.record(*told.events)
    released = world.states["deployment:b"]
    assert isinstance(released, Deployment)
    assert (released.role, released.license, released.mode) == (Role.UNLICENSED, None, None)
    assert (released.standby_for, released.term) == (None, None)


@pytest.mark.parametrize("end", [REVOKED, SUSPENDED], ids=["revoked", "suspended"])
def test_a_backup_can_always_be_unregistered(end: Event):
    given(issued(), *registered("b"), end).when(unregister("b")).then(*unregistered("b"))


def test_also_when_the_license_has_expired():
    world = given(issued(expires_at=NOW), *registered("b"))
    world.when(unregister("b"), at=NOW + SECOND).then(*unregistered("b"))
