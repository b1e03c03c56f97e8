"""License files: making one, and what a license is that came in one."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from hotslot.domain import commands, refusals
from hotslot.domain.asker import Asker
from hotslot.domain.events import (
    Actor,
    Event,
    LicenseRenewed,
    LicenseResized,
    LicenseRevoked,
    LicenseSuspended,
)
from hotslot.domain.license import License
from hotslot.domain.refusals import Refusal
from tests.domain.given import NOW, SECOND, given
from tests.domain.words import (
    FILED,
    OFFLINE,
    SIGNING_KEY,
    activate,
    activated,
    deactivate,
    deactivated,
    file,
    file_issued,
    imported,
    issue_file,
    issued,
    nominate,
    register,
    registered,
    trusted,
    unregister,
    unregistered,
)

LATER = FILED + SECOND
REVOKED = LicenseRevoked(license="lic")


def at_now(**terms: Any) -> Event:
    return file_issued(file(issued_at=NOW, **terms))


class TestMakingOne:
    def test_it_says_what_the_license_is(self):
        world = given(issued(slots=3, expires_at=NOW + SECOND))
        world.when(issue_file()).then(at_now(slots=3, expires_at=NOW + SECOND))
        world.when(issue_file(deployment="a")).then(
            at_now(slots=3, expires_at=NOW + SECOND, deployment="a")
        )

    def test_the_last_one_is_given_again_while_it_says_all_that_a_new_one_would(self):
        world = given(issued(), file_issued(file(deployment="a")))
        world.when(issue_file(deployment="a")).nothing()
        world.when(issue_file(deployment="b")).then(at_now(deployment="b"))
        world.when(issue_file()).then(at_now())

    @pytest.mark.parametrize(
        ("change", "terms"),
        [
            (LicenseResized(license="lic", slots=2), {"slots": 2}),
            (LicenseRenewed(license="lic", expires_at=NOW + SECOND), {"expires_at": NOW + SECOND}),
        ],
    )
    def test_a_changed_license_gets_a_new_one(self, change, terms):
        given(issued(), file_issued(file()), change).when(issue_file()).then(at_now(**terms))

    def test_another_signing_key_makes_a_new_one(self):
        command = commands.IssueFile(license="lic", deployment=None, key="the-next-key")
        (event,) = given(issued(), file_issued(file())).when(command).events
        assert getattr(event, "key", None) == "the-next-key"

    def test_each_is_newer_than_the_one_before_even_when_the_clock_was_set_back(self):
        world = given(issued(), file_issued(file(issued_at=NOW)))
        (event,) = world.when(issue_file(deployment="a"), at=NOW - SECOND).events
        assert event == file_issued(file(issued_at=NOW + timedelta(microseconds=1), deployment="a"))

    def test_a_license_without_rights_gets_none(self):
        given(issued(), LicenseSuspended(license="lic")).when(issue_file()).refused(
            refusals.LicenseSuspended(license="lic")
        )

    def test_of_an_imported_license_only_the_vendor_makes_files(self):
        given(imported(file())).when(issue_file()).refused(
            refusals.LicenseIssuedElsewhere(license="lic")
        )

    def test_it_does_not_change_the_license(self):
        world = given(issued())
        before = world.license().tag(NOW)
        world.record(file_issued(file()))
        assert world.license().tag(NOW) == before


class TestAnImportedLicense:
    def test_its_terms_are_not_changed_here(self):
        world, elsewhere = given(imported(file())), refusals.LicenseIssuedElsewhere(license="lic")
        world.when(commands.ResizeLicense(license="lic", slots=9)).refused(elsewhere)
        world.when(commands.RenewLicense(license="lic", expires_at=None)).refused(elsewhere)

    def test_it_may_be_suspended_here(self):
        world = given(imported(file()))
        suspended = LicenseSuspended(license="lic")
        world.when(commands.SuspendLicense(license="lic")).then(suspended)
        world.record(suspended).when(activate("a", shown=trusted(file()))).refused(
            refusals.LicenseSuspended(license="lic")
        )

    def test_a_newer_file_does_not_end_a_suspension(self):
        world = given(imported(file()), LicenseSuspended(license="lic"))
        world.record(imported(file(issued_at=LATER)))
        assert world.license().suspended

    @pytest.mark.parametrize(
        ("history", "command", "refusal"),
        [
            (
                activated("a", mode=OFFLINE),
                activate("b", shown=trusted(file())),
                refusals.NoFreeSlot(
                    deployment="b", license="lic", slots=1, holders=("a",), imported=True
                ),
            ),
            (
                registered("b", mode=OFFLINE),
                activate("b", shown=trusted(file())),
                refusals.BackupCannotActivate(
                    deployment="b", license="lic", mode="offline", imported=True
                ),
            ),
            (
                activated("a", mode=OFFLINE),
                register("a", shown=trusted(file())),
                refusals.ActiveCannotBeBackup(deployment="a", license="lic", imported=True),
            ),
            (
                [REVOKED],
                activate("a", shown=trusted(file())),
                refusals.LicenseRevoked(license="lic", imported=True),
            ),
            (
                [REVOKED],
                commands.RenewLicense(license="lic", expires_at=None),
                refusals.LicenseRevoked(license="lic", imported=True),
            ),
            (
                [imported(file(expires_at=NOW)), *registered("b", mode=OFFLINE)],
                nominate("b"),
                refusals.LicenseExpired(license="lic", expires_at=NOW, imported=True),
            ),
        ],
    )
    def test_the_ways_out_are_those_of_an_imported_one(self, history, command, refusal):
        given(imported(file()), *history).when(command).refused(refusal)

    def test_no_activation_key_fits_it(self):
        told = given(imported(file())).when(activate("a", key_digest="ab" * 32))
        told.refused(refusals.UnknownActivationKey())


class TestTheOfflineProcedure:
    def test_the_three_steps(self):
        shown = trusted(file())
        world = given(imported(file()), *activated("a", mode=OFFLINE))
        world.record(*registered("b", mode=OFFLINE, term=1))
        world.when(nominate("b")).refused(
            refusals.OfflineBackupCannotBeNominated(deployment="b", license="lic", actives=("a",))
        )
        steps = (
            (deactivate("a"), deactivated("a", term=2)),
            (unregister("b"), unregistered("b")),
            (activate("b", shown=shown), activated("b", mode=OFFLINE, term=3)),
        )
        for command, events in steps:
            world.when(command).then(*events)
            world.record(*events)
        assert list(world.license().active) == ["b"]

    def test_the_active_one_named_by_standby_is_the_one_to_deactivate(self):
        world = given(imported(file(slots=2)))
        world.record(*activated("a", mode=OFFLINE), *activated("c", mode=OFFLINE, term=2))
        world.record(*registered("b", mode=OFFLINE, standby_for="c", term=2))
        world.when(nominate("b")).refused(
            refusals.OfflineBackupCannotBeNominated(deployment="b", license="lic", actives=("c",))
        )

    @pytest.mark.parametrize(("bound_to", "is_told"), [("a", True), ("b", False), (None, False)])
    def test_it_is_told_in_time_that_the_file_is_for_another(self, bound_to, is_told):
        """Found out at the third step, it is too late: the active one is released by then."""
        world = given(imported(file()), imported(file(deployment=bound_to, issued_at=LATER)))
        world.record(*activated("a", mode=OFFLINE), *registered("b", mode=OFFLINE, term=1))
        told = world.when(nominate("b"))
        told.refused(
            refusals.OfflineBackupCannotBeNominated(
                deployment="b", license="lic", actives=("a",), bound_to=bound_to
            )
        )
        assert told.record is not None
        told_first = "activates a only: before the first step" in told.record.detail
        call = "GET /v1/licenses/lic/file?deployment=b" in told.record.detail
        assert (told_first, call) == (is_told, is_told)
        assert "same reason on all three steps" in told.record.detail
        assert isinstance(told.decision, Refusal)
        assert [remedy.action for remedy in told.decision.remedies()] == [
            "deactivate",
            "unregister",
            "activate",
        ]


class TestWhoMay:
    @pytest.mark.parametrize(
        "asker",
        [
            Asker(Actor("key", "k"), customer="another"),
            Asker(Actor("activation-key", "other"), customer="acme", license="other"),
        ],
    )
    @pytest.mark.parametrize("history", [(), (imported(file()),)])
    def test_not_an_asker_for_another_customer_or_license(self, asker, history):
        told = given(*history).when(activate("a", shown=trusted(file())), asker)
        told.refused(refusals.UnknownLicense(license="lic"))

    def test_an_asker_for_its_customer(self):
        asker = Asker(Actor("key", "k"), customer="acme")
        told = given().when(activate("a", shown=trusted(file())), asker)
        told.then(imported(file()), *activated("a", mode=OFFLINE))


class TestAForgedOne:
    FORGED = commands.RejectFile(
        command="register",
        deployment="a",
        refusal=refusals.LicenseFileSignatureInvalid(),
        digest="ef" * 32,
    )

    def test_the_attempt_is_kept_with_the_deployment(self):
        told = given().when(self.FORGED)
        told.refused(refusals.LicenseFileSignatureInvalid())
        assert told.record is not None
        assert (told.record.command, told.record.license, told.record.deployment) == (
            "register",
            None,
            "a",
        )
        assert told.record.asked == {"deployment": "a", "mode": "offline", "digest": "ef" * 32}

    def test_or_with_its_license(self):
        told = given(issued(), *activated("a")).when(self.FORGED)
        assert told.record is not None
        assert told.record.license == "lic"

    def test_different_forgeries_are_told_apart(self):
        other = msgspec.structs.replace(self.FORGED, digest="01" * 32)
        records = [given().when(command).record for command in (self.FORGED, other)]
        assert [record and record.asked["digest"] for record in records] == ["ef" * 32, "01" * 32]

    def test_but_not_where_the_asker_may_not_look(self):
        asker = Asker(Actor("key", "k"), customer="another")
        assert given(issued(), *activated("a")).when(self.FORGED, asker).record is None
        assert given().when(self.FORGED, asker).record is not None


def test_what_an_imported_license_is():
    state = given(imported(file(slots=2, expires_at=NOW))).license()
    assert state == License(
        id="lic",
        product="scanner",
        customer="acme",
        slots=2,
        expires_at=NOW,
        activation_key_sha256=None,
        imported_file_of=FILED,
        imported_key=SIGNING_KEY,
        imported_for=None,
        position=1,
    )
