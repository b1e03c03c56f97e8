"""Nominate: who becomes active, and who is replaced."""

import pytest

from hotslot.domain import refusals
from hotslot.domain.events import Event, LicenseRevoked, LicenseSuspended
from tests.domain.given import NOW, Given, given
from tests.domain.words import (
    OFFLINE,
    activated,
    deactivated,
    issued,
    nominate,
    nominated,
    registered,
    unregistered,
)

SUSPENDED = LicenseSuspended(license="lic")
REVOKED = LicenseRevoked(license="lic")


def three_actives(*, standby_for: str | None = None) -> Given:
    actives = (e for term, d in enumerate("xyz", 1) for e in activated(d, term=term))
    return given(issued(slots=3), *actives, *registered("b", standby_for=standby_for, term=3))


def test_the_only_active_one_is_replaced():
    world = given(issued(), *activated("a", term=1), *registered("b", term=1))
    told = world.when(nominate("b"))
    told.then(*nominated("b", replaced="a", term=2))
    license_ = world.record(*told.events).license()
    assert set(license_.active) == {"b"}
    assert (license_.backup_count, license_.term) == (0, 2)


def test_the_one_that_is_named_is_replaced():
    three_actives().when(nominate("b", replaces="y")).then(
        *nominated("b", replaced="y", since=2, term=4)
    )


def test_the_one_that_it_stands_by_for_is_replaced():
    three_actives(standby_for="z").when(nominate("b")).then(
        *nominated("b", replaced="z", since=3, term=4)
    )


def test_a_name_goes_before_the_standby():
    three_actives(standby_for="z").when(nominate("b", replaces="x")).then(
        *nominated("b", replaced="x", term=4)
    )


def test_with_several_active_and_none_named_it_is_refused():
    three_actives().when(nominate("b")).refused(
        refusals.ActiveIsAmbiguous(deployment="b", actives=("x", "y", "z"))
    )


def test_also_when_the_one_that_it_stands_by_for_is_gone():
    world = three_actives(standby_for="z").record(*deactivated("z", term=4))
    world.when(nominate("b")).refused(
        refusals.ActiveIsAmbiguous(deployment="b", actives=("x", "y"))
    )


def test_of_one_left_active_there_is_no_doubt():
    world = three_actives(standby_for="z")
    world.record(*deactivated("z", term=4), *deactivated("x", term=5))
    world.when(nominate("b")).then(*nominated("b", replaced="y", since=2, term=6))


def test_with_none_active_it_takes_a_free_slot():
    given(issued(), *registered("b", standby_for="gone")).when(nominate("b")).then(
        *nominated("b", replaced=None, term=1)
    )


@pytest.mark.parametrize(
    "named", ["nobody", "c", "b"], ids=["never seen", "a backup", "the nominated one"]
)
def test_the_one_that_is_named_must_be_active(named: str):
    world = given(issued(), *activated("a", term=1), *registered("b"), *registered("c"))
    world.when(nominate("b", replaces=named)).refused(
        refusals.ReplacedIsNotActive(deployment="b", replaces=named, license="lic", actives=("a",))
    )


def test_with_none_active_a_name_is_still_meant():
    given(issued(), *registered("b")).when(nominate("b", replaces="a")).refused(
        refusals.ReplacedIsNotActive(deployment="b", replaces="a", license="lic", actives=())
    )


def test_one_that_is_active_on_another_license_is_not_replaced():
    world = given(issued(), issued("other"), *activated("a", license_id="other"), *registered("b"))
    world.when(nominate("b", replaces="a")).refused(
        refusals.ReplacedIsNotActive(deployment="b", replaces="a", license="lic", actives=())
    )


def test_the_backups_that_are_left_can_be_nominated_next():
    world = given(issued(), *activated("a", term=1), *registered("b"), *registered("c"))
    world.record(*world.when(nominate("b")).events)
    world.when(nominate("c")).then(*nominated("c", replaced="b", since=2, term=3))


def test_the_one_that_was_replaced_is_no_backup():
    world = given(issued(), *activated("a", term=1), *registered("b"))
    world.record(*world.when(nominate("b")).events)
    world.when(nominate("a")).refused(
        refusals.NotABackup(deployment="a", role="unlicensed", command="nominate")
    )


@pytest.mark.parametrize(
    ("history", "role"),
    [
        ((), "unlicensed"),
        (activated("b"), "active"),
        ((*registered("b"), *unregistered("b")), "unlicensed"),
    ],
    ids=["never seen", "active", "released"],
)
@pytest.mark.parametrize("end", [(), (SUSPENDED,)], ids=["valid", "suspended"])
def test_only_a_backup_is_nominated(history: tuple[Event, ...], role: str, end: tuple[Event, ...]):
    given(issued(), *history, *end).when(nominate("b")).refused(
        refusals.NotABackup(deployment="b", role=role, command="nominate")
    )


@pytest.mark.parametrize(
    ("end", "refusal"),
    [
        (SUSPENDED, refusals.LicenseSuspended(license="lic")),
        (REVOKED, refusals.LicenseRevoked(license="lic")),
    ],
    ids=["suspended", "revoked"],
)
def test_a_license_without_rights_gives_none_to_a_backup(end: Event, refusal: refusals.Refusal):
    given(issued(), *activated("a"), *registered("b"), end).when(nominate("b")).refused(refusal)


def test_nor_does_an_expired_one():
    world = given(issued(expires_at=NOW), *activated("a"), *registered("b"))
    world.when(nominate("b")).refused(refusals.LicenseExpired(license="lic", expires_at=NOW))


def test_an_offline_backup_cannot_be_nominated():
    world = given(issued(), *activated("a"), *registered("b", mode=OFFLINE))
    world.when(nominate("b")).refused(
        refusals.OfflineBackupCannotBeNominated(deployment="b", license="lic", actives=("a",))
    )


@pytest.mark.parametrize("replaces", ["a", "nobody"])
def test_not_even_in_place_of_a_named_one(replaces: str):
    world = given(issued(), *activated("a"), *registered("b", mode=OFFLINE))
    world.when(nominate("b", replaces)).refused(
        refusals.OfflineBackupCannotBeNominated(deployment="b", license="lic", actives=("a",))
    )


def test_nor_with_several_active_or_none():
    actives = (*activated("x", term=1), *activated("y", term=2))
    given(issued(slots=2), *actives, *registered("b", mode=OFFLINE)).when(nominate("b")).refused(
        refusals.OfflineBackupCannotBeNominated(deployment="b", license="lic", actives=("x", "y"))
    )
    given(issued(), *registered("b", mode=OFFLINE)).when(nominate("b")).refused(
        refusals.OfflineBackupCannotBeNominated(deployment="b", license="lic", actives=())
    )


def test_the_state_of_the_license_is_told_before_the_offline_mode():
    given(issued(), *registered("b", mode=OFFLINE), SUSPENDED).when(nominate("b")).refused(
        refusals.LicenseSuspended(license="lic")
    )


def test_an_offline_active_one_may_be_replaced_by_an_online_backup():
    world = given(issued(), *activated("a", term=1, mode=OFFLINE), *registered("b"))
    world.when(nominate("b")).then(*nominated("b", replaced="a", term=2))
