"""Reads of the audit trail: every filter, pages, and times."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection

from hotslot.domain.events import (
    Actor,
    Context,
    KeyCreated,
    LicenseRenewed,
    LicenseSuspended,
    Recorded,
)
from projections import reading
from projections.reading import InvalidCursorError
from projections.trail import queries
from tests.projections.conftest import follow
from tests.projections.history import START, History, write
from tests.projections.test_procedures import EXPLAIN, cost
from tests.projections.test_slots_reads import read

BOOTSTRAP = Actor("system", "bootstrap")


@pytest.fixture
def trail(dsn: str, history: History) -> str:
    """The history, and what others than the operator did."""
    history.record(
        KeyCreated(key="k", role="node", customer="acme", deployment="a", sha256="0" * 64),
        actor=BOOTSTRAP,
        reason="first start",
    )
    history.record(
        LicenseSuspended(license="license-2"), actor=Actor("activation-key", "license-2")
    )
    with follow(dsn, history.write(dsn), "trail"):
        return dsn


def found(dsn: str, **filters: Any) -> list[int]:
    async def positions(connection: AsyncConnection[Any]) -> list[int]:
        return [entry.position for entry in (await queries.entries(connection, **filters)).rows]

    return read(dsn, positions)


def expected(history: History, **wanted: Any) -> list[int]:
    """Positions of the events whose fields are these."""
    return [
        each.position
        for each in history.events
        if all(getattr(each.event, name, None) == value for name, value in wanted.items())
    ]


def test_every_event_is_an_entry(trail: str, history: History):
    rows = read(trail, queries.entries).rows

    assert [row.index for row in rows] == list(range(history.position))
    for row, recorded in zip(rows, history.events, strict=True):
        assert (row.position, row.type) == (recorded.position, recorded.event.type)
        assert (row.stream, row.stream_version) == (recorded.stream, recorded.version)
        assert (row.at, row.actor) == (recorded.context.at, recorded.context.actor)
        assert (row.request_id, row.reason) == (
            recorded.context.request_id,
            recorded.context.reason,
        )
    (created,) = [row for row in rows if row.type == "key.created"]
    assert json.loads(bytes(created.data))["role"] == "node"
    assert created.deployment is None, "the key is for it, nothing happened to it"


def test_by_license(trail: str, history: History):
    assert found(trail, license_id="license-1") == expected(history, license="license-1")
    assert found(trail, license_id="none") == []


def test_by_deployment_and_by_being_replaced(trail: str, history: History):
    replaced = expected(history, replaced="a")
    assert len(replaced) == 1
    assert found(trail, deployment="a") == sorted(
        {*replaced, *expected(history, deployment="a")} - set(expected(history, key="k"))
    )
    assert found(trail, deployment="a", type_="license.backup-nominated") == replaced


def test_by_actor(trail: str, history: History):
    assert found(trail, actor="bootstrap") == expected(history, key="k")
    assert found(trail, actor="system:bootstrap") == expected(history, key="k")
    assert found(trail, actor="key:bootstrap") == []
    assert found(trail, actor="activation-key:license-2") == [history.position]


def test_by_type_and_outcome(trail: str, history: History):
    refused = expected(history, type="license.command-refused")
    assert refused
    assert found(trail, outcome="refused") == refused
    assert found(trail, type_="license.command-refused") == refused
    assert len(found(trail, outcome="done")) == history.position - len(refused)


def test_by_customer(trail: str, history: History):
    assert found(trail, customer="globex") == expected(history, license="license-2")
    assert found(trail, customer="globex", license_id="license-1") == []
    assert not set(found(trail, customer="acme")) & set(expected(history, key="k"))


def test_by_time(trail: str, history: History):
    first, last = history.events[4].context.at, history.events[9].context.at
    assert found(trail, since=first, until=last) == [
        each.position for each in history.events if first <= each.context.at <= last
    ]
    assert found(trail, since=last + timedelta(days=1)) == []
    assert found(trail, until=START - timedelta(days=1)) == []


@pytest.mark.parametrize("filters", [{}, {"license_id": "license-1"}, {"deployment": "a"}])
def test_in_pages(trail: str, filters: dict[str, Any]):
    async def in_pages(connection: AsyncConnection[Any]) -> list[int]:
        pages, cursor = [], None
        while True:
            page = await queries.entries(connection, cursor=cursor, limit=2, **filters)
            assert 1 <= len(page.rows) <= 2
            pages += [entry.position for entry in page.rows]
            if (cursor := page.next) is None:
                return pages

    assert read(trail, in_pages) == found(trail, **filters)


@pytest.mark.parametrize(
    "filters", [{}, {"license_id": "license-1"}, {"deployment": "a"}, {"outcome": "refused"}]
)
def test_as_of_every_position(trail: str, history: History, filters: dict[str, Any]):
    """What was recorded by then, and nothing of what came later; in pages too."""

    async def in_pages(connection: AsyncConnection[Any], as_of: int) -> list[int]:
        pages, cursor = [], None
        while True:
            page = await queries.entries(connection, as_of=as_of, cursor=cursor, limit=2, **filters)
            pages += [entry.position for entry in page.rows]
            if (cursor := page.next) is None:
                return pages

    whole = found(trail, **filters)
    for position in range(history.position + 1):
        expected_then = [each for each in whole if each <= position]
        assert found(trail, as_of=position, **filters) == expected_then
        assert read(trail, lambda c: in_pages(c, position)) == expected_then  # noqa: B023
        assert found(trail, first=position, **filters) == [
            each for each in whole if each >= position
        ]


def test_entries_are_counted_between_two_positions_as_far_as_is_wanted(
    trail: str, history: History
):
    whole = expected(history, license="license-1")
    for after in range(history.position + 1):
        for last in range(after, history.position + 1):
            between = [each for each in whole if after < each <= last]
            asked = {"after": after, "last": last}
            for most, counted in ((100, len(between)), (2, min(2, len(between)))):
                assert counted == read(
                    trail,
                    lambda c: queries.entries_between(c, "license-1", most=most, **asked),  # noqa: B023
                )


PAGES: dict[str, dict[str, Any]] = {
    "all": {},
    "of a license": {"license_id": "license-1"},
    "of a customer": {"customer": "acme"},
    "of a license, from a position on": {"license_id": "license-1", "first": 290},
}


@pytest.mark.parametrize("name", PAGES)
def test_the_last_page_as_of_then_ends_there(dsn: str, name: str, monkeypatch: pytest.MonkeyPatch):
    """It is not looked for in what came later."""
    history = History()
    history.issue("license-1")
    for _ in range(1000):
        history.record(LicenseSuspended(license="license-1"))
    with follow(dsn, history.write(dsn), "trail"):
        pass

    async def passed_over(connection: AsyncConnection[Any]) -> int:
        plans = []

        async def fetch(connection: AsyncConnection[Any], statement: Any, values: Any) -> Any:
            ((plan,),) = await reading.fetch(connection, EXPLAIN + statement, values)
            plans.append(plan)
            return []

        monkeypatch.setattr(queries, "fetch", fetch)
        await queries.entries(connection, cursor="298", as_of=300, limit=5, **PAGES[name])
        assert cost(plans[0]) > 0
        return sum(map(int, re.findall(r"'Rows Removed by Filter': (\d+)", str(plans))))

    assert read(dsn, passed_over) == 0


def test_a_cursor_of_no_list_is_refused(trail: str):
    with pytest.raises(InvalidCursorError):
        found(trail, cursor="first")


def test_the_position_at_a_time(trail: str, history: History):
    def at(seconds: float) -> int:
        return read(trail, lambda c: queries.position_at(c, START + timedelta(seconds=seconds)))

    for recorded in history.events:
        moment = (recorded.context.at - START).total_seconds()
        same = [each.position for each in history.events if each.context.at == recorded.context.at]
        assert at(moment) == at(moment + 0.5) == max(same)
    assert at(-1) == 0
    assert at(10**6) == history.position


def test_neighbors_may_be_swapped_in_time(dsn: str):
    """Two processes: what the second one decided later may get its position earlier."""
    history = History()
    history.issue("license-1")
    for seconds in (10.0, 10.4, 10.2):
        at = START + timedelta(seconds=seconds)
        history.record(LicenseRenewed(license="license-1", expires_at=at))
        last = history.events[-1]
        context = Context(at=at, actor=last.context.actor, request_id="r")
        history.events[-1] = Recorded(last.position, last.stream, last.version, context, last.event)
    with follow(dsn, history.write(dsn), "trail"):
        pass

    def at_seconds(seconds: float) -> int:
        moment = START + timedelta(seconds=seconds)
        return read(dsn, lambda c: queries.position_at(c, moment))

    asked = (9.9, 10.0, 10.1, 10.2, 10.3, 10.4, 10.5)
    assert [at_seconds(seconds) for seconds in asked] == [1, 2, 2, 4, 4, 4, 4]


def test_the_time_of_a_position(dsn: str, history: History):
    write(dsn, history.events)

    async def times(connection: AsyncConnection[Any]) -> list[Any]:
        return [await queries.time_of(connection, at) for at in range(history.position + 2)]

    moments = [each.context.at for each in history.events]
    assert read(dsn, times) == [None, *moments, moments[-1]]
