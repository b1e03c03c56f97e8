"""What is kept of a refusal, and what a person is told."""

import pytest

from hotslot.domain import refusals
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import CommandRefused, Event
from hotslot.domain.refusals import Refusal
from tests.domain.given import NOW, given
from tests.domain.words import (
    activate,
    activated,
    deactivate,
    issued,
    nominate,
    register,
    registered,
    unregister,
)

FULL = (issued(), *activated("a"), *registered("b"))


def test_a_refusal_is_kept_with_what_was_asked_and_what_was_told():
    told = given(*FULL).when(nominate("b", replaces="x"))
    assert told.record == CommandRefused(
        command="nominate",
        code="replaced-is-not-active",
        license="lic",
        deployment="b",
        asked={"deployment": "b", "replaces": "x"},
        detail="x is not active on license lic. Active are: a.",
    )


def test_what_was_asked_has_no_trace_of_a_key():
    told = given(*FULL).when(register("a", key_digest=issued().activation_key_sha256))
    assert told.record is not None
    assert told.record.asked == {"deployment": "a", "license": "lic", "mode": "online"}


def test_where_no_license_is_concerned_it_stands_with_the_deployment():
    told = given(*FULL).when(unregister("never-seen"))
    assert told.record is not None
    assert (told.record.license, told.record.deployment) == (None, "never-seen")


def test_it_changes_no_state():
    world = given(*FULL)
    before = dict(world.states)
    told = world.when(activate("b"))
    assert told.record is not None
    world.record(told.record)
    assert world.states == before


def test_on_a_deployment_that_was_never_seen_it_leaves_a_fresh_installation():
    world = given()
    told = world.when(deactivate("a"))
    assert told.record is not None
    world.record(told.record)
    assert world.states["deployment:a"] == Deployment(id="a")


A, B = "/v1/deployments/a", "/v1/deployments/b"
FILE = '{"license_file": "{text of the file}"}'


@pytest.mark.parametrize(
    ("refusal", "calls"),
    [
        (
            refusals.BackupCannotActivate(deployment="b", license="lic", mode="online"),
            [f"POST {B}/nomination", f"DELETE {B}/backup", f"PUT {B}/activation"],
        ),
        (
            refusals.BackupCannotActivate(deployment="b", license="lic", mode="offline"),
            [f"DELETE {B}/backup", f"PUT {B}/activation"],
        ),
        (
            refusals.BackupCannotActivate(
                deployment="b", license="lic", mode="offline", imported=True
            ),
            [f"DELETE {B}/backup", f"PUT {B}/activation with {FILE}"],
        ),
        (
            refusals.ActiveCannotBeBackup(deployment="a", license="lic"),
            [f"DELETE {A}/activation", f"PUT {A}/backup"],
        ),
        (
            refusals.ActiveCannotBeBackup(deployment="a", license="lic", imported=True),
            [f"DELETE {A}/activation", f"PUT {A}/backup with {FILE}"],
        ),
        (
            refusals.OfflineBackupCannotBeNominated(deployment="b", license="lic", actives=("a",)),
            [f"DELETE {A}/activation", f"DELETE {B}/backup", f"PUT {B}/activation with"],
        ),
        (
            refusals.OfflineBackupCannotBeNominated(
                deployment="b", license="lic", actives=("x", "y")
            ),
            ["DELETE /v1/deployments/", f"DELETE {B}/backup", f"PUT {B}/activation with"],
        ),
        (
            refusals.OfflineBackupCannotBeNominated(deployment="b", license="lic", actives=()),
            [f"DELETE {B}/backup", f"PUT {B}/activation with"],
        ),
        (
            refusals.LicenseFileForAnotherDeployment(deployment="b", license="lic", bound_to="a"),
            ["GET /v1/licenses/lic/file?deployment=b", f"PUT {B}/backup with {FILE}"],
        ),
        (
            refusals.LicenseFileRequired(deployment="b", license="lic", command="activate"),
            [f'PUT {B}/activation with {{"license_file":'],
        ),
        (
            refusals.LicenseFileRequired(deployment="b", license="lic", command="register"),
            [f'PUT {B}/backup with {{"license_file":'],
        ),
        (
            refusals.BoundToAnotherLicense(deployment="b", license="other", role="backup"),
            [f"DELETE {B}/backup"],
        ),
        (
            refusals.BoundToAnotherLicense(deployment="b", license="other", role="active"),
            [f"DELETE {B}/activation"],
        ),
        (
            refusals.NoFreeSlot(deployment="b", license="lic", slots=1, holders=("a",)),
            [f"DELETE {A}/activation", f"PUT {B}/backup", "POST /v1/licenses/lic/resize"],
        ),
        (
            refusals.NoFreeSlot(
                deployment="b", license="lic", slots=1, holders=("a",), imported=True
            ),
            [
                f"DELETE {A}/activation",
                f"PUT {B}/backup with {FILE}",
                f"PUT {B}/activation with {FILE}",
            ],
        ),
        (refusals.NotActive(deployment="b", role="backup"), [f"DELETE {B}/backup"]),
        (refusals.NotActive(deployment="b", role="unlicensed"), []),
        (
            refusals.NotABackup(deployment="a", role="active", command="unregister"),
            [f"DELETE {A}/activation"],
        ),
        (refusals.NotABackup(deployment="a", role="active", command="nominate"), []),
        (
            refusals.NotABackup(deployment="a", role="unlicensed", command="nominate"),
            [f"PUT {A}/backup"],
        ),
        (refusals.NotABackup(deployment="a", role="unlicensed", command="unregister"), []),
        (
            refusals.ActiveIsAmbiguous(deployment="b", actives=("x", "y")),
            [f'POST {B}/nomination with {{"replaces": "{active}"}}' for active in "xy"],
        ),
        (
            refusals.ReplacedIsNotActive(
                deployment="b", replaces="c", license="lic", actives=("x",)
            ),
            [f'POST {B}/nomination with {{"replaces": "x"}}'],
        ),
        (
            refusals.ReplacedIsNotActive(deployment="b", replaces="c", license="lic", actives=()),
            [f"POST {B}/nomination"],
        ),
        (
            refusals.SlotsInUse(license="lic", used=2, slots=1, holders=("a", "b")),
            [f"DELETE {A}/activation", f"DELETE {B}/activation"],
        ),
        (
            refusals.LicenseExpired(license="lic", expires_at=NOW),
            ["POST /v1/licenses/lic/renewal"],
        ),
        (
            refusals.LicenseExpired(license="lic", expires_at=NOW, imported=True),
            [f"/{{activation or backup, as it is}} with {FILE}"],
        ),
        (refusals.LicenseSuspended(license="lic"), ["POST /v1/licenses/lic/reinstatement"]),
        (refusals.LicenseRevoked(license="lic"), ["POST /v1/licenses"]),
        (refusals.LicenseRevoked(license="lic", imported=True), []),
        (refusals.LicenseFileForAnotherProduct(license="lic"), []),
    ],
    ids=lambda value: value.code if isinstance(value, Refusal) else "",
)
def test_the_remedies_name_the_calls_in_the_order_to_make_them(refusal: Refusal, calls: list[str]):
    told = " ".join(remedy.description for remedy in refusal.remedies())
    for call in calls:
        before, found, told = told.partition(call)
        assert found, (call, before)
    assert "/v1/" not in told


@pytest.mark.parametrize("holders", [10, 11, 500])
def test_a_long_list_of_holders_is_cut_and_the_rest_counted(holders: int):
    names = tuple(f"d{number}" for number in range(holders))
    told = refusals.NoFreeSlot(deployment="x", license="lic", slots=holders, holders=names).detail()
    assert "d9" in told
    assert "d10" not in told
    assert ("more" in told) == (holders > 10)


def test_every_refusal_of_the_catalogue_can_be_told():
    assert all(code == kind.code for code, kind in refusals.CATALOGUE.items())
    statuses = {kind.status for kind in refusals.CATALOGUE.values()}
    assert statuses == {403, 404, 409, 412}


@pytest.mark.parametrize("history", [FULL, (issued(),), ()], ids=["full", "empty", "none"])
def test_every_detail_is_a_sentence_about_what_was_asked(history: tuple[Event, ...]):
    world = given(*history)
    for command in (activate("b"), register("a"), deactivate("c"), unregister("a"), nominate("c")):
        decision = world.when(command).decision
        if isinstance(decision, Refusal):
            told = decision.explain()
            assert told.detail.endswith(".")
            assert command.deployment in told.detail or "lic" in told.detail
