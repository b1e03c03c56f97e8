"""Reads of the slots projection: pages, filters, and that none of them reads a history."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg import AsyncConnection

from hotslot.domain import license as licenses
from hotslot.domain.events import CATALOGUE, LicenseRenewed, Mode, Role
from hotslot.domain.license import Status
from projections import reading
from projections.catalogue import PROJECTIONS
from projections.reading import NOW, InvalidCursorError
from projections.slots import queries, statements
from projections.slots.projection import HANDLERS, SlotsProjection
from tests.projections.conftest import follow
from tests.projections.history import START, History

T = TypeVar("T")

EARLIER = START - timedelta(days=1)
LATER = START + timedelta(days=365)


def read(dsn: str, ask: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
    async def connected() -> T:
        async with await AsyncConnection.connect(dsn) as connection:
            await reading.configure(connection)
            return await ask(connection)

    return asyncio.run(connected())


def test_every_event_has_an_answer():
    assert set(HANDLERS) == set(CATALOGUE.values())


def test_a_license_shows_its_first_backups_and_counts_them_all(dsn: str):
    history = History()
    history.issue("license-1")
    names = [f"d{number}" for number in range(queries.BACKUPS_SHOWN + 5)]
    for name in names:
        history.register(name, "license-1")
    with follow(dsn, history.write(dsn), "slots"):
        pass

    for position in (None, history.position):
        view = read(dsn, lambda c: queries.license_view(c, "license-1", position))  # noqa: B023
        assert view is not None
        assert view.backup_count == len(names)
        assert [backup.deployment for backup in view.backups] == names[: queries.BACKUPS_READ]


def test_holders_come_in_pages(dsn: str):
    history = History()
    history.issue("license-1", slots=3)
    for name in ("a", "b", "c"):
        history.activate(name, "license-1")
    for name in ("x", "y"):
        history.register(name, "license-1")
    with follow(dsn, history.write(dsn), "slots"):
        pass

    async def pages(
        connection: AsyncConnection[Any], position: int | None, role: Role | None
    ) -> list[list[str]]:
        found, cursor = [], None
        while True:
            page = await queries.holders(
                connection, "license-1", role=role, position=position, cursor=cursor, limit=2
            )
            found.append([holder.deployment for holder in page.rows])
            if (cursor := page.next) is None:
                return found

    for at in (None, history.position):
        assert read(dsn, lambda c: pages(c, at, None)) == [["a", "b"], ["c", "x"], ["y"]]  # noqa: B023
        assert read(dsn, lambda c: pages(c, at, Role.ACTIVE)) == [["a", "b"], ["c"]]  # noqa: B023
        assert read(dsn, lambda c: pages(c, at, Role.BACKUP)) == [["x", "y"]]  # noqa: B023


@pytest.mark.parametrize("position", [None, 1])
@pytest.mark.parametrize(
    "cursor",
    [
        "active",
        "active.",
        "owner.1",
        "active.-1",
        "active.1x",
        f"active.{2**31 - 1}",
        f"backup.{'9' * 18}",
        f"active.{'9' * 5000}",
    ],
)
def test_a_cursor_of_no_list_is_refused(followed: str, cursor: str, position: int | None):
    with pytest.raises(InvalidCursorError):
        read(
            followed,
            lambda c: queries.holders(c, "license-1", position=position, cursor=cursor),
        )


@pytest.mark.parametrize("position", [None, 1])
@pytest.mark.parametrize("role", [Role.ACTIVE, Role.BACKUP])
def test_a_cursor_of_the_last_seat_ends_the_list(followed: str, role: Role, position: int | None):
    cursor = f"{role}.{queries.SEATS - 1}"
    page = read(
        followed,
        lambda c: queries.holders(c, "license-1", role=role, position=position, cursor=cursor),
    )
    assert page == ([], None)


@pytest.mark.parametrize("position", [None, 1])
@pytest.mark.parametrize(("role", "cursor"), [(Role.ACTIVE, "backup.0"), (Role.BACKUP, "active.0")])
def test_a_cursor_of_the_other_role_is_refused(
    followed: str, role: Role, cursor: str, position: int | None
):
    with pytest.raises(InvalidCursorError):
        read(
            followed,
            lambda c: queries.holders(c, "license-1", role=role, position=position, cursor=cursor),
        )


def test_a_mode_that_changes_begins_a_tenure(dsn: str):
    history = History()
    history.issue("license-1")
    history.activate("a", "license-1", Mode.OFFLINE)
    history.activate("a", "license-1", Mode.ONLINE)
    with follow(dsn, history.write(dsn), "slots"):
        pass

    tenures = read(dsn, lambda c: queries.tenures(c, "license-1")).rows

    assert [(each.mode, each.to is None) for each in tenures] == [
        (Mode.OFFLINE, False),
        (Mode.ONLINE, True),
    ]
    assert tenures[0].to is not None
    assert tenures[0].to.type == "license.deployment-deactivated"
    assert tenures[1].from_.type == "license.deployment-activated"


def test_tenures_come_in_pages(followed: str):
    whole = read(followed, lambda c: queries.tenures(c, "license-1"))
    first = read(followed, lambda c: queries.tenures(c, "license-1", limit=3))
    rest = read(followed, lambda c: queries.tenures(c, "license-1", cursor=first.next, limit=10))

    assert len(first.rows) == 3
    assert first.rows + rest.rows == whole.rows
    assert rest.next is None
    assert [each.from_.position for each in whole.rows] == sorted(
        each.from_.position for each in whole.rows
    )


def test_licenses_are_listed_by_customer_and_status(dsn: str):
    history = History()
    for number, customer in enumerate(("acme", "acme", "globex", "acme", "acme")):
        history.issue(f"license-{number}", customer=customer)
    history.decide(licenses.suspend(history.license("license-1")), "suspend", "license-1", "")
    history.record(LicenseRenewed(license="license-3", expires_at=START))
    history.decide(licenses.revoke(history.license("license-4")), "revoke", "license-4", "")
    with follow(dsn, history.write(dsn), "slots"):
        pass

    async def ids(connection: AsyncConnection[Any], **asked: Any) -> list[str]:
        page = await queries.licenses(connection, **{"now": LATER, **asked})
        return [view.license for view in page.rows]

    def listed(**asked: Any) -> list[str]:
        return read(dsn, lambda c: ids(c, **asked))

    assert listed() == [f"license-{number}" for number in range(5)]
    assert listed(customer="globex") == ["license-2"]
    assert listed(customer="nobody") == []
    assert listed(status=Status.VALID) == ["license-0", "license-2"]
    assert listed(status=Status.VALID, customer="acme") == ["license-0"]
    assert listed(status=Status.SUSPENDED) == ["license-1"]
    assert listed(status=Status.EXPIRED) == ["license-3"]
    assert listed(status=Status.EXPIRED, now=EARLIER) == []
    assert listed(status=Status.REVOKED) == ["license-4"]
    first = read(dsn, lambda c: queries.licenses(c, now=LATER, customer="acme", limit=2))
    assert [view.license for view in first.rows] == ["license-0", "license-1"]
    assert listed(customer="acme", cursor=first.next) == ["license-3", "license-4"]


@pytest.fixture(scope="module")
def long_history(new_database: Callable[[], str]) -> tuple[str, int]:
    """A license of one slot after 1,000 nominations, with 100 backups; and its last position."""
    dsn, history = new_database(), History()
    history.issue("license-1")
    history.activate("d0", "license-1")
    for number in range(1, 101):
        history.register(f"d{number}", "license-1")
    for number in range(1000):
        (active,) = history.license("license-1").active
        history.nominate(f"d{number % 100 + 1}" if active != f"d{number % 100 + 1}" else "d0")
        history.register(active, "license-1")
    with follow(dsn, history.write(dsn), "slots"):
        pass
    return dsn, history.position


READS: dict[str, tuple[str, dict[str, Any]]] = {
    "license now": (statements.LICENSE_NOW, {"position": NOW}),
    "license as of": (statements.LICENSE_AS_OF, {"backups": 10}),
    "licenses as of": (
        statements.LICENSES.format(holders=statements.HOLDERS_SHOWN_AT),
        {"after": "", "status": None, "now": START, "limit": 10, "backups": 10},
    ),
    "deployment now": (statements.DEPLOYMENT, {"position": NOW}),
    "deployment as of": (statements.DEPLOYMENT, {}),
    "actives as of": (statements.HOLDERS_AS_OF, {"role": Role.ACTIVE.value, "limit": 1}),
    "backups as of": (statements.HOLDERS_AS_OF, {"role": Role.BACKUP.value, "limit": 10}),
    "holders now": (statements.HOLDERS_NOW, {"role": "active", "last_role": "backup", "limit": 10}),
    "tenures": (statements.TENURES, {"after": 0, "limit": 10}),
    "held by": (statements.HELD_BY, {"deployments": ["d7", "d8"]}),
    "steps": (
        statements.STEPS,
        {"licenses": ["license-1"] * 5, "positions": [100, 101, 102, 1000, 1001], "named": 10},
    ),
}


@pytest.mark.parametrize("name", READS)
def test_no_read_goes_through_the_history(long_history: tuple[str, int], name: str):
    """Counted in pages: 2,100 tenures and 2,101 states lie on far more than these."""
    dsn, last = long_history
    statement, asked = READS[name]
    values = {"license": "license-1", "deployment": "d7", "position": last // 2, "seat": 0, **asked}

    async def plan(connection: AsyncConnection[Any]) -> tuple[int, str]:
        explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
        await connection.execute(statement, values)  # loads what the planner looks up
        ((found,),) = await reading.fetch(connection, explained, values)
        top = found[0]["Plan"]
        return top["Shared Hit Blocks"] + top["Shared Read Blocks"], str(found)

    pages, explained = read(dsn, plan)

    assert "Seq Scan" not in explained
    assert pages < 250, explained


def test_seats_are_given_again(long_history: tuple[str, int]):
    dsn, _ = long_history
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT role, max(seat) FROM slots.tenures GROUP BY role ORDER BY role"
        ).fetchall()
    assert found == [("active", 1), ("backup", 100)]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_the_lowest_free_seat_is_given_first(dsn: str, size: int):
    """However the events are batched: here so many at a time."""
    history = History()
    history.issue("license-1")
    for name in ("a", "b", "c", "d", "e"):
        history.register(name, "license-1")
    for name in ("b", "d", "a"):
        history.unregister(name)
    for name in ("first", "second", "third", "fourth"):
        history.register(name, "license-1")
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SET search_path TO slots")
        for begin in range(0, history.position, size):
            SlotsProjection().apply(cursor, history.events[begin : begin + size])

    holders = read(dsn, lambda c: queries.holders(c, "license-1")).rows

    assert [each.deployment for each in holders] == [
        "first",
        "second",
        "c",
        "third",
        "e",
        "fourth",
    ]


def test_the_position_of_a_projection(followed: str, history: History):
    for name in (*PROJECTIONS, "none"):
        found = read(followed, lambda c: reading.projection_position(c, name))  # noqa: B023
        assert found == (history.position if name in PROJECTIONS else 0)
