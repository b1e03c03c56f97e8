"""The replay: what the domain decides passes, and each rule that is broken is found.

The logs here are signed as they stand: nothing but the rules of the product is wrong with them.
"""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotslot.domain import commands, events
from hotslot.domain.events import CATALOGUE, Event
from hotslot.domain.license_file import LicenseFile, Presented
from hotslot.ledger import mapper
from hotslot_verify.verify import SHAPES, Bad, Replay
from tests.verify.conftest import Verify
from tests.verify.logs import (
    START,
    History,
    activate,
    changed,
    issue,
    leaf,
    nominate,
    register,
    renumbered,
    story,
)

Change = Callable[[dict[str, Any]], object]


def replay(leaves: list[bytes]) -> Replay:
    replayed = Replay()
    for each in leaves:
        replayed.entry(each)
    return replayed


def broken(leaves: list[bytes]) -> tuple[str, int]:
    """The rule that the leaves break, and where."""
    replayed = Replay()
    try:
        for each in leaves:
            replayed.entry(each)
    except Bad as bad:
        return bad.rule, replayed.size - 1
    raise AssertionError("no rule is broken")


def types(leaves: list[bytes]) -> list[str]:
    return [json.loads(each)["type"] for each in leaves]


def with_data(history: History, type_: str, **data: Any) -> list[bytes]:
    """The history's leaves with other data in the last event of a type."""
    index = len(history.leaves) - 1 - types(history.leaves)[::-1].index(type_)
    leaves = list(history.leaves)
    leaves[index] = changed(leaves[index], lambda entry: entry["event"]["data"].update(data))
    return leaves


def offline(license_id: str = "l", **more: Any) -> Presented:
    file = LicenseFile(
        license=license_id,
        product="scanner",
        customer="acme",
        slots=more.get("slots", 1),
        issued_at=more.get("issued_at", START),
        expires_at=None,
    )
    return Presented(file, "vendor-key", own=more.get("own", False))


def imported(**more: Any) -> History:
    """A license that came in a file, and one that is active by it."""
    return History().do(commands.Activate(deployment="a", license="l", file=offline(**more)))


def test_a_story_passes(verify: Verify):
    report = verify(story().leaves)

    assert (report.problems, report.notices) == ([], [])
    assert len(set(types(story().leaves))) >= 11


def test_every_event_of_the_product_is_known_with_its_fields():
    for name, kind in CATALOGUE.items():
        names, _ = SHAPES[name, str(kind.shape)]
        assert names == kind.__struct_fields__, name
    assert {type_ for type_, _ in SHAPES} == set(CATALOGUE)
    assert {key for key in mapper.UPCASTS if (key[0], str(key[1])) not in SHAPES} == set()


LICENSES, DEPLOYMENTS = ["l", "m"], ["a", "b", "c"]
AN_EVENT = st.tuples(
    st.integers(0, 13), st.sampled_from(LICENSES), st.sampled_from(DEPLOYMENTS), st.booleans()
)


def command(kind: int, license_id: str, deployment: str, flag: bool) -> commands.Command:
    """One command of any kind."""
    file = offline(own=True, slots=2) if flag else None
    return [
        activate(deployment, license_id),
        commands.Activate(deployment=deployment, license="l", file=file),
        register(deployment, license_id, standby_for="a" if flag else None),
        commands.RegisterBackup(deployment=deployment, license="l", file=file),
        nominate(deployment, "a" if flag else None, wait=flag),
        nominate(deployment, wait=not flag),
        commands.Deactivate(deployment=deployment),
        commands.UnregisterBackup(deployment=deployment),
        commands.ResizeLicense(license=license_id, slots=1 + flag),
        commands.RenewLicense(license=license_id, expires_at=START + timedelta(days=1 + flag)),
        commands.SuspendLicense(license=license_id),
        commands.ReinstateLicense(license=license_id),
        commands.SetLease(license=license_id, seconds=30 + flag),
        commands.IssueFile(license=license_id, deployment=None, key="k"),
    ][kind]


@settings(max_examples=150, deadline=None)
@given(st.lists(AN_EVENT, max_size=60))
def test_whatever_the_domain_decides_passes(asked: list[tuple[int, str, str, bool]]):
    """No false alarm: a rule of the verifier that the product does not have fails here."""
    history = History().do(issue("l")).do(issue("m"))
    for each in asked:
        history.do(command(*each))
    assert not replay(history.leaves).follow


def test_many_commands_in_a_row_pass():
    """Long enough for many swaps on the same license, with what follows a change of role."""
    chance = random.Random(7)
    history = History().do(issue("l")).do(issue("m"))
    for _ in range(2000):
        history.do(
            command(
                chance.randrange(14),
                chance.choice("lm"),
                chance.choice("abc"),
                chance.random() < 0.5,
            )
        )
        for each in DEPLOYMENTS:
            owed = getattr(history.states.get(f"deployment:{each}"), "owes", None)
            if owed is not None and chance.random() < 0.2:
                history.do(commands.ConfirmRole(deployment=each, owed=owed))
    assert {"deployment.took-over", "deployment.stood-down"} <= set(types(history.leaves))
    assert not replay(history.leaves).follow


def test_keys_and_reads_in_bulk_pass():
    made = events.KeyCreated(key="k", role="admin", customer=None, deployment=None, sha256="0")
    read = events.AuditExported(key="k", via="entries", position=1)
    history = History().record(made).record(read).record(read).record(events.KeyRevoked(key="k"))

    assert replay(history.leaves).unknown == {}


def test_events_of_the_first_shape_pass():
    """As they were stored before they said who waits for whom."""
    first = {
        "license.backup-nominated": ("replaced_term", "asked_at", "wait_for_release"),
        "deployment.promoted": ("waits_for", "waits_for_term"),
    }

    def lower(entry: dict[str, Any]) -> None:
        for name in first.get(entry["type"], ()):
            entry["event"]["v"] = 1
            del entry["event"]["data"][name]

    replay([changed(each, lower) for each in story().leaves])


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
    history.record(events.DeploymentActivated(license="m", deployment="a", mode="online", term=1))

    assert broken(history.leaves) == ("one-license", 4)


def test_a_backup_on_two_licenses():
    history = History().do(issue("l")).do(issue("m")).do(register("a"))
    history.record(
        events.BackupRegistered(
            license="m", deployment="a", mode="online", standby_for=None, term=0
        )
    )

    assert broken(history.leaves) == ("one-license", 4)


@pytest.mark.parametrize("held", ["active", "backup"])
def test_a_role_is_taken_from_no_other_role(held: str):
    history = History().do(issue("l"))
    history.do(activate("a") if held == "active" else register("a"))
    term = 1 + (held == "active")
    history.record(
        events.DeploymentActivated(license="l", deployment="a", mode="online", term=term)
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
        events.DeploymentActivated(license="l", deployment="x", mode="online", term=2),
        events.BackupRegistered(
            license="l", deployment="x", mode="online", standby_for=None, term=1
        ),
        nominated(),
    ],
)
def test_a_license_without_rights_gives_no_role(how: str, event: Event):
    history = ended(how)

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
    history.record(events.DeploymentActivated(license="l", deployment="b", mode="online", term=2))

    assert broken(history.leaves) == ("file", 3)


# --- Keys -----------------------------------------------------------------------------------------


def test_a_key_that_is_made_or_revoked_twice():
    made = events.KeyCreated(key="k", role="admin", customer=None, deployment=None, sha256="0")
    gone = events.KeyRevoked(key="k")

    assert broken(History().record(made).record(made).leaves) == ("key", 1)
    assert broken(History().record(made).record(gone).record(gone).leaves) == ("key", 2)
    again = renumbered(History().record(made).record(gone).leaves[1:])
    assert broken(again) == ("key", 0)


# --- The form of an entry, and its place ----------------------------------------------------------


def test_positions_are_dense():
    leaves = story().leaves
    gap = [changed(leaves[3], lambda entry: entry.update(position=5))]

    assert broken([*leaves[:3], *gap])[1] == 3
    assert broken([changed(leaves[0], lambda entry: entry.update(position=2))]) == ("position", 0)


def test_versions_are_dense():
    history = History().do(issue("l")).do(commands.SuspendLicense(license="l"))
    gap = changed(history.leaves[1], lambda entry: entry.update(version=3))

    assert broken([history.leaves[0], gap]) == ("version", 1)


@pytest.mark.parametrize("stream", ["license:m", "deployment:l", "key:l", "l"])
def test_an_event_on_another_stream(stream: str):
    other = changed(History().do(issue("l")).leaves[0], lambda e: e.update(stream=stream))

    assert broken([other]) == ("stream", 0)


def test_a_refusal_stands_with_what_it_is_about():
    refused = events.CommandRefused(
        command="activate", code="x", license=None, deployment="a", asked={"b": {"c": 1}}, detail=""
    )
    good = History().record(refused).leaves
    replay(good)

    other = changed(good[0], lambda entry: entry.update(stream="deployment:b"))
    assert broken([other]) == ("stream", 0)


def test_a_type_that_is_not_known_is_a_notice(verify: Verify):
    leaves = story().leaves
    state = b'{"v":1,"context":%s,"data":{}}' % context_of(leaves[0])
    new = [leaf(len(leaves) + k, "license:l", 90 + k, "license.sold", state) for k in (1, 2)]
    versions = renumbered([*leaves, *new])

    report = verify(versions)

    assert report.problems == []
    assert [n for n in report.notices if "license.sold" in n and n.startswith("2 ")]


def context_of(leaf_: bytes) -> bytes:
    return leaf_[leaf_.index(b'"context":') + 10 : leaf_.index(b',"data":')]


def test_a_shape_that_is_not_known():
    newer = changed(History().do(issue("l")).leaves[0], lambda e: e["event"].update(v=2))

    assert broken([newer]) == ("shape", 0)


GOOD = History().do(issue("l")).leaves[0]
REFUSED = History().do(issue("l")).do(nominate("a")).do(activate("x", "y")).leaves


def no_entry(leaf_: bytes) -> bool:
    try:
        Replay().entry(leaf_)
    except (ValueError, ArithmeticError, RecursionError):
        return True
    return False


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"position":1', b'"position":1,"position":1'),
        (b'"position":1', b'"position":"1"'),
        (b'"position":1', b'"position":1.0'),
        (b'"position":1', b'"position":01'),
        (b'"position":1', b'"position": 1'),
        (b'"slots":2', b'"slots":"2"'),
        (b'"slots":2', b'"slots":true'),
        (b'"slots":2', b'"slots":2.0'),
        (b'"slots":2', b'"slots":-2'),
        (b'"slots":2', b'"slots":1' + b"0" * 5000),
        (b'"slots":2', b'"slots":null'),
        (b'"slots":2', b'"slots":1,"slots":2'),
        (b'"slots":2,', b""),
        (b'"slots":2', b'"slots":2,"more":1'),
        (b'"product":"scanner"', b'"product":null'),
        (b'"product":"scanner"', b'"product":"a\tb"'),
        (b'"product":"scanner"', b'"product":"a"b"'),
        (b'"product":"scanner"', b'"product":"\xff"'),
        (b'"expires_at":null', b'"expires_at":"tomorrow"'),
        (b'"expires_at":null', b'"expires_at":"2026-13-01T00:00:00Z"'),
        (b'"at":"2026', b'"at":"x2026'),
        (b'"at":"2026-01', b'"at":"2026-00'),
        (b'"kind":"key"', b'"kind":1'),
        (b'"trace_id":null', b'"trace_id":[]'),
        (b'"v":1', b'"v":"1"'),
        (b"}}}", b"}}} "),
        (b"}}}", b"}}"),
        (b'{"position"', b' {"position"'),
    ],
)
def test_an_entry_has_one_form(old: bytes, new: bytes):
    assert GOOD.count(old) == 1 or old == b"}}}"
    assert not no_entry(GOOD)

    assert no_entry(GOOD.replace(old, new))


@pytest.mark.parametrize("leaf_", [b"", b"{}", b"null", b"[" * 60_000, b"\0", b'{"position":1'])
def test_what_is_no_entry(leaf_: bytes):
    assert no_entry(leaf_)


@pytest.mark.parametrize(
    "asked", [b'{"a":1,"a":1}', b'{"a":1}}', b'{},"detail":"","x":{}', b"{" + b"[" * 60_000 + b"}"]
)
def test_what_was_asked_is_an_object_too(asked: bytes):
    refused = events.CommandRefused(
        command="activate", code="x", license=None, deployment="a", asked={"b": 1}, detail=""
    )
    good = History().record(refused).leaves[0]
    assert not no_entry(good)

    assert no_entry(good.replace(b'{"b":1}', asked))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_changed_byte_never_ends_in_an_error_of_the_program(data: st.DataObject):
    leaves = story().leaves
    index = data.draw(st.integers(0, len(leaves) - 1))
    at = data.draw(st.integers(0, len(leaves[index]) - 1))
    mangled = bytearray(leaves[index])
    mangled[at] = data.draw(st.integers(0, 255))
    replayed = Replay()
    try:
        for each in [*leaves[:index], bytes(mangled), *leaves[index + 1 :]]:
            replayed.entry(each)
    except (Bad, ValueError, ArithmeticError, RecursionError):
        pass


def test_text_with_escapes_is_read():
    history = History()
    history.do(
        commands.IssueLicense(
            license="l",
            product='a "quoted" \\ name, "data":{} \N{EM DASH}',
            customer='},"data":{"x":1}}}',
            slots=1,
            expires_at=datetime(2027, 1, 1, tzinfo=UTC),
            activation_key_sha256="",
        )
    )

    replay(history.leaves)
