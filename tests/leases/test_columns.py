"""`hotslot status`, `hotslot license show`: when each holder was seen, and when its lease ends."""

import json
import re
from typing import Any

import pytest

from tests.cli.answers import SINCE, license_
from tests.cli.conftest import stub
from tests.cli.stub import Stub
from tests.command_line import Hotslot

__all__ = ["stub"]

LEASE = {"seen_at": SINCE, "expires_at": "2026-03-01T10:01:00.500000Z", "stale": False}
LIST = "/v1/licenses/lic-1/deployments"


def held(deployment: str, **more: Any) -> dict[str, Any]:
    holder: dict[str, Any] = license_()["active"][0]
    return holder | {"deployment": deployment, "standby_for": None} | more


@pytest.fixture
def license_of_three(stub: Stub) -> None:
    """Two active ones and a backup."""
    shown = license_(active=[held("a"), held("b")], backups=[held("c")], backup_count=1)
    stub.answer("GET", "/v1/licenses/lic-1", shown)


def row(out: str, deployment: str) -> str:
    (found,) = (line for line in out.splitlines() if line.startswith(f"{deployment} "))
    return found


@pytest.mark.usefixtures("license_of_three")
@pytest.mark.parametrize("asked", ["status lic-1", "license show lic-1"])
def test_each_holder_is_shown_with_its_lease(hotslot: Hotslot, stub: Stub, asked: str) -> None:
    holders = [held("a", lease=LEASE), held("b"), held("c", lease=LEASE | {"stale": True})]
    stub.answer("GET", LIST, {"deployments": holders, "next": "x"})
    out = hotslot(*asked.split()).out
    assert stub.asked[1].query["limit"] == "3"
    assert out.count("last seen (UTC)") == out.count("lease ends (UTC)") == 2
    assert re.search(r"10:00:00.123 .*10:01:00.500 +no *$", row(out, "a"))
    assert re.search(r" - +- +- *$", row(out, "b"))
    assert re.search(r"10:01:00.500 +yes *$", row(out, "c"))


@pytest.mark.usefixtures("license_of_three")
def test_programs_get_the_leases_with_the_holders(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", LIST, {"deployments": [held("b", lease=LEASE)], "next": None})
    shown = json.loads(hotslot("license", "show", "lic-1", "--json").out)
    assert [each.get("lease") for each in shown["active"]] == [None, LEASE]


@pytest.mark.usefixtures("license_of_three")
def test_where_nobody_took_a_lease_there_are_no_columns(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", LIST, {"deployments": [held("a"), held("b"), held("c")], "next": None})
    ended = hotslot("license", "show", "lic-1")
    assert (ended.status, len(stub.asked)) == (0, 2)
    assert "lease" not in ended.out
    assert "last seen" not in ended.out


@pytest.mark.usefixtures("license_of_three")
def test_as_of_earlier_no_leases_are_asked_for(hotslot: Hotslot, stub: Stub) -> None:
    assert hotslot("license", "show", "lic-1", "--as-of", "3").status == 0
    assert [asked.path for asked in stub.asked] == ["/v1/licenses/lic-1"]


@pytest.mark.usefixtures("license_of_three")
@pytest.mark.parametrize(("status", "ends_with"), [(403, 0), (404, 0), (500, 3)])
def test_a_key_that_may_not_have_the_list_sees_the_license(
    hotslot: Hotslot, stub: Stub, status: int, ends_with: int
) -> None:
    problem = {"code": "forbidden", "status": status, "detail": "no"}
    stub.answer("GET", LIST, problem, status=status)
    ended = hotslot("license", "show", "lic-1")
    assert ended.status == ends_with
    assert ("position" in ended.out) == (ends_with == 0)
