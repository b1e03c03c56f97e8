"""What an asker with limits may do, and what is told to it."""

from collections.abc import Sequence

import msgspec
import pytest

from hotslot.domain import refusals
from hotslot.domain.asker import Asker
from hotslot.domain.commands import Command, SuspendLicense
from hotslot.domain.events import Actor, Event, LicenseSuspended
from hotslot.domain.refusals import Refusal
from tests.domain.given import PERSON, Given, given
from tests.domain.words import (
    activate,
    activated,
    deactivate,
    deactivated,
    issued,
    nominate,
    register,
    registered,
    unregister,
    unregistered,
)

OF_ACME = Asker(PERSON, customer="acme")
OF_BOLT = Asker(PERSON, customer="bolt")
UNDER_LIC = Asker(Actor("activation-key", "lic"), customer="acme", license="lic")
UNDER_OTHER = Asker(Actor("activation-key", "other"), customer="acme", license="other")

STRANGERS = pytest.mark.parametrize("stranger", [OF_BOLT, UNDER_OTHER], ids=["customer", "license"])


def two_licenses() -> Given:
    """Licenses `lic` and `other` of acme, `a` active and `b` a backup on the first."""
    return given(issued(), issued("other"), *activated("a"), *registered("b"))


@STRANGERS
@pytest.mark.parametrize("command", [activate("c"), register("c")])
def test_to_a_stranger_the_license_is_unknown(stranger: Asker, command: Command):
    two_licenses().when(command, stranger).refused(refusals.UnknownLicense(license="lic"))


def test_nor_can_it_be_administered():
    told = two_licenses().when(SuspendLicense(license="lic"), OF_BOLT)
    told.refused(refusals.UnknownLicense(license="lic"))
    assert told.record is None


@STRANGERS
@pytest.mark.parametrize(
    "command", [deactivate("a"), unregister("b"), nominate("b"), nominate("a"), deactivate("b")]
)
def test_to_a_stranger_the_deployment_is_unknown(stranger: Asker, command: Command):
    told = two_licenses().when(command, stranger)
    assert isinstance(told.decision, refusals.UnknownDeployment)


@pytest.mark.parametrize("asker", [OF_ACME, UNDER_LIC], ids=["customer", "license"])
def test_who_belongs_there_may_act(asker: Asker):
    world = two_licenses()
    world.when(deactivate("a"), asker).then(*deactivated("a", term=2))
    world.when(unregister("b"), asker).then(*unregistered("b"))


@pytest.mark.parametrize("asker", [OF_BOLT, UNDER_OTHER])
@pytest.mark.parametrize("command", [deactivate("c"), unregister("c"), nominate("c")])
def test_one_that_was_never_seen_looks_the_same_as_a_hidden_one(asker: Asker, command: Command):
    told = two_licenses().when(command, asker)
    told.refused(refusals.UnknownDeployment(deployment="c"))


def test_a_released_deployment_still_belongs_to_its_last_license():
    world = two_licenses().record(*deactivated("a", term=2))
    world.when(deactivate("a"), OF_ACME).refused(
        refusals.NotActive(deployment="a", role="unlicensed")
    )
    world.when(deactivate("a"), OF_BOLT).refused(refusals.UnknownDeployment(deployment="a"))


def test_what_another_customer_holds_is_not_named():
    world = two_licenses().record(issued("bolts", customer="bolt"))
    told = world.when(activate("a", license_id="bolts"), OF_BOLT)
    told.refused(refusals.UnknownDeployment(deployment="a"))
    assert told.record is not None
    assert (told.record.license, told.record.deployment) == ("bolts", "a")


FULL = refusals.NoFreeSlot(deployment="a", license="bolts", slots=1, holders=("x",))


@pytest.mark.parametrize(
    ("happened", "refusal"),
    [
        (activated("x", license_id="bolts"), FULL),
        ([LicenseSuspended(license="bolts")], refusals.LicenseSuspended(license="bolts")),
    ],
    ids=["full", "suspended"],
)
def test_it_is_told_no_more_of_than_one_that_was_never_seen(
    happened: Sequence[Event], refusal: Refusal
):
    world = two_licenses().record(issued("bolts", customer="bolt"), *happened)
    world.when(activate("a", license_id="bolts"), OF_BOLT).refused(refusal)
    if isinstance(refusal, refusals.NoFreeSlot):
        refusal = msgspec.structs.replace(refusal, deployment="new")
    world.when(activate("new", license_id="bolts"), OF_BOLT).refused(refusal)


def test_nor_does_the_record_name_it_where_another_customer_reads():
    """Whoever is not limited is told all; the record stands on a license of another customer."""
    world = two_licenses().record(issued("bolts", customer="bolt"))
    told = world.when(activate("a", license_id="bolts"))
    told.refused(refusals.BoundToAnotherLicense(deployment="a", license="lic", role="active"))
    assert told.record is not None
    assert (told.record.license, told.record.code) == ("bolts", "bound-to-another-license")
    assert told.record.detail.startswith("a is active on a license of another customer.")


def test_another_license_of_the_same_customer_is_named():
    world = two_licenses()
    told = world.when(activate("a", license_id="other"), OF_ACME)
    told.refused(refusals.BoundToAnotherLicense(deployment="a", license="lic", role="active"))
    assert told.record is not None
    assert "license lic" in told.record.detail


def test_a_deployment_of_nobody_may_come_to_any_customer():
    given(issued()).when(activate("a"), OF_ACME).then(*activated("a"))
