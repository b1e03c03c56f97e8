"""The state at every earlier position and time is what the API said then."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.calls import Caller, done, in_a_moment, position_of, problem, until_expired

Step = Callable[[], Any]


class Moment:
    """What the API said of everything, right after a step."""

    def __init__(self, api: Caller, lic: str, deployments: tuple[str, ...], position: int) -> None:
        self.position = position
        self.slots = slots(api, lic, deployments)
        self.record = record(api, lic)


def slots(api: Caller, lic: str, deployments: tuple[str, ...], **asked: Any) -> list[Any]:
    """Who holds what, and who did."""
    of_customer = {"customer": f"customer of {lic}", **asked}
    said = [
        api.license(lic, **asked),
        *(api.deployment(d, **asked) for d in deployments),
        api.holders(lic, **asked),
        api.holders(lic, role="backup", **asked),
        api.tenures(lic, **asked),
        done(api.http.get("/v1/licenses", params=of_customer)),
        done(api.http.get("/v1/licenses", params={**of_customer, "status": "valid"})),
    ]
    return [without_as_of(each) for each in said]


def record(api: Caller, lic: str, **asked: Any) -> list[Any]:
    """What the trail says, and which keys there are."""
    paths = ("/v1/audit", "/v1/audit/procedures", "/v1/failovers")
    said = [done(api.http.get(path, params={"license": lic, **asked})) for path in paths]
    said.append(done(api.http.get("/v1/keys", params={"limit": 1000, **asked})))
    return [without_as_of(each) for each in said]


def without_as_of(said: Any) -> Any:
    """What was said, without the position that it was as of."""
    if isinstance(said, dict):
        return {name: without_as_of(each) for name, each in said.items() if name != "as_of"}
    return [without_as_of(each) for each in said] if isinstance(said, list) else said


@pytest.fixture(scope="module")
def story(api: Caller) -> tuple[str, tuple[str, ...], list[Moment]]:
    """A license's whole life, with what was said after each step of it."""
    lic = "the-story"
    issued = api.issue(id=lic, slots=2, customer=f"customer of {lic}")
    done(issued, 201)
    names = tuple(f"{name}@{lic}" for name in "abcd")
    a, b, c, d = names
    steps: list[Step] = [
        lambda: api.activate(a, lic),
        lambda: api.register(b, lic, standby_for=a),
        lambda: api.register(c, lic),
        lambda: api.nominate(b),
        lambda: api.register(a, lic, standby_for=b),
        lambda: api.activate(d, lic),
        lambda: api.change(lic, "suspension"),
        lambda: api.change(lic, "reinstatement"),
        lambda: api.nominate(a),
        lambda: api.unregister(c),
        lambda: api.deactivate(d),
        lambda: api.change(lic, "resize", slots=1),
        lambda: api.change(lic, "renewal", expires_at="2020-01-01T00:00:00Z"),
        lambda: api.change(lic, "renewal", expires_at="2999-01-01T00:00:00Z"),
        lambda: api.register(c, lic, standby_for=d),
        lambda: api.issue(id=f"{lic}-2", customer=f"customer of {lic}"),
        lambda: api.key("auditor", id=f"{lic}-key"),
        lambda: api.http.delete(f"/v1/keys/{lic}-key"),
        lambda: api.change(lic, "revocation"),
        lambda: api.deactivate(a),
    ]
    moments = [Moment(api, lic, names, position_of(issued))]
    for step in steps:
        answer = step()
        assert answer.is_success, answer.text
        moments.append(Moment(api, lic, names, position_of(answer)))
    return lic, names, moments


def test_as_of_every_position(api: Caller, story: tuple[str, tuple[str, ...], list[Moment]]):
    lic, names, moments = story
    for moment in moments:
        assert slots(api, lic, names, as_of=moment.position) == moment.slots
        assert record(api, lic, as_of=moment.position) == moment.record


def test_as_of_every_time(api: Caller, story: tuple[str, tuple[str, ...], list[Moment]]):
    lic, names, moments = story
    since = api.trail(license=lic)[0]["at"]
    times = {entry["position"]: entry["at"] for entry in api.trail(since=since)}
    for moment in moments:
        assert slots(api, lic, names, as_of=times[moment.position]) == moment.slots
        assert record(api, lic, as_of=times[moment.position]) == moment.record


def test_a_step_shows_at_its_first_event_as_a_whole(
    api: Caller, story: tuple[str, tuple[str, ...], list[Moment]]
):
    """A nomination has three events: there is no position at which nobody, or both, are active."""
    lic, names, moments = story
    before, after = moments[3], moments[4]
    assert after.position - before.position == 3
    for position in range(before.position + 1, after.position + 1):
        assert slots(api, lic, names, as_of=position) == after.slots


def test_the_answer_says_which_position_a_time_is(
    api: Caller, story: tuple[str, tuple[str, ...], list[Moment]]
):
    lic, _, moments = story
    last = moments[-1].position
    at = next(e["at"] for e in api.trail(license=lic) if e["position"] == last)
    assert api.license(lic, as_of=at)["as_of"] == last
    assert api.license(lic, as_of=at.replace("Z", "+00:00"))["as_of"] == last


def test_before_it_was_issued_there_is_no_license(
    api: Caller, story: tuple[str, tuple[str, ...], list[Moment]]
):
    lic, (a, *_), moments = story
    for as_of in (0, moments[0].position - 1, "2001-01-01T00:00:00Z"):
        for path in ("", "/deployments", "/tenures"):
            answer = api.http.get(f"/v1/licenses/{lic}{path}", params={"as_of": as_of})
            problem(answer, 404, "unknown-license")
        assert api.deployment(a, as_of=as_of)["role"] == "unlicensed"


def test_an_end_by_time_shows_from_that_time_on(api: Caller):
    """Nothing is recorded at that instant: as of every event before it, the license is valid."""
    ends_at = in_a_moment()
    lic = api.issued(expires_at=ends_at)
    active = f"a@{lic}"
    position = done(api.activate(active, lic))["position"]
    until_expired(api, lic)
    last = api.trail(license=lic)[-1]["at"]
    for as_of, status in [(position, "valid"), (last, "valid"), (ends_at, "expired")]:
        assert api.license(lic, as_of=as_of)["status"] == status
        assert api.deployment(active, as_of=as_of)["capabilities"]["process"] == (status == "valid")
    renewed = position_of(api.change(lic, "renewal", expires_at=None))
    assert api.license(lic, as_of=renewed)["status"] == "valid"
    assert api.license(lic, as_of=ends_at)["status"] == "expired"


READS = [
    "/v1/licenses",
    "/v1/licenses/{lic}",
    "/v1/licenses/{lic}/deployments",
    "/v1/licenses/{lic}/tenures",
    "/v1/deployments/d",
    "/v1/audit",
    "/v1/audit/procedures",
    "/v1/failovers",
    "/v1/keys",
]


@pytest.mark.parametrize("path", READS)
def test_every_answer_says_the_position(
    api: Caller, story: tuple[str, tuple[str, ...], list[Moment]], path: str
):
    lic, _, moments = story
    position = moments[-1].position
    at = next(e["at"] for e in api.trail(license=lic) if e["position"] == position)
    for as_of, said in ((position, position), (at, position), (None, None)):
        asked = {} if as_of is None else {"as_of": as_of}
        answer = api.http.get(path.format(lic=lic), params=asked)
        assert done(answer)["as_of"] == said
        if said is not None:
            assert position_of(answer) == said


@pytest.mark.parametrize(
    "bad",
    ["yesterday", "", "-1", "1.5", "2026-01-01", "2026-01-01T00:00:00", "0x10", "9" * 30, "\u0661"],
)
@pytest.mark.parametrize("path", READS)
def test_what_is_neither_a_position_nor_a_time(
    api: Caller, story: tuple[str, tuple[str, ...], list[Moment]], path: str, bad: str
):
    answer = api.http.get(path.format(lic=story[0]), params={"as_of": bad})
    told = problem(answer, 422, "invalid-input")
    assert "as_of" in told["detail"]


@pytest.mark.parametrize("path", READS)
def test_a_position_that_is_still_to_come(
    api: Caller, story: tuple[str, tuple[str, ...], list[Moment]], path: str
):
    ahead = api.head() + 1
    answer = api.http.get(path.format(lic=story[0]), params={"as_of": ahead})
    assert str(ahead) in problem(answer, 422, "invalid-input")["detail"]


def test_of_a_time_that_is_still_to_come_the_answer_is_as_of_now(api: Caller):
    """What a license will be is not known: it may be renewed until then."""
    lic = api.issued(expires_at="2998-01-01T00:00:00Z")
    shown = api.license(lic, as_of="2999-01-01T00:00:00Z")
    assert (shown["status"], shown["as_of"]) == ("valid", api.head())
