"""Activate and deactivate."""

import pytest

from hotslot.domain import refusals
from hotslot.domain.events import Event, LicenseRevoked, LicenseSuspended
from tests.domain.given import NOW, SECOND, given
from tests.domain.words import (
    KEY_DIGEST,
    OFFLINE,
    ONLINE,
    activate,
    activated,
    deactivate,
    deactivated,
    issued,
    registered,
    unregistered,
)

REVOKED = LicenseRevoked(license="lic")
SUSPENDED = LicenseSuspended(license="lic")


def test_a_deployment_takes_a_free_slot():
    given(issued()).when(activate("a")).then(*activated("a", term=1))


def test_every_activation_begins_a_new_term():
    world = given(issued(slots=2), *activated("a", term=1))
    world.when(activate("b")).then(*activated("b", term=2))


def test_activating_what_is_active_changes_nothing():
    given(issued(), *activated("a")).when(activate("a")).nothing()


@pytest.mark.parametrize("end", [REVOKED, SUSPENDED], ids=["revoked", "suspended"])
def test_it_changes_nothing_whatever_has_become_of_the_license(end: Event):
    given(issued(), *activated("a"), end).when(activate("a")).nothing()


def test_a_full_license_says_who_holds_its_slots():
    world = given(issued(slots=2), *activated("a", term=1), *activated("b", term=2))
    world.when(activate("c")).refused(
        refusals.NoFreeSlot(deployment="c", license="lic", slots=2, holders=("a", "b"))
    )


def test_a_slot_that_was_given_back_is_free():
    world = given(issued(), *activated("a", term=1), *deactivated("a", term=2))
    world.when(activate("b")).then(*activated("b", term=3))


def test_backups_take_no_slot():
    world = given(issued(), *registered("b"), *registered("c"))
    world.when(activate("a")).then(*activated("a", term=1))


def test_a_backup_is_not_activated_directly():
    given(issued(slots=5), *registered("b")).when(activate("b")).refused(
        refusals.BackupCannotActivate(deployment="b", license="lic", mode="online")
    )


def test_a_backup_that_was_unregistered_is_activated_like_any_other():
    world = given(issued(), *registered("b"), *unregistered("b"))
    world.when(activate("b")).then(*activated("b", term=1))


@pytest.mark.parametrize("role", ["active", "backup"])
def test_a_deployment_holds_a_role_on_one_license_only(role: str):
    held = (
        activated("a", license_id="other")
        if role == "active"
        else registered("a", license_id="other")
    )
    given(issued(), issued("other"), *held).when(activate("a")).refused(
        refusals.BoundToAnotherLicense(deployment="a", license="other", role=role)
    )


def test_a_deployment_may_move_to_another_license_once_it_is_released():
    world = given(
        issued(),
        issued("other"),
        *activated("a", license_id="other"),
        *deactivated("a", term=2, license_id="other"),
    )
    world.when(activate("a")).then(*activated("a", term=1))


@pytest.mark.parametrize(
    ("ending", "refusal"),
    [
        ([SUSPENDED], refusals.LicenseSuspended(license="lic")),
        ([REVOKED], refusals.LicenseRevoked(license="lic")),
        ([SUSPENDED, REVOKED], refusals.LicenseRevoked(license="lic")),
    ],
    ids=["suspended", "revoked", "suspended, then revoked"],
)
def test_a_license_without_rights_gives_no_slot(ending: list[Event], refusal: refusals.Refusal):
    given(issued(), *ending).when(activate("a")).refused(refusal)


def test_a_license_expires_at_its_instant_and_not_before():
    world = given(issued(expires_at=NOW))
    world.when(activate("a"), at=NOW - SECOND / 1_000_000).then(*activated("a"))
    world.when(activate("a"), at=NOW).refused(
        refusals.LicenseExpired(license="lic", expires_at=NOW)
    )


def test_a_suspension_is_told_before_the_end_of_validity():
    given(issued(expires_at=NOW), SUSPENDED).when(activate("a")).refused(
        refusals.LicenseSuspended(license="lic")
    )


def test_the_state_of_the_license_is_told_before_all_else():
    elsewhere = registered("b", license_id="other")
    given(issued(), issued("other"), *activated("a"), *elsewhere, SUSPENDED).when(
        activate("b")
    ).refused(refusals.LicenseSuspended(license="lic"))


def test_being_bound_elsewhere_is_told_before_the_role_and_the_slots():
    elsewhere = registered("b", license_id="other")
    given(issued(), issued("other"), *activated("a"), *elsewhere).when(activate("b")).refused(
        refusals.BoundToAnotherLicense(deployment="b", license="other", role="backup")
    )


def test_the_role_is_told_before_the_slots():
    given(issued(), *activated("a"), *registered("b")).when(activate("b")).refused(
        refusals.BackupCannotActivate(deployment="b", license="lic", mode="online")
    )


def test_a_license_that_was_never_issued_is_unknown():
    given().when(activate("a")).refused(refusals.UnknownLicense(license="lic"))


def test_an_activation_key_that_fits_opens_the_license():
    given(issued()).when(activate("a", key_digest=KEY_DIGEST)).then(*activated("a"))


@pytest.mark.parametrize("license_id", ["lic", "never-issued"])
def test_one_that_does_not_fit_says_no_more_than_that(license_id: str):
    told = given(issued()).when(activate("a", license_id=license_id, key_digest="cd" * 32))
    told.refused(refusals.UnknownActivationKey())
    assert told.record is None


def test_another_mode_begins_the_role_anew_in_the_same_slot():
    given(issued(), *activated("a", term=1)).when(activate("a", mode=OFFLINE)).then(
        *deactivated("a", term=2), *activated("a", term=3, mode=OFFLINE)
    )


def test_deactivation_frees_the_slot_and_begins_a_new_term():
    given(issued(), *activated("a", term=1)).when(deactivate("a")).then(*deactivated("a", term=2))


@pytest.mark.parametrize("end", [REVOKED, SUSPENDED], ids=["revoked", "suspended"])
def test_a_deployment_can_always_be_deactivated(end: Event):
    world = given(issued(), *activated("a", term=1), end)
    world.when(deactivate("a")).then(*deactivated("a", term=2))


def test_also_when_the_license_has_expired():
    world = given(issued(expires_at=NOW), *activated("a", term=1))
    world.when(deactivate("a"), at=NOW + SECOND).then(*deactivated("a", term=2))


@pytest.mark.parametrize(
    ("history", "role"),
    [
        ((), "unlicensed"),
        (registered("a"), "backup"),
        ((*registered("a"), *unregistered("a")), "unlicensed"),
    ],
    ids=["never seen", "backup", "released"],
)
def test_only_an_active_deployment_is_deactivated(history: tuple[Event, ...], role: str):
    given(issued(), *history).when(deactivate("a")).refused(
        refusals.NotActive(deployment="a", role=role)
    )


def test_deactivating_the_wrong_one_of_two_touches_nothing():
    world = given(issued(slots=2), *activated("a", term=1), *activated("b", term=2))
    world.record(*world.when(deactivate("b")).events)
    assert set(world.license().active) == {"a"}
    assert world.license().active["a"].mode is ONLINE
