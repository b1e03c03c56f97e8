"""Each rule of the replay, broken once.

The logs here are signed as they stand: nothing but the rules of the product is wrong with them.
"""

from datetime import timedelta
from typing import Any

import pytest

from hotslot.domain import commands, events
from hotslot.domain.events import Event, Mode
from tests.verify.logs import (
    START,
    History,
    activate,
    changed,
    issue,
    nominate,
    register,
    renumbered,
)
from tests.verify.replaying import broken, imported, offline, replay, types, with_data

# --- Each rule ------------------------------------------------------------------------------------


def test_more_active_than_slots():
    history = History().do(issue("l", slots=2)).do(activate("a")).do(activate("b"))
    few = [changed(history.leaves[0], lambda e: e["event"]["data"].update(slots=1))]

    assert broken(few + history.leaves[1:]) == ("slots", 3)


def test_resized_below_what_is_used():
    history = History().do(issue("l", slots=2)).do(activate("a")).do(activate("b"))
    history.record(events.LicenseResized(license="l", slots=1))

    assert broken(history.leaves) == ("slots", 5)


def test_one_deployment_on_two_licenses():
    history = History().do(issue("l")).do(issue("m")).do(activate("a"))
    history.record(
        events.DeploymentActivated(license="m", deployment="a", mode=Mode.ONLINE, term=1)
    )

    assert broken(history.leaves) == ("one-license", 4)


def test_a_backup_on_two_licenses():
    history = History().do(issue("l")).do(issue("m")).do(register("a"))
    history.record(
        events.BackupRegistered(
            license="m", deployment="a", mode=Mode.ONLINE, standby_for=None, term=0
        )
    )

    assert broken(history.leaves) == ("one-license", 4)


@pytest.mark.parametrize("held", ["active", "backup"])
def test_a_role_is_taken_from_no_other_role(held: str):
    history = History().do(issue("l"))
    history.do(activate("a") if held == "active" else register("a"))
    term = 1 + (held == "active")
    history.record(
        events.DeploymentActivated(license="l", deployment="a", mode=Mode.ONLINE, term=term)
    )

    assert broken(history.leaves) == ("role", 3)


@pytest.mark.parametrize(
    "event",
    [
        events.DeploymentDeactivated(license="l", deployment="b", term=2),
        events.BackupUnregistered(license="l", deployment="a"),
        events.DeploymentTookOver(license="l", deployment="a", term=2),
        events.DeploymentStoodDown(license="l", deployment="b", term=1),
    ],
)
def test_what_only_another_role_allows(event: Event):
    history = History().do(issue("l")).do(activate("a")).do(register("b"))

    assert broken(history.record(event).leaves) == ("role", 5)


def test_a_confirmation_that_was_given_before():
    history = History().do(issue("l")).do(activate("a"))
    took_over = events.DeploymentTookOver(license="l", deployment="a", term=1)

    assert broken(history.record(took_over).record(took_over).leaves) == ("role", 4)


def nominated(**changes: Any) -> events.BackupNominated:
    says: dict[str, Any] = {
        "license": "l",
        "deployment": "b",
        "mode": "online",
        "replaced": "a",
        "replaced_term": 1,
        "term": 2,
        "asked_at": None,
        "wait_for_release": False,
    }
    return events.BackupNominated(**says | changes)


def with_backup(mode: str = "online") -> History:
    """`a` is active, `b` stands by."""
    history = History().do(issue("l", slots=3)).do(activate("a"))
    file = offline(own=True, slots=3) if mode == "offline" else None
    return history.do(commands.RegisterBackup(deployment="b", license="l", file=file))


@pytest.mark.parametrize("claimed", ["online", "offline"])
def test_a_backup_by_a_file_is_nominated(claimed: str):
    history = with_backup("offline").record(nominated(mode=claimed))

    assert broken(history.leaves) == ("offline-nomination", 5)


def test_a_backup_from_online_is_nominated_as_one_by_a_file():
    history = with_backup().record(nominated(mode="offline"))

    assert broken(history.leaves) == ("offline-nomination", 5)


@pytest.mark.parametrize(
    "event",
    [
        events.BackupNominated(
            license="m",
            deployment="b",
            mode=Mode.ONLINE,
            replaced=None,
            replaced_term=None,
            term=1,
            asked_at=None,
            wait_for_release=False,
        ),
        events.BackupUnregistered(license="m", deployment="b"),
    ],
)
def test_a_backup_is_no_matter_of_another_license(event: Event):
    history = with_backup().do(issue("m"))

    assert broken(history.record(event).leaves) == ("one-license", 6)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"replaced": "x"}, "nomination"),
        ({"replaced": "b"}, "nomination"),
        ({"replaced": None, "replaced_term": None}, "nomination"),
        ({"replaced_term": 2}, "nomination"),
        ({"replaced_term": None}, "nomination"),
        ({"deployment": "a"}, "role"),
        ({"deployment": "x"}, "role"),
        ({"term": 1}, "term"),
        ({"term": 3}, "term"),
    ],
)
def test_a_nomination_that_is_not_right(changes: dict[str, Any], rule: str):
    leaves = with_backup().leaves
    history = with_backup()
    before = len(leaves)
    # The domain would not fold some of these; the leaf is what counts.
    good = with_backup().do(nominate("b")).leaves[before]
    bad = changed(good, lambda entry: entry["event"]["data"].update(changes))

    assert broken([*history.leaves, bad]) == (rule, before)


@pytest.mark.parametrize("lost", ["deployment.promoted", "deployment.released"])
def test_a_nomination_without_what_follows(lost: str):
    history = with_backup().do(nominate("b"))
    at = len(history.leaves) - 1 - types(history.leaves)[::-1].index(lost)
    left = renumbered(history.leaves[:at] + history.leaves[at + 1 :])

    other = History().do(issue("m")).leaves[0]
    behind = changed(other, lambda entry: entry.update(position=len(left) + 1))

    assert broken([*left, behind]) == ("command", at)


@pytest.mark.parametrize(
    "data",
    [{"deployment": "x"}, {"cause": "deactivated"}, {"replaced_by": "x"}, {"replaced_by": None}],
)
def test_a_nomination_releases_the_one_that_it_says(data: dict[str, Any]):
    history = with_backup().do(nominate("b"))

    assert broken(with_data(history, "deployment.released", **data)) == ("command", 7)


@pytest.mark.parametrize("data", [{"waits_for": None}, {"waits_for_term": 9}, {"term": 9}])
def test_a_promotion_says_what_the_nomination_does(data: dict[str, Any]):
    history = with_backup().do(nominate("b", wait=True))

    assert broken(with_data(history, "deployment.promoted", **data)) == ("command", 6)


@pytest.mark.parametrize("data", [{"role": "backup"}, {"mode": "offline"}, {"standby_for": "x"}])
def test_a_binding_says_what_the_license_does(data: dict[str, Any]):
    history = History().do(issue("l")).do(activate("a"))

    assert broken(with_data(history, "deployment.bound", **data)) == ("command", 2)


def test_the_events_of_a_command_have_one_context():
    history = History().do(issue("l")).do(activate("a"))
    other = changed(
        history.leaves[2], lambda entry: entry["event"]["context"].update(request_id="other")
    )

    assert broken([*history.leaves[:2], other]) == ("command", 2)


@pytest.mark.parametrize(
    "type_", ["deployment.bound", "deployment.promoted", "deployment.released"]
)
def test_a_deployment_changes_by_the_event_of_a_license_only(type_: str):
    history = with_backup().do(nominate("b")).do(register("a"))
    alone = history.leaves[types(history.leaves).index(type_)]
    alone = changed(alone, lambda e: e.update(position=2, version=1))

    assert broken([history.leaves[0], alone]) == ("command", 1)


@pytest.mark.parametrize("term", [0, 2])
@pytest.mark.parametrize(
    ("type_", "history"),
    [
        ("license.deployment-activated", History().do(issue("l")).do(activate("a"))),
        ("license.backup-registered", History().do(issue("l")).do(activate("c")).do(register("a"))),
        (
            "license.deployment-deactivated",
            History().do(issue("l")).do(activate("a")).do(commands.Deactivate(deployment="a")),
        ),
    ],
)
def test_terms_rise_by_one(type_: str, history: History, term: int):
    term += type_.endswith("deactivated")
    index = types(history.leaves).index(type_) if "backup" not in type_ else 3
    leaves = with_data(history, type_, term=term)

    assert broken(leaves) == ("term", index)


def ended(how: str) -> History:
    history = with_backup()
    if how == "expired":
        history.do(commands.RenewLicense(license="l", expires_at=START + timedelta(minutes=1)))
        history.now += timedelta(minutes=2)
        return history
    change = commands.SuspendLicense if how == "suspended" else commands.RevokeLicense
    return history.do(change(license="l"))


@pytest.mark.parametrize("how", ["expired", "suspended", "revoked"])
@pytest.mark.parametrize(
    "event",
    [
        events.DeploymentActivated(license="l", deployment="x", mode=Mode.ONLINE, term=2),
        events.BackupRegistered(
            license="l", deployment="x", mode=Mode.ONLINE, standby_for=None, term=1
        ),
        nominated(),
    ],
)
def test_a_license_without_rights_gives_no_role(how: str, event: Event):
    history = ended(how)

    assert broken(history.record(event).leaves) == ("status", 6)


def test_at_the_very_end_of_its_time_a_license_has_none():
    history = with_backup()
    end = START + timedelta(hours=1)
    history.do(commands.RenewLicense(license="l", expires_at=end))
    history.now = end
    event = events.DeploymentActivated(license="l", deployment="x", mode=Mode.ONLINE, term=2)

    assert broken(history.record(event).leaves) == ("status", 6)


@pytest.mark.parametrize("how", ["expired", "suspended", "revoked"])
def test_a_license_without_rights_lets_go(how: str):
    history = ended(how).do(commands.Deactivate(deployment="a"))

    replay(history.do(commands.UnregisterBackup(deployment="b")).leaves)


@pytest.mark.parametrize(
    "event",
    [
        events.LicenseRenewed(license="l", expires_at=None),
        events.LicenseResized(license="l", slots=5),
        events.LicenseLeaseChanged(license="l", seconds=5),
        events.LicenseSuspended(license="l"),
        events.LicenseReinstated(license="l"),
        events.LicenseRevoked(license="l"),
    ],
)
def test_revoked_is_final(event: Event):
    history = History().do(issue("l")).do(commands.RevokeLicense(license="l")).record(event)

    assert broken(history.leaves) == ("status", 2)


def test_suspended_twice():
    again = events.LicenseSuspended(license="l")

    assert broken(History().do(issue("l")).record(again).record(again).leaves) == ("status", 2)


def test_reinstated_without_a_suspension():
    history = History().do(issue("l")).record(events.LicenseReinstated(license="l"))

    assert broken(history.leaves) == ("status", 1)


def test_a_license_is_issued_twice():
    history = History().do(issue("l"))
    again = changed(history.leaves[0], lambda entry: entry.update(position=2, version=2))

    assert broken([*history.leaves, again]) == ("license", 1)


def test_a_license_that_was_never_issued():
    history = History().do(issue("l")).do(activate("a"))

    assert broken(renumbered(history.leaves[1:])) == ("license", 0)


# --- License files --------------------------------------------------------------------------------


def file_event(**changes: Any) -> events.LicenseImported:
    says: dict[str, Any] = {
        "license": "l",
        "product": "scanner",
        "customer": "acme",
        "slots": 1,
        "expires_at": None,
        "issued_at": START + timedelta(days=1),
        "deployment": None,
        "key": "vendor-key",
        "digest": "0",
    }
    return events.LicenseImported(**says | changes)


def test_a_license_from_a_file_passes():
    history = imported(slots=2).record(file_event(slots=1, expires_at=START + timedelta(days=2)))

    assert types(history.leaves).count("license.imported") == 2
    replay(history.leaves)


@pytest.mark.parametrize(
    "changes",
    [{"issued_at": START}, {"product": "other"}, {"customer": "other"}],
)
def test_a_file_that_is_not_newer_or_of_something_else(changes: dict[str, Any]):
    history = imported().record(file_event(**changes))

    assert broken(history.leaves) == ("file", 3)


def test_a_file_for_a_license_that_was_issued_here():
    assert broken(History().do(issue("l")).record(file_event()).leaves) == ("file", 1)


def test_a_file_with_fewer_slots_than_are_used():
    assert broken(imported().record(file_event(slots=0)).leaves) == ("slots", 3)


def test_a_license_from_a_file_is_not_renewed_or_resized_here():
    for event in (
        events.LicenseRenewed(license="l", expires_at=None),
        events.LicenseResized(license="l", slots=5),
    ):
        assert broken(imported().record(event).leaves) == ("status", 3)


def test_a_license_from_a_file_gives_no_role_without_it():
    history = imported(slots=2)
    history.record(
        events.DeploymentActivated(license="l", deployment="b", mode=Mode.ONLINE, term=2)
    )

    assert broken(history.leaves) == ("file", 3)


def test_nor_the_role_of_a_backup_which_could_be_nominated_then():
    history = imported(slots=2)
    history.record(
        events.BackupRegistered(
            license="l", deployment="b", mode=Mode.ONLINE, standby_for=None, term=1
        )
    )

    assert broken(history.leaves) == ("file", 3)


# --- Keys -----------------------------------------------------------------------------------------


def test_a_key_that_is_made_or_revoked_twice():
    made = events.KeyCreated(key="k", role="admin", customer=None, deployment=None, sha256="0")
    gone = events.KeyRevoked(key="k")

    assert broken(History().record(made).record(made).leaves) == ("key", 1)
    assert broken(History().record(made).record(gone).record(gone).leaves) == ("key", 2)
    again = renumbered(History().record(made).record(gone).leaves[1:])
    assert broken(again) == ("key", 0)
