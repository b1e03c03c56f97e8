"""Procedures over the API: the offline failover's three steps as one item, and who may see it."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest

from tests.api import shapes
from tests.api.calls import Caller, done, problem
from tests.api.shapes import differences

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PROCEDURE: dict[str, Any] = {
    "kind": "offline-failover",
    "license": str,
    "former": str,
    "deployment": str,
    "reason": (None, str),
    "trace_id": (None, re.compile("[0-9a-f]{32}")),
    "began_at": shapes.TIME,
    "ended_at": shapes.TIME,
    "entries": [shapes.ENTRY],
}


def with_reason(reason: str) -> dict[str, str]:
    return {"Hotslot-Reason": reason}


def in_trace(trace: str) -> dict[str, str]:
    return {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}


class Failover(NamedTuple):
    """A license that a file activated one deployment of, and registered another one as a backup."""

    api: Caller
    license: str
    file: str
    p: str
    q: str

    def deactivate(self, headers: dict[str, str]) -> httpx.Response:
        return self.api.deactivate(self.p, headers)

    def unregister(self, headers: dict[str, str]) -> httpx.Response:
        return self.api.unregister(self.q, headers)

    def activate(self, headers: dict[str, str]) -> httpx.Response:
        return self.api.activate(self.q, headers=headers, license_file=self.file)

    def steps(self, *headers: dict[str, str]) -> None:
        for step, sent in zip(
            (self.deactivate, self.unregister, self.activate), headers, strict=True
        ):
            done(step(sent))


Begin = Callable[..., Failover]


@pytest.fixture
def begin(api: Caller, unique: Callable[[str], str]) -> Begin:
    def begin(customer: str = "acme") -> Failover:
        license_id, p, q = api.issued(customer=customer), unique("p"), unique("q")
        file = api.file(license_id)
        assert file.status_code == 200, file.text
        done(api.activate(p, license_file=file.text))
        done(api.register(q, license_file=file.text, standby_for=p))
        return Failover(api, license_id, file.text, p, q)

    return begin


def found(caller: Caller, **asked: Any) -> list[Any]:
    page = done(caller.http.get("/v1/audit/procedures", params=asked))
    shape = {"procedures": [PROCEDURE], "next": (None, str), "as_of": (None, int)}
    assert differences(page, shape) == []
    listed: list[Any] = page["procedures"]
    return listed


def test_the_three_steps_for_one_reason_are_one_procedure(api: Caller, begin: Begin):
    failover = begin()
    failover.steps(*[with_reason("site%20fire")] * 3)

    (shown,) = found(api, license=failover.license)

    assert (shown["former"], shown["deployment"]) == (failover.p, failover.q)
    assert (shown["license"], shown["reason"]) == (failover.license, "site fire")
    assert shown["trace_id"] is None
    steps = shown["entries"]
    assert [(each["type"], each["deployment"]) for each in steps] == [
        ("license.deployment-deactivated", failover.p),
        ("license.backup-unregistered", failover.q),
        ("license.deployment-activated", failover.q),
    ]
    assert steps[2]["data"]["mode"] == "offline"
    assert (shown["began_at"], shown["ended_at"]) == (steps[0]["at"], steps[2]["at"])
    trail = api.trail(license=failover.license)
    assert [each for each in trail if each["position"] in {e["position"] for e in steps}] == steps


def test_the_three_steps_in_one_trace_are_one_procedure(api: Caller, begin: Begin):
    failover = begin()
    failover.steps(in_trace(TRACE), {**in_trace(TRACE), **with_reason("why")}, in_trace(TRACE))

    (shown,) = found(api, license=failover.license)

    assert (shown["reason"], shown["trace_id"]) == (None, TRACE)


@pytest.mark.parametrize(
    "headers",
    [
        [{}, {}, {}],
        [with_reason("1"), with_reason("1"), with_reason("2")],
        [in_trace(TRACE), in_trace(TRACE), in_trace(TRACE.replace("4", "5"))],
        [with_reason("1"), {**with_reason("1"), **in_trace(TRACE)}, in_trace(TRACE)],
    ],
    ids=["no tie", "two reasons", "two traces", "a reason and then a trace"],
)
def test_steps_that_nothing_ties_are_none(api: Caller, begin: Begin, headers: list[dict[str, str]]):
    failover = begin()
    failover.steps(*headers)

    assert api.deployment(failover.q)["role"] == "active"
    assert found(api, license=failover.license) == []


def test_steps_in_another_order_are_none(api: Caller, begin: Begin):
    failover, sent = begin(), with_reason("drill")
    done(failover.unregister(sent))
    done(failover.deactivate(sent))
    done(failover.activate(sent))

    assert found(api, license=failover.license) == []


def test_an_online_activation_ends_none(api: Caller, begin: Begin):
    failover, sent = begin(), with_reason("drill")
    done(failover.deactivate(sent))
    done(failover.unregister(sent))
    done(api.activate(failover.q, failover.license, reason="drill"))

    assert found(api, license=failover.license) == []


def test_refused_tries_in_between_do_not_part_it(api: Caller, begin: Begin):
    failover, sent = begin(), with_reason("drill")
    assert api.nominate(failover.q, sent).status_code == 409
    done(failover.deactivate(sent))
    assert failover.activate(sent).status_code == 409
    done(failover.unregister(sent))
    assert failover.unregister(sent).status_code == 409
    done(failover.activate(sent))

    assert len(found(api, license=failover.license)) == 1


def test_by_deployment_and_page_by_page(api: Caller, begin: Begin):
    there = begin()
    there.steps(*[with_reason("drill")] * 3)
    done(api.register(there.p, license_file=there.file))
    back = there._replace(p=there.q, q=there.p)
    back.steps(*[with_reason("drill")] * 3)

    both = found(api, license=there.license)

    assert [(each["former"], each["deployment"]) for each in both] == [
        (there.p, there.q),
        (there.q, there.p),
    ]
    assert found(api, deployment=there.p) == found(api, deployment=there.q) == both
    asked = {"license": there.license, "limit": "1"}
    first = done(api.http.get("/v1/audit/procedures", params=asked))
    second = done(api.http.get("/v1/audit/procedures", params={**asked, "cursor": first["next"]}))
    assert first["procedures"] + second["procedures"] == both
    assert second["next"] is None


def test_as_of_then_it_is_there_from_its_last_step_on(api: Caller, begin: Begin):
    failover = begin()
    failover.steps(*[with_reason("drill")] * 3)

    (shown,) = found(api, license=failover.license)

    ended = shown["entries"][-1]
    assert found(api, license=failover.license, as_of=ended["position"] - 1) == []
    assert found(api, license=failover.license, as_of=ended["position"]) == [shown]
    assert found(api, license=failover.license, as_of=ended["at"]) == [shown]


def test_who_may_see_it(
    begin: Begin,
    key_of: Callable[..., Caller],
    nobody: Caller,
    unique: Callable[[str], str],
):
    customer = unique("customer")
    failover = begin(customer)
    failover.steps(*[with_reason("drill")] * 3)
    asked = {"license": failover.license}

    for role in ("operator", "auditor"):
        assert len(found(key_of(role, customer=customer), **asked)) == 1
        assert found(key_of(role, customer=unique("another")), **asked) == []
        assert len(found(key_of(role), **asked)) == 1
    assert len(found(key_of("auditor", customer=customer))) == 1
    problem(nobody.http.get("/v1/audit/procedures"), 401, "unauthenticated")
    node = key_of("node", deployment=failover.q)
    assert node.http.get("/v1/audit").status_code == 403
    problem(node.http.get("/v1/audit/procedures"), 403, "forbidden")


@pytest.mark.parametrize(
    "asked",
    [{"limit": "0"}, {"limit": "1001"}, {"cursor": "first"}, {"license": "a\x00"}],
    ids=str,
)
def test_what_cannot_be_asked(api: Caller, asked: dict[str, str]):
    problem(api.http.get("/v1/audit/procedures", params=asked), 422, "invalid-input")


def test_it_is_read_after_a_position_only_once_that_is_known(api: Caller):
    ahead = api.head() + 1_000_000
    answer = api.http.get("/v1/audit/procedures", params={"min_position": ahead})
    assert "ahead of the ledger" in problem(answer, 422, "invalid-input")["detail"]
