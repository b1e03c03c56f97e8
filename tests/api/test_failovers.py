"""Failovers: what became of each nomination, from what the leases tell."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.api import shapes
from tests.api.calls import Caller, done, eventually, problem, refused
from tests.api.conftest import KeyOf
from tests.api.shapes import differences

Unique = Callable[[str], str]
FAILOVER: dict[str, Any] = {
    "position": int,
    "license": str,
    "nominated": str,
    "former": (None, str),
    "term": int,
    "asked_at": shapes.TIME,
    "recorded_at": shapes.TIME,
    "serving_at": (None, shapes.TIME),
    "silent_at": (None, shapes.TIME),
    "silent_by": (None, str),
    "overlap_seconds": (None, float),
    "wait_for_release": bool,
    "reason": (None, str),
    "actor": {"kind": str, "id": str},
    "refusals": [
        {"at": shapes.TIME, "command": str, "deployment": (None, str), "code": str, "detail": str}
    ],
}


def listed(api: Caller, **asked: Any) -> list[Any]:
    page = done(api.http.get("/v1/failovers", params=asked))
    shape = {"failovers": [FAILOVER], "next": (None, str), "as_of": (None, int)}
    assert differences(page, shape) == []
    found: list[Any] = page["failovers"]
    return found


def only(api: Caller, license_id: str) -> Any:
    (found,) = listed(api, license=license_id)
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
def trio(api: Caller, unique: Unique) -> tuple[str, str, str, str]:
    """A license, its active deployment, and two backups."""
    license_id, a, b, c = api.issued(id=unique("trio")), unique("a"), unique("b"), unique("c")
    done(api.activate(a, license_id))
    done(api.register(b, license_id))
    done(api.register(c, license_id))
    return license_id, a, b, c


def test_one_that_stands_down_before_its_lease_ends(api: Caller, trio: tuple[str, ...]):
    license_id, a, b, _ = trio
    done(api.lease(a))
    nominated = done(api.nominate(b, reason="drill"))
    before = only(api, license_id)
    assert (before["serving_at"], before["silent_at"], before["overlap_seconds"]) == (None,) * 3
    served = done(api.lease(b))
    refused(api.lease(a, processing=False), 409, "not-licensed")
    found = only(api, license_id)
    assert (found["position"], found["nominated"], found["former"]) == (
        nominated["position"],
        b,
        a,
    )
    assert (found["term"], found["reason"]) == (served["term"], "drill")
    assert found["silent_by"] == "stood-down"
    assert at(found["asked_at"]) <= at(found["recorded_at"]) <= at(found["serving_at"])
    both = (at(found["silent_at"]) - at(found["serving_at"])).total_seconds()
    assert found["overlap_seconds"] == pytest.approx(both)
    assert both > 0


def test_one_that_is_not_heard_of_any_more_is_silent_when_its_lease_ends(
    api: Caller, trio: tuple[str, ...]
):
    license_id, a, b, _ = trio
    done(api.change(license_id, "lease-duration", seconds=1))
    lease = done(api.lease(a))
    done(api.nominate(b, wait_for_release=True))
    assert "process" not in done(api.lease(b))["rights"]
    eventually(lambda: "process" in done(api.lease(b))["rights"])
    found = only(api, license_id)
    assert (found["silent_by"], found["silent_at"]) == ("lease-expired", lease["expires_at"])
    assert found["wait_for_release"]
    assert found["overlap_seconds"] == 0
    assert at(found["serving_at"]) >= at(found["silent_at"])


def test_as_of_then_what_came_later_is_not_known(api: Caller, trio: tuple[str, ...]):
    license_id, a, b, _ = trio
    done(api.lease(a))
    nominated = done(api.nominate(b))["position"]
    told_before = only(api, license_id)
    done(api.lease(b))
    told_between = only(api, license_id)
    took_over = api.trail(type="deployment.took-over", deployment=b)[-1]["position"]
    refused(api.lease(a, processing=False), 409, "not-licensed")
    told_after = only(api, license_id)
    stood_down = api.trail(type="deployment.stood-down", deployment=a)[-1]["position"]
    assert told_before["serving_at"] is None
    assert told_between["silent_at"] is None
    assert told_after["silent_at"] is not None
    asked = {"license": license_id}
    assert listed(api, **asked, as_of=nominated - 1) == []
    for position, told in [
        (nominated, told_before),
        (took_over - 1, told_before),
        (took_over, told_between),
        (stood_down - 1, told_between),
        (stood_down, told_after),
    ]:
        assert listed(api, **asked, as_of=position) == [told]


def test_of_one_without_leases_nothing_is_known(api: Caller, trio: tuple[str, ...]):
    license_id, _, b, _ = trio
    done(api.nominate(b))
    done(api.lease(b))
    found = only(api, license_id)
    assert (found["silent_by"], found["silent_at"], found["overlap_seconds"]) == (
        "no-lease",
        None,
        None,
    )
    assert found["serving_at"] is not None


def test_with_no_one_to_replace_there_is_no_overlap(api: Caller, unique: Unique):
    license_id, b = api.issued(id=unique("free")), unique("b")
    done(api.register(b, license_id))
    done(api.nominate(b))
    found = only(api, license_id)
    assert (found["former"], found["silent_by"], found["overlap_seconds"]) == (None, None, 0)


def test_what_was_confirmed_in_a_later_role_is_not_taken_for_this_one(
    api: Caller, trio: tuple[str, ...]
):
    license_id, a, b, c = trio
    done(api.lease(a))
    done(api.nominate(b))
    # b never serves: c takes over from it, and b comes back as the active one after that.
    done(api.nominate(c))
    done(api.register(b, license_id))
    done(api.nominate(b))
    done(api.lease(b))
    last, middle, first = listed(api, license=license_id)
    assert [each["nominated"] for each in (first, middle, last)] == [b, c, b]
    assert first["serving_at"] is None
    assert last["serving_at"] is not None
    assert middle["silent_by"] == "no-lease"
    assert middle["former"] == b


def test_the_refusals_just_before_are_part_of_the_story(api: Caller, trio: tuple[str, ...]):
    license_id, a, b, _ = trio
    refused(api.activate(b, license_id), 409, "backup-cannot-activate")
    refused(api.nominate(a), 409, "not-a-backup")
    done(api.nominate(b))
    refused(api.nominate(b), 409, "not-a-backup")
    told = only(api, license_id)["refusals"]
    assert [(each["command"], each["code"]) for each in told] == [
        ("activate", "backup-cannot-activate"),
        ("nominate", "not-a-backup"),
    ]
    assert told[0]["deployment"] == b


def test_they_are_found_by_either_side_and_by_time_in_pages(api: Caller, trio: tuple[str, ...]):
    license_id, a, b, c = trio
    done(api.nominate(b))
    done(api.nominate(c))
    last, first = listed(api, license=license_id)
    assert [each["nominated"] for each in (last, first)] == [c, b]
    assert listed(api, deployment=a) == [first]
    assert listed(api, deployment=b) == [last, first]
    assert listed(api, deployment=c) == [last]
    assert listed(api, license=license_id, since=last["recorded_at"]) == [last]
    assert listed(api, license=license_id, until=first["recorded_at"]) == [first]
    page = done(api.http.get("/v1/failovers", params={"license": license_id, "limit": 1}))
    assert page["failovers"] == [last]
    asked = {"license": license_id, "limit": 1, "cursor": page["next"]}
    rest = done(api.http.get("/v1/failovers", params=asked))
    assert rest == {"failovers": [first], "next": None, "as_of": None}
    problem(api.http.get("/v1/failovers", params={"cursor": "x"}), 422, "invalid-input")


def test_only_those_of_the_own_customer_are_told(api: Caller, key_of: KeyOf, unique: Unique):
    license_id, b = api.issued(id=unique("theirs"), customer="globex"), unique("b")
    done(api.register(b, license_id))
    done(api.nominate(b))
    assert len(listed(key_of("auditor", customer="globex"), license=license_id)) == 1
    assert listed(key_of("auditor", customer="initech"), license=license_id) == []
    node = key_of("node", deployment=b)
    problem(node.http.get("/v1/failovers"), 403, "forbidden")
