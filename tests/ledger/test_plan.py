"""Plans: a batch decided in memory, before anything is written."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from hotslot.domain import commands
from hotslot.domain.asker import Asker
from hotslot.domain.commands import States
from hotslot.domain.events import Actor
from hotslot.ledger import mapper
from hotslot.ledger.leaf import MAX_LEAF_BYTES, leaf_size
from hotslot.ledger.plan import Plan, RefusalKey, Versioned, missing
from hotslot.ledger.submission import (
    Done,
    EventTooLargeError,
    PreconditionFailedError,
    Refused,
    Submission,
)
from tests.ledger.writing import (
    ADMIN,
    NOON,
    activate,
    deactivate,
    issue,
    nominate,
    register,
    resize,
    submission,
)

STREAMS = ("license:l", "license:m", "deployment:a", "deployment:b", "deployment:c")
NOTHING = {stream: Versioned(0, None) for stream in STREAMS}


def planned(
    *submissions: Submission,
    known: Mapping[str, Versioned] = NOTHING,
    refused_lately: Mapping[RefusalKey, datetime] | None = None,
    now: datetime = NOON,
) -> Plan:
    plan = Plan(known, refused_lately or {}, now)
    for each in submissions:
        assert plan.decide(each)
    return plan


def types(plan: Plan) -> list[str]:
    return [draft.event.type for draft in plan.drafts]


def test_every_decision_stands_on_those_before_it():
    plan = planned(issue("l"), activate("a", "l"), activate("b", "l"), deactivate("a"))
    outcomes = plan.settle(100)
    assert [type(outcome) for outcome in outcomes] == [Done, Done, Refused, Done]
    assert types(plan) == [
        "license.issued",
        "license.deployment-activated",
        "deployment.bound",
        "license.command-refused",
        "license.deployment-deactivated",
        "deployment.released",
    ]


def test_every_stream_that_was_read_is_checked_once_as_it_was_before_the_batch():
    known = {**NOTHING, "deployment:c": Versioned(7, None)}
    plan = planned(issue("l"), activate("a", "l"), activate("c", "l"), known=known)
    assert plan.checks == {"license:l": 0, "deployment:a": 0, "deployment:c": 7}


def test_a_nomination_reads_the_former_active_one_too():
    given = (issue("l"), activate("a", "l"), register("b", "l"))
    plan = planned(*given, nominate("b"))
    assert plan.verdicts[-1].reads == ("deployment:b", "license:l", "deployment:a")


def test_what_a_decision_makes_known_late_is_missing():
    states = States({"deployment:b": None})
    assert missing(nominate("b"), states, {"deployment:b": Versioned(0, None)}) == []
    known = {"license:l": Versioned(0, None), "deployment:b": Versioned(0, None)}
    plan = planned(issue("l"), known=known)
    assert not plan.decide(activate("a", "l"))
    assert plan.decide(register("b", "l"))
    assert plan.decide(nominate("b"))  # there is no former active one
    assert [verdict.submission.command.name for verdict in plan.verdicts[1:]] == [
        "register",
        "nominate",
    ]


def test_positions_follow_the_head():
    plan = planned(issue("l"), activate("a", "l"), issue("m"))
    first, second, third = plan.settle(41)
    for outcome, positions in ((first, [42]), (second, [43, 44]), (third, [45])):
        assert isinstance(outcome, Done)
        assert [event.position for event in outcome.recorded] == positions
        assert outcome.head == positions[-1]
    assert isinstance(second, Done)
    license_ = second.states.license("l")
    assert license_ is not None
    assert (license_.position, license_.active["a"].position) == (43, 43)


def test_quiet_repeats_record_nothing_and_show_the_head_they_saw():
    plan = planned(issue("l"), activate("a", "l"), activate("a", "l"))
    quiet = plan.settle(0)[2]
    assert isinstance(quiet, Done)
    assert (quiet.recorded, quiet.head) == ((), 3)


def test_the_same_refusal_is_recorded_once_in_a_batch():
    plan = planned(issue("l"), activate("a", "l"), activate("b", "l"), activate("b", "l"))
    assert types(plan).count("license.command-refused") == 1
    assert [type(outcome) for outcome in plan.settle(0)[2:]] == [Refused, Refused]


@pytest.mark.parametrize(("seconds", "recorded"), [(0, 0), (59.999, 0), (60, 1)])
def test_the_same_refusal_is_recorded_again_after_a_minute(seconds: float, recorded: int):
    before = planned(deactivate("a"))
    lately = {RefusalKey(("key", "admin"), "deployment:a", "deactivate", "a", "not-active"): NOON}
    assert before.drafts[0].stream == "deployment:a"
    now = NOON + timedelta(seconds=seconds)
    plan = planned(deactivate("a"), refused_lately=lately, now=now)
    assert len(plan.drafts) == recorded


def other_actor(given: Submission) -> Submission:
    return msgspec.structs.replace(given, asker=Asker(Actor("key", "other")))


@pytest.mark.parametrize(
    "other",
    [
        deactivate("b"),
        submission(commands.UnregisterBackup(deployment="a")),
        other_actor(deactivate("a")),
    ],
    ids=["another deployment", "another command", "another actor"],
)
def test_refusals_that_differ_are_recorded_each(other: Submission):
    assert len(planned(deactivate("a"), other).drafts) == 2


def test_a_tag_that_does_not_fit_stops_one_submission_only():
    tagged = submission(
        commands.ResizeLicense(license="l", slots=2), if_match=frozenset({"9-valid"})
    )
    plan = planned(issue("l"), tagged, resize("l", 3))
    failed, done = plan.settle(0)[1:]
    assert isinstance(failed, PreconditionFailedError)
    assert isinstance(done, Done)
    assert types(plan) == ["license.issued", "license.resized"]
    assert "license:l" in plan.checks


@pytest.mark.parametrize(
    ("tags", "fits"),
    [
        ({"4-valid"}, True),
        ({"*"}, True),
        ({"1-valid", "4-valid"}, True),
        ({"4-expired"}, False),
        (set(), False),
    ],
)
def test_a_tag_names_position_and_status(tags: set[str], fits: bool):
    first = planned(issue("l")).settle(3)[0]
    assert isinstance(first, Done)
    known = {"license:l": Versioned(1, first.states.license("l"))}
    tagged = submission(commands.ResizeLicense(license="l", slots=2), if_match=frozenset(tags))
    (outcome,) = planned(tagged, known=known).settle(4)
    assert isinstance(outcome, Done) is fits


def test_nothing_that_is_not_there_has_a_tag():
    tagged = submission(commands.ResizeLicense(license="l", slots=2), if_match=frozenset({"*"}))
    (outcome,) = planned(tagged).settle(0)
    assert isinstance(outcome, PreconditionFailedError)
    assert outcome.tag is None


def test_what_is_stored_is_what_was_decided():
    plan = planned(issue("l"), activate("a", "l"), resize("l", 1))
    stored = plan.encoded()
    assert [(each.stream, each.version) for each in stored] == [
        ("license:l", 1),
        ("license:l", 2),
        ("deployment:a", 1),
    ]
    for position, (each, draft) in enumerate(zip(stored, plan.drafts, strict=True), start=1):
        state: Any = bytes(each.state)
        assert mapper.decode(position, each.stream, each.version, each.type, state) == draft.at(
            position
        )


def test_an_event_that_is_too_large_stops_its_own_command_only():
    plan = planned(issue("l", slots=2), said("x" * 65_535, activate("a", "l")), activate("b", "l"))
    first, second, third = plan.settle(0)
    assert isinstance(first, Done)
    assert isinstance(second, EventTooLargeError)
    assert (second.type, second.size > MAX_LEAF_BYTES) == ("license.deployment-activated", True)
    assert isinstance(third, Done)
    assert [each.position for each in third.recorded] == [2, 3]
    assert third.recorded[0].version == 2
    left = third.states.license("l")
    assert left is not None
    assert left.active.keys() == {"b"}
    assert types(plan) == ["license.issued", "license.deployment-activated", "deployment.bound"]


def test_the_largest_event_is_recorded_and_one_byte_more_is_not():
    (event,) = planned(said("", issue("l"))).drafts
    room = MAX_LEAF_BYTES - leaf_size(event.stream, event.event.type, event.state)
    (largest,) = planned(said("x" * room, issue("l"))).encoded()
    assert leaf_size(largest.stream, largest.type, bytes(largest.state)) == MAX_LEAF_BYTES
    assert planned(said("x" * (room + 1), issue("l"))).encoded() == []
    # What counts is bytes, not characters.
    assert planned(said("é" * (room // 2 + 1), issue("l"))).encoded() == []


def test_a_refusal_that_is_too_large_is_recorded_when_it_is_not_any_more():
    plan = planned(said("x" * 65_535, deactivate("a")), deactivate("a"))
    assert [type(outcome) for outcome in plan.settle(0)] == [EventTooLargeError, Refused]
    assert types(plan) == ["license.command-refused"]


def said(reason: str, given: Submission) -> Submission:
    return msgspec.structs.replace(given, reason=reason)


def test_a_limited_asker_reads_as_much_as_an_unlimited_one():
    limited = Asker(ADMIN.actor, customer="other")
    command = commands.Activate(deployment="a", license="l")
    plan = planned(issue("l"), submission(command, asker=limited))
    refused = plan.settle(0)[1]
    assert isinstance(refused, Refused)
    assert refused.explanation.code == "unknown-license"
    assert plan.checks.keys() == {"license:l", "deployment:a"}
