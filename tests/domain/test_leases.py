"""What changes of role ask a deployment to confirm, and how long leases last."""

import pytest

from hotslot.domain import commands, refusals
from hotslot.domain.deployment import Deployment, Duty, Owed, Waiting
from hotslot.domain.events import (
    DeploymentStoodDown,
    DeploymentTookOver,
    Event,
    LicenseLeaseChanged,
    LicenseRevoked,
)
from tests.domain.given import Given, given
from tests.domain.words import (
    activated,
    deactivated,
    issued,
    nominate,
    nominated,
    registered,
    stands_down,
    takes_over,
    unregistered,
)


def took_over(deployment: str, term: int) -> DeploymentTookOver:
    return DeploymentTookOver(deployment=deployment, license="lic", term=term)


def stood_down(deployment: str, term: int) -> DeploymentStoodDown:
    return DeploymentStoodDown(deployment=deployment, license="lic", term=term)


FAILED_OVER = (
    issued(),
    *activated("a", term=1),
    took_over("a", 1),
    *registered("b", term=1),
    *nominated("b", replaced="a", term=2),
)


def owed(world: Given, deployment: str) -> Owed | None:
    state = world.states[f"deployment:{deployment}"]
    assert isinstance(state, Deployment)
    return state.owes


def test_after_a_nomination_one_takes_over_and_one_stands_down():
    world = given(*FAILED_OVER)
    assert owed(world, "a") == Owed(Duty.STAND_DOWN, "lic", 1)
    assert owed(world, "b") == Owed(Duty.TAKE_OVER, "lic", 2)
    world.when(stands_down("a", 1)).then(stood_down("a", 1))
    world.when(takes_over("b", 2)).then(took_over("b", 2))


def test_it_is_confirmed_once():
    world = given(*FAILED_OVER, stood_down("a", 1), took_over("b", 2))
    world.when(stands_down("a", 1)).nothing()
    world.when(takes_over("b", 2)).nothing()


def test_what_was_confirmed_counts_for_that_role_only():
    """A lease was given, and before that is recorded, a nomination takes the role away."""
    world = given(*FAILED_OVER, *registered("c", term=2), *nominated("c", replaced="b", term=3))
    world.when(takes_over("b", 2)).nothing()
    world.when(stands_down("b", 2)).then(stood_down("b", 2))


def test_who_is_active_again_has_not_stood_down():
    again = (*deactivated("b", term=3), *activated("a", term=4))
    world = given(*FAILED_OVER, *again)
    world.when(stands_down("a", 1)).nothing()
    world.when(takes_over("a", 1)).nothing()
    world.when(takes_over("a", 4)).then(took_over("a", 4))


@pytest.mark.parametrize(
    ("history", "duty"),
    [
        ((), Owed(Duty.TAKE_OVER, "lic", 1)),
        (deactivated("a", term=2), Owed(Duty.STAND_DOWN, "lic", 1)),
        (
            (*deactivated("a", term=2), *registered("a", term=2)),
            Owed(Duty.STAND_DOWN, "lic", 1),
        ),
        (
            (*deactivated("a", term=2), *registered("a", term=2), *unregistered("a")),
            Owed(Duty.STAND_DOWN, "lic", 1),
        ),
        ((*deactivated("a", term=2), *activated("a", term=3)), Owed(Duty.TAKE_OVER, "lic", 3)),
    ],
)
def test_what_is_owed_lasts_until_the_next_active_role(history: tuple[Event, ...], duty: Owed):
    assert owed(given(issued(), *activated("a", term=1), *history), "a") == duty


def test_a_backup_owes_nothing():
    assert owed(given(issued(), *registered("b")), "b") is None
    given(issued(), *registered("b")).when(takes_over("b", 0)).nothing()


def test_one_that_was_never_seen_owes_nothing():
    given().when(stands_down("x", 1)).nothing()


def test_a_nomination_may_wait_for_the_end_of_the_former():
    world = given(issued(), *activated("a", term=1), *registered("b", term=1))
    events = nominated("b", replaced="a", term=2, waits=True)
    world.when(nominate("b", wait_for_release=True)).then(*events)
    state = world.record(*events).states["deployment:b"]
    assert isinstance(state, Deployment)
    assert state.waits_for == Waiting("a", 1)


def test_with_nobody_to_replace_there_is_nothing_to_wait_for():
    world = given(issued(), *registered("b"))
    (_, promoted) = world.when(nominate("b", wait_for_release=True)).events
    assert getattr(promoted, "waits_for", "") is None


def test_leases_last_as_long_as_the_license_says():
    world = given(issued())
    assert world.license().lease_seconds == 60
    changed = LicenseLeaseChanged(license="lic", seconds=10)
    command = commands.SetLease(license="lic", seconds=10)
    world.when(command).then(changed)
    world.record(changed).when(command).nothing()
    assert world.license().lease_seconds == 10


def test_those_of_a_revoked_license_are_not_changed():
    world = given(issued(), LicenseRevoked(license="lic"))
    world.when(commands.SetLease(license="lic", seconds=10)).refused(
        refusals.LicenseRevoked(license="lic")
    )
