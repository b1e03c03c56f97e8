"""What became of a license between two moments, and the record gone through event by event."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.api.calls import Caller, done, in_a_moment, position_of, problem, until_expired

FAR = "2999-01-01T00:00:00Z"


class Story(NamedTuple):
    """A license of a customer of its own, and the positions after each step of its life."""

    license: str
    customer: str
    activation_key: str
    positions: list[int]


@pytest.fixture(scope="module")
def story(api: Caller) -> Story:
    customer = "customer-of-travel"
    issued = api.issue(id="travel", slots=2, customer=customer)
    lic = "travel"
    a, b, c, d = (f"{name}@{lic}" for name in "abcd")
    steps: list[Callable[[], Any]] = [
        lambda: api.activate(a, lic),
        lambda: api.register(b, lic, standby_for=a),
        lambda: api.activate(b, lic),  # refused
        lambda: api.register(c, lic),
        lambda: api.key("auditor", customer=customer),
        lambda: api.nominate(b),
        lambda: api.activate(d, lic),
        lambda: api.change(lic, "suspension"),
        lambda: api.unregister(c),
        lambda: api.change(lic, "renewal", expires_at=FAR),
        lambda: api.change(lic, "reinstatement"),
        lambda: api.deactivate(b),
        lambda: api.register(b, lic),
        lambda: api.change(lic, "resize", slots=1),
    ]
    positions = [position_of(issued)]
    for step in steps:
        answer = step()
        assert answer.is_success or answer.status_code == 409, answer.text
        positions.append(api.head())
    key = done(issued, 201)["activation_key"]
    return Story(lic, customer, key, positions)


def compared(api: Caller, license_id: str, **asked: Any) -> Any:
    return done(api.http.get(f"/v1/licenses/{license_id}/diff", params=asked))


def replayed(api: Caller, **asked: Any) -> Any:
    return done(api.http.get("/v1/audit/replay", params={"limit": 1000, **asked}))


def held_at(api: Caller, license_id: str, position: int) -> dict[str, Any]:
    held = api.holders(license_id, as_of=position)["deployments"]
    return {each["deployment"]: each for each in held}


def fields(license_: Any) -> dict[str, Any]:
    """What of a license can change."""
    if license_ is None:
        return {}
    own = {name: license_[name] for name in ("status", "expires_at", "term", "backup_count")}
    return own | {f"slots.{name}": number for name, number in license_["slots"].items()}


def test_a_difference_is_that_of_two_reads_as_of_then(api: Caller, story: Story):
    trail = [entry["position"] for entry in api.trail(license=story.license)]
    for first in [0, *story.positions]:
        for last in [each for each in story.positions if each >= first]:
            found = compared(api, story.license, **{"from": first, "to": last})
            before = (
                api.license(story.license, as_of=first) if first >= story.positions[0] else None
            )
            after = api.license(story.license, as_of=last)
            assert (found["from"], found["to"]) == (first, last)
            assert (found["before"], found["after"]) == (before, after)
            was, now = fields(before), fields(after)
            assert found["changes"] == [
                {"field": each["field"], "before": was.get(each["field"]), "after": value}
                for each in found["changes"]
                for value in [now[each["field"]]]
            ]
            assert {each["field"] for each in found["changes"]} == {
                name for name in now if was.get(name) != now[name]
            }
            held = [held_at(api, story.license, at) if at else {} for at in (first, last)]
            told = {
                each["deployment"]: tuple(
                    side and {"deployment": each["deployment"], **side}
                    for side in (each["before"], each["after"])
                )
                for each in found["deployments"]
            }
            assert len(told) == len(found["deployments"]), "each once"
            assert told == {
                name: (held[0].get(name), held[1].get(name))
                for name in held[0].keys() | held[1].keys()
                if held[0].get(name) != held[1].get(name)
            }
            assert found["entries"] == len([each for each in trail if first < each <= last])
            assert not found["more_entries"]
            assert found["next"] is None


def test_without_an_end_it_is_now(api: Caller, story: Story):
    found = compared(api, story.license, **{"from": story.positions[0]})
    assert found["to"] == api.head()
    assert found["after"] | {"as_of": None} == api.license(story.license)


def test_a_difference_between_two_times_says_the_positions(api: Caller, story: Story):
    at = {entry["position"]: entry["at"] for entry in api.trail(license=story.license)}
    first, last = story.positions[1], story.positions[4]
    by_time = compared(api, story.license, **{"from": at[first], "to": at[last]})
    assert by_time == compared(api, story.license, **{"from": first, "to": last})
    assert (by_time["from"], by_time["to"]) == (first, last)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_difference_in_pages(api: Caller, story: Story, limit: int):
    asked = {"from": story.positions[4], "to": story.positions[-1]}
    whole = compared(api, story.license, **asked)
    assert len(whole["deployments"]) == 4
    found: list[Any] = []
    cursor: dict[str, str] = {}
    for _ in range(10):
        page = compared(api, story.license, **asked, **cursor, limit=limit)
        assert len(page["deployments"]) <= limit
        found += page["deployments"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == whole["deployments"]


def test_an_end_by_time_is_a_difference_without_an_entry(api: Caller):
    ends_at = in_a_moment()
    lic = api.issued(expires_at=ends_at)
    issued = api.license(lic)["position"]
    until_expired(api, lic)
    found = compared(api, lic, **{"from": issued, "to": ends_at})
    assert found["changes"] == [{"field": "status", "before": "valid", "after": "expired"}]
    assert (found["entries"], found["deployments"]) == (0, [])
    assert compared(api, lic, **{"from": issued, "to": issued})["changes"] == []


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        ("yesterday", None),
        ("", None),
        ("-1", None),
        ("9" * 30, None),
        ("1", "tomorrow"),
        ("1", "9" * 30),
        ("2", "1"),
        ("2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-02-01T00:00:00.000001Z", "2026-02-01T00:00:00Z"),
    ],
)
def test_moments_that_are_none_or_the_wrong_way_round(
    api: Caller, story: Story, from_: str, to: str | None
):
    asked = {"from": from_, **({} if to is None else {"to": to})}
    for path in (f"/v1/licenses/{story.license}/diff", "/v1/audit/replay"):
        told = problem(api.http.get(path, params=asked), 422, "invalid-input")
        assert "from" in told["detail"] or "to" in told["detail"]


def test_both_wait_for_a_position_that_was_seen(api: Caller, story: Story):
    position, ahead = api.head(), api.head() + 1_000
    for path in (f"/v1/licenses/{story.license}/diff", "/v1/audit/replay"):
        shown = done(api.http.get(path, params={"from": 0, "min_position": position}))
        assert shown["to"] >= position
        told = problem(
            api.http.get(path, params={"from": 0, "min_position": ahead}), 422, "invalid-input"
        )
        assert f"min_position {ahead} is ahead of the ledger" in told["detail"]


def test_a_difference_needs_a_beginning(api: Caller, story: Story):
    for query in ("", "?to=5"):
        answer = api.http.get(f"/v1/licenses/{story.license}/diff{query}")
        assert "from" in problem(answer, 422, "invalid-input")["detail"]


@pytest.mark.parametrize("bad", ["nonsense", "3", "active.1", "before.x", "after.owner.1", "\x00"])
def test_a_cursor_of_another_list(api: Caller, story: Story, bad: str):
    asked = {"from": str(story.positions[0]), "cursor": bad}
    answer = api.http.get(f"/v1/licenses/{story.license}/diff", params=asked)
    assert "cursor" in problem(answer, 422, "invalid-input")["detail"]
    if bad != "3":
        answer = api.http.get("/v1/audit/replay", params={"cursor": bad})
        assert "cursor" in problem(answer, 422, "invalid-input")["detail"]


def test_a_license_that_was_not_issued_by_then(api: Caller, story: Story):
    before = story.positions[0] - 1
    for license_id, last in ((story.license, before), ("never-issued", api.head())):
        asked = {"from": 0, "to": last}
        answer = api.http.get(f"/v1/licenses/{license_id}/diff", params=asked)
        problem(answer, 404, "unknown-license")


def test_a_difference_is_for_those_who_may_read_the_license(
    api: Caller,
    key_of: Callable[..., Caller],
    under_activation_key: Callable[[str], Caller],
    story: Story,
):
    path = f"/v1/licenses/{story.license}/diff"
    asked = {"from": 0, "to": story.positions[-1]}
    whole = done(api.http.get(path, params=asked))
    own = key_of("auditor", customer=story.customer)
    by_license = under_activation_key(story.activation_key)
    for caller in (own, by_license):
        assert done(caller.http.get(path, params=asked)) == whole
    another = key_of("auditor", customer="another-customer")
    problem(another.http.get(path, params=asked), 404, "unknown-license")
    stranger = under_activation_key(done(api.issue(), 201)["activation_key"])
    problem(stranger.http.get(path, params=asked), 404, "unknown-license")


# Replay.


def test_a_replay_shows_the_slots_after_each_event(api: Caller, story: Story):
    found = replayed(api, license=story.license)
    assert [step["entry"] for step in found["steps"]] == api.trail(license=story.license)
    assert (found["from"], found["to"]) == (1, api.head())
    for step in found["steps"]:
        then = api.license(story.license, as_of=step["entry"]["position"])
        assert step["after"] == {
            "license": then["id"],
            "active": [each["deployment"] for each in then["active"]],
            **{
                name: then[name]
                for name in ("status", "expires_at", "term", "slots", "backup_count")
            },
        }
    assert {step["entry"]["outcome"] for step in found["steps"]} == {"done", "refused"}


def test_a_replay_from_one_event_to_another(api: Caller, story: Story):
    whole = replayed(api)["steps"]
    first, last = story.positions[3], story.positions[6]
    part = replayed(api, **{"from": first, "to": last})
    assert [each["entry"]["position"] for each in part["steps"]] == [*range(first, last + 1)]
    assert part["steps"] == whole[first - 1 : last]
    at = {each["entry"]["position"]: each["entry"]["at"] for each in whole}
    by_time = replayed(api, **{"from": at[first], "to": at[last]})
    positions = [each["entry"]["position"] for each in by_time["steps"]]
    assert positions == [each for each in at if at[first] <= at[each] <= at[last]]
    assert (by_time["from"], by_time["to"]) == (positions[0], positions[-1])


def test_of_what_is_still_to_come_there_are_no_steps(api: Caller):
    assert replayed(api, **{"from": FAR})["steps"] == []
    assert replayed(api, **{"from": "0001-01-01T00:00:00Z", "limit": 1})["from"] == 1
    assert replayed(api, **{"from": 0, "limit": 1})["from"] == 1
    assert replayed(api, **{"from": api.head()})["steps"] != []


def test_of_a_license_that_is_not_known_there_are_no_steps(api: Caller):
    assert replayed(api, license="never-issued")["steps"] == []


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_a_replay_in_pages(api: Caller, story: Story, limit: int):
    asked = {"license": story.license, "from": story.positions[1]}
    whole = replayed(api, **asked)
    asked["to"] = whole["to"]
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = replayed(api, **asked, **cursor, limit=limit)
        found += page["steps"]
        assert (page["from"], page["to"]) == (whole["from"], whole["to"])
        if page["next"] is None:
            break
        assert len(page["steps"]) == limit
        cursor = {"cursor": page["next"]}
    assert found == whole["steps"]


def test_a_key_of_a_customer_sees_its_own_steps_only(
    api: Caller, key_of: Callable[..., Caller], story: Story
):
    own = key_of("auditor", customer=story.customer)
    assert replayed(own)["steps"] == replayed(api, license=story.license)["steps"]
    another = key_of("auditor", customer="another-customer")
    assert replayed(another)["steps"] == []
    assert replayed(another, license=story.license)["steps"] == []


# Lists as of then.


def test_lists_as_of_then_show_each_what_it_may_see(
    api: Caller,
    key_of: Callable[..., Caller],
    under_activation_key: Callable[[str], Caller],
    story: Story,
):
    before, begin = story.positions[0] - 1, story.positions[0]
    own = key_of("auditor", customer=story.customer)
    another = key_of("auditor", customer="another-customer")
    by_license = under_activation_key(story.activation_key)

    def listed(caller: Caller, as_of: int) -> list[str]:
        page = done(caller.http.get("/v1/licenses", params={"as_of": as_of, "limit": 1000}))
        assert page["as_of"] == as_of
        return [each["id"] for each in page["licenses"]]

    for caller in (own, by_license):
        assert listed(caller, before) == []
        assert listed(caller, begin) == [story.license]
    assert listed(another, begin) == []
    assert story.license in listed(api, begin)
    for path, name in (("/v1/audit", "entries"), ("/v1/keys", "keys")):
        at = story.positions[6]
        page = done(own.http.get(path, params={"as_of": at}))
        assert page[name], "the key was made by then"
        assert done(another.http.get(path, params={"as_of": at}))[name] == []


@pytest.mark.parametrize("limit", [1, 2])
def test_lists_as_of_then_in_pages(api: Caller, story: Story, limit: int):
    at = story.positions[8]
    lists: list[tuple[str, str, dict[str, Any]]] = [
        ("/v1/licenses", "licenses", {}),
        (f"/v1/licenses/{story.license}/tenures", "tenures", {}),
        ("/v1/audit", "entries", {"license": story.license}),
        ("/v1/keys", "keys", {}),
    ]
    for path, name, of in lists:
        whole = done(api.http.get(path, params={**of, "as_of": at, "limit": 1000}))[name]
        found: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            asked = {**of, **cursor, "as_of": at, "limit": limit}
            page = done(api.http.get(path, params=asked))
            found += page[name]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert found == whole


def test_a_key_that_was_revoked_later_was_in_force_then(api: Caller, unique: Callable[[str], str]):
    key = unique("key")
    made = position_of(api.key("auditor", id=key))
    revoked = position_of(api.http.delete(f"/v1/keys/{key}"))

    def then(as_of: int) -> Any:
        page = done(api.http.get("/v1/keys", params={"as_of": as_of, "limit": 1000}))
        return {each["id"]: each["revoked_at"] for each in page["keys"]}.get(key, "not made")

    assert then(made - 1) == "not made"
    assert then(made) is None
    assert then(revoked - 1) is None
    assert then(revoked) is not None
