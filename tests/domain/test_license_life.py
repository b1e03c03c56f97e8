"""Issue, renew, resize, suspend, reinstate, revoke, and the end by time."""

from datetime import datetime

import pytest

from hotslot.domain import refusals
from hotslot.domain.commands import (
    Command,
    IssueLicense,
    ReinstateLicense,
    RenewLicense,
    ResizeLicense,
    RevokeLicense,
    SuspendLicense,
)
from hotslot.domain.events import (
    Event,
    LicenseReinstated,
    LicenseRenewed,
    LicenseResized,
    LicenseRevoked,
    LicenseSuspended,
)
from hotslot.domain.license import Status
from tests.domain.given import NOW, SECOND, given
from tests.domain.words import KEY_DIGEST, activated, issued, registered

ISSUE = IssueLicense(
    license="lic",
    product="scanner",
    customer="acme",
    slots=1,
    expires_at=None,
    activation_key_sha256=KEY_DIGEST,
)
SUSPEND, REINSTATE = SuspendLicense(license="lic"), ReinstateLicense(license="lic")
REVOKE = RevokeLicense(license="lic")
SUSPENDED, REINSTATED = LicenseSuspended(license="lic"), LicenseReinstated(license="lic")
REVOKED = LicenseRevoked(license="lic")
LATER = NOW + SECOND


def renew(expires_at: datetime | None) -> RenewLicense:
    return RenewLicense(license="lic", expires_at=expires_at)


def resize(slots: int) -> ResizeLicense:
    return ResizeLicense(license="lic", slots=slots)


def test_a_license_is_issued_under_a_fresh_id():
    given().when(ISSUE).then(issued())


def test_an_id_is_used_once():
    given(issued(customer="other")).when(ISSUE).refused(
        refusals.LicenseAlreadyIssued(license="lic")
    )


def test_a_revoked_license_keeps_its_id():
    given(issued(), REVOKED).when(ISSUE).refused(refusals.LicenseAlreadyIssued(license="lic"))


@pytest.mark.parametrize("before", [None, NOW - SECOND, LATER], ids=["never", "past", "coming"])
@pytest.mark.parametrize("after", [None, NOW - SECOND, LATER], ids=["never", "past", "coming"])
def test_the_end_moves_to_any_time(before: datetime | None, after: datetime | None):
    told = given(issued(expires_at=before)).when(renew(after))
    if before == after:
        told.nothing()
    else:
        told.then(LicenseRenewed(license="lic", expires_at=after))


def test_a_renewed_license_gives_rights_again():
    world = given(issued(expires_at=NOW))
    assert world.license().status(NOW) is Status.EXPIRED
    world.record(*world.when(renew(LATER)).events)
    assert world.license().status(NOW) is Status.VALID
    assert world.license().status(LATER) is Status.EXPIRED


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_the_slots_change_to_any_number_that_is_not_below_use(slots: int):
    world = given(issued(slots=3), *activated("a"), *registered("b"), *registered("c"))
    world.when(resize(slots)).then(LicenseResized(license="lic", slots=slots))


def test_the_same_number_changes_nothing():
    given(issued(slots=3)).when(resize(3)).nothing()


def test_slots_in_use_are_not_taken_away():
    world = given(issued(slots=2), *activated("a", term=1), *activated("b", term=2))
    world.when(resize(1)).refused(
        refusals.SlotsInUse(license="lic", used=2, slots=1, holders=("a", "b"))
    )


def test_a_license_is_suspended_and_reinstated():
    world = given(issued())
    world.when(REINSTATE).nothing()
    world.when(SUSPEND).then(SUSPENDED)
    world.record(SUSPENDED)
    assert world.license().status(NOW) is Status.SUSPENDED
    world.when(SUSPEND).nothing()
    world.when(REINSTATE).then(REINSTATED)
    world.record(REINSTATED)
    assert world.license().status(NOW) is Status.VALID


def test_revocation_is_final():
    world = given(issued(), *activated("a"))
    world.when(REVOKE).then(REVOKED)
    world.record(REVOKED)
    world.when(REVOKE).nothing()
    for command in (renew(LATER), resize(1), resize(0), SUSPEND, REINSTATE):
        world.when(command).refused(refusals.LicenseRevoked(license="lic"))


@pytest.mark.parametrize("marks", [(SUSPENDED,), ()], ids=["suspended", "expired"])
def test_a_license_without_rights_is_still_administered(marks: tuple[Event, ...]):
    world = given(issued(expires_at=NOW), *marks)
    world.when(renew(None)).then(LicenseRenewed(license="lic", expires_at=None))
    world.when(resize(9)).then(LicenseResized(license="lic", slots=9))
    world.when(REVOKE).then(REVOKED)


@pytest.mark.parametrize(
    ("marks", "expires_at", "status"),
    [
        ((), None, Status.VALID),
        ((), LATER, Status.VALID),
        ((), NOW, Status.EXPIRED),
        ((SUSPENDED,), NOW, Status.SUSPENDED),
        ((SUSPENDED, REINSTATED), NOW, Status.EXPIRED),
        ((SUSPENDED, REVOKED), NOW, Status.REVOKED),
        ((REVOKED,), None, Status.REVOKED),
    ],
)
def test_the_gravest_mark_is_the_status(
    marks: tuple[Event, ...], expires_at: datetime | None, status: Status
):
    assert given(issued(expires_at=expires_at), *marks).license().status(NOW) is status


def test_the_tag_changes_with_an_event_and_with_the_end_by_time():
    world = given(issued(expires_at=NOW))
    tags = {world.license().tag(NOW - SECOND), world.license().tag(NOW)}
    world.record(SUSPENDED)
    tags.add(world.license().tag(NOW))
    assert len(tags) == 3


@pytest.mark.parametrize("command", [renew(None), resize(1), SUSPEND, REINSTATE, REVOKE])
def test_a_license_that_was_never_issued_is_unknown(command: Command):
    told = given().when(command)
    told.refused(refusals.UnknownLicense(license="lic"))
    assert told.record is None
