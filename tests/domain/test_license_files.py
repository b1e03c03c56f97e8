"""License files: making one, taking one in, and what roles are taken with one."""

from datetime import timedelta
from typing import Any

import pytest

from hotslot.domain import commands, refusals
from hotslot.domain.asker import Asker
from hotslot.domain.events import Actor, Event, LicenseRenewed, LicenseResized, LicenseSuspended
from hotslot.domain.license import License
from hotslot.domain.license_file import Presented
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
    own,
    register,
    registered,
    trusted,
    unregister,
    unregistered,
)

LATER = FILED + SECOND


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


class TestTakingOneIn:
    def test_a_license_that_is_not_known_is_imported(self):
        shown = file(slots=2, expires_at=NOW + SECOND)
        given().when(activate("a", shown=trusted(shown))).then(
            imported(shown), *activated("a", mode=OFFLINE)
        )
        given().when(register("b", shown=trusted(shown))).then(
            imported(shown), *registered("b", mode=OFFLINE)
        )

    def test_a_license_is_not_made_from_the_servers_own_signature(self):
        given().when(activate("a", shown=own(file()))).refused(
            refusals.UnknownLicense(license="lic")
        )

    def test_known_already_it_is_not_imported_again(self):
        world = given(imported(file(slots=2)), *activated("a", mode=OFFLINE))
        world.when(activate("b", shown=trusted(file(slots=2)))).then(
            *activated("b", mode=OFFLINE, term=2)
        )
        world.when(activate("a", shown=trusted(file(slots=2)))).nothing()

    def test_a_newer_one_updates_slots_and_expiry(self):
        world = given(imported(file()), *activated("a", mode=OFFLINE))
        newer = file(slots=2, expires_at=NOW + SECOND, issued_at=LATER)
        world.when(activate("a", shown=trusted(newer))).then(imported(newer))
        world.when(activate("b", shown=trusted(newer))).then(
            imported(newer), *activated("b", mode=OFFLINE, term=2)
        )
        world.record(imported(newer))
        state = world.license()
        assert (state.slots, state.expires_at, list(state.active)) == (2, NOW + SECOND, ["a"])

    @pytest.mark.parametrize("command", [activate, register])
    def test_an_older_one_is_refused(self, command):
        world = given(imported(file()), imported(file(slots=2, issued_at=LATER)))
        world.when(command("a", shown=trusted(file()))).refused(
            refusals.LicenseFileSuperseded(license="lic", issued_at=FILED, newest_issued_at=LATER)
        )

    def test_also_from_a_deployment_that_is_active_with_it(self):
        world = given(imported(file()), *activated("a", mode=OFFLINE))
        world.record(imported(file(slots=2, issued_at=LATER)))
        decision = world.when(activate("a", shown=trusted(file()))).decision
        assert isinstance(decision, refusals.LicenseFileSuperseded)

    def test_an_older_one_that_gives_the_same_is_as_good(self):
        """Files that are bound to two deployments are made one after the other."""
        for_a, for_b = file(deployment="a"), file(deployment="b", issued_at=LATER)
        world = given(imported(for_b))
        world.when(activate("a", shown=trusted(for_a))).then(*activated("a", mode=OFFLINE))

    def test_on_the_server_that_made_it_an_older_one_is_refused_too(self):
        world = given(issued(slots=2), file_issued(file()))
        world.record(file_issued(file(slots=2, issued_at=LATER)))
        world.when(activate("a", shown=own(file()))).refused(
            refusals.LicenseFileSuperseded(license="lic", issued_at=FILED, newest_issued_at=LATER)
        )

    def test_there_it_changes_nothing_of_the_license(self):
        world = given(issued(slots=1))
        newer = file(slots=5, issued_at=NOW)
        world.when(activate("a", shown=own(newer))).then(*activated("a", mode=OFFLINE))

    def test_an_expired_one_is_refused_whatever_is_known(self):
        shown = trusted(file(expires_at=NOW))
        expired = refusals.LicenseFileExpired(license="lic", expires_at=NOW)
        given().when(activate("a", shown=shown)).refused(expired)
        world = given(imported(file(expires_at=NOW)), *activated("a", mode=OFFLINE))
        world.when(activate("a", shown=shown)).refused(expired)

    @pytest.mark.parametrize("other", [{"product": "x"}, {"customer": "x"}])
    def test_one_for_another_product_or_customer_is_refused(self, other):
        shown = trusted(file(issued_at=LATER, **other))
        given(imported(file())).when(activate("a", shown=shown)).refused(
            refusals.LicenseFileForAnotherProduct(license="lic")
        )

    def test_a_trusted_vendor_says_nothing_about_a_license_of_this_server(self):
        given(issued()).when(activate("a", shown=trusted(file()))).refused(
            refusals.LicenseFileForAnotherProduct(license="lic")
        )

    @pytest.mark.parametrize("command", [activate, register])
    def test_one_of_another_trusted_vendor_is_refused(self, command):
        """A license is its vendor's: others may not take it over under the same id."""
        others = trusted(file(slots=9, issued_at=LATER), "other", frozenset({"other"}))
        world = given(imported(file()), *activated("a", mode=OFFLINE))
        told = world.when(command("b", shown=others))
        told.refused(refusals.LicenseFileForAnotherProduct(license="lic"))
        # Also where it would change nothing.
        same = trusted(file(), "other", frozenset({"other"}))
        world.when(command("b", shown=same)).refused(
            refusals.LicenseFileForAnotherProduct(license="lic")
        )

    def test_another_key_of_the_same_vendor_is_good_and_counts_from_then_on(self):
        keys = frozenset({SIGNING_KEY, "next"})
        newer = file(slots=2, issued_at=LATER)
        world = given(imported(file()), *activated("a", mode=OFFLINE))
        world.when(activate("a", shown=trusted(newer, "next", keys))).then(imported(newer, "next"))
        world.record(imported(newer, "next"))
        # The former key was taken away: the license is known by the next one.
        alone = trusted(newer, "next", frozenset({"next"}))
        world.when(activate("a", shown=alone)).nothing()

    def test_the_vendor_does_not_matter_to_a_license_of_this_server(self):
        """Our own keys are not among any vendor's."""
        shown = Presented(file(), SIGNING_KEY, own=True, vendor=frozenset())
        given(issued()).when(activate("a", shown=shown)).then(*activated("a", mode=OFFLINE))

    @pytest.mark.parametrize("terms", [{"slots": 2}, {"expires_at": NOW + SECOND}])
    @pytest.mark.parametrize("command", [activate, register])
    def test_of_two_files_of_one_time_only_what_was_taken_in_counts(self, command, terms):
        world = given(imported(file()))
        world.when(command("a", shown=trusted(file(**terms)))).refused(
            refusals.LicenseFileSuperseded(license="lic", issued_at=FILED, newest_issued_at=FILED)
        )
        world = given(issued(slots=5), file_issued(file()))
        world.when(command("a", shown=own(file(**terms)))).refused(
            refusals.LicenseFileSuperseded(license="lic", issued_at=FILED, newest_issued_at=FILED)
        )

    def test_one_of_the_same_time_that_gives_the_same_is_good(self):
        world = given(imported(file(deployment="b")))
        world.when(activate("a", shown=trusted(file(deployment="a")))).then(
            *activated("a", mode=OFFLINE)
        )

    @pytest.mark.parametrize("command", [activate, register])
    def test_where_it_was_made_the_newest_holds_though_the_license_was_changed_since(self, command):
        for_a, for_b = file(deployment="a"), file(deployment="b", issued_at=LATER)
        world = given(issued(), file_issued(for_a), file_issued(for_b))
        world.record(LicenseResized(license="lic", slots=2))
        # As good as the newest is also the older one that gives the same.
        for shown in (for_a, for_b):
            told = world.when(command(shown.deployment, shown=own(shown)))
            assert told.events

    def test_slots_in_use_are_not_taken_away(self):
        world = given(imported(file(slots=2)))
        world.record(*activated("a", mode=OFFLINE), *activated("b", mode=OFFLINE, term=2))
        world.when(activate("a", shown=trusted(file(slots=1, issued_at=LATER)))).refused(
            refusals.SlotsInUse(license="lic", used=2, slots=1, holders=("a", "b"))
        )

    def test_nothing_is_imported_when_the_role_is_refused(self):
        shown = trusted(file(deployment="a"))
        told = given().when(activate("b", shown=shown))
        assert isinstance(told.decision, Refusal)
        assert told.record is not None
        assert told.record.license is None
        assert told.record.asked == {
            "deployment": "b",
            "license": "lic",
            "mode": "offline",
            "file": {"digest": shown.file.digest(), "key": SIGNING_KEY},
        }


class TestABoundOne:
    def test_it_activates_its_deployment_only(self):
        shown = trusted(file(deployment="a"))
        given().when(activate("a", shown=shown)).then(
            imported(shown.file), *activated("a", mode=OFFLINE)
        )
        given(imported(shown.file)).when(activate("b", shown=shown)).refused(
            refusals.LicenseFileForAnotherDeployment(deployment="b", license="lic", bound_to="a")
        )

    def test_it_registers_any_as_a_backup(self):
        shown = trusted(file(deployment="a"))
        for deployment in ("a", "b"):
            given(imported(shown.file)).when(register(deployment, shown=shown)).then(
                *registered(deployment, mode=OFFLINE)
            )

    @pytest.mark.parametrize("command", [activate, register])
    def test_there_is_no_way_around_it_without_a_file(self, command):
        given(imported(file(deployment="a"))).when(command("b")).refused(
            refusals.LicenseFileRequired(deployment="b", license="lic", command=command("b").name)
        )


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

    def test_no_activation_key_fits_it(self):
        told = given(imported(file())).when(activate("a", key_digest="ab" * 32))
        told.refused(refusals.UnknownActivationKey())


class TestTheOfflineProcedure:
    def test_the_three_steps(self):
        shown = trusted(file())
        world = given(imported(file()), *activated("a", mode=OFFLINE))
        world.record(*registered("b", mode=OFFLINE, term=1))
        world.when(nominate("b")).refused(
            refusals.OfflineBackupCannotBeNominated(deployment="b", actives=("a",))
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
            refusals.OfflineBackupCannotBeNominated(deployment="b", actives=("c",))
        )


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
        command="register", deployment="a", refusal=refusals.LicenseFileSignatureInvalid()
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
        assert told.record.asked == {"deployment": "a"}

    def test_or_with_its_license(self):
        told = given(issued(), *activated("a")).when(self.FORGED)
        assert told.record is not None
        assert told.record.license == "lic"

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
