"""License files: what one changes that is taken in, and which are refused."""

import pytest

from hotslot.domain import refusals
from hotslot.domain.events import (
    LicenseResized,
)
from hotslot.domain.license_file import Presented
from hotslot.domain.refusals import Refusal
from tests.domain.given import NOW, SECOND, given
from tests.domain.words import (
    FILED,
    OFFLINE,
    SIGNING_KEY,
    activate,
    activated,
    file,
    file_issued,
    imported,
    issued,
    own,
    register,
    registered,
    trusted,
)

LATER = FILED + SECOND


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
