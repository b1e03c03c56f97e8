"""Procedures of the trail: which entries are one, which are not, and the reads of them."""

import re
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import AsyncConnection

from hotslot.domain.events import (
    BackupNominated,
    BackupRegistered,
    BackupUnregistered,
    DeploymentActivated,
    DeploymentDeactivated,
    Event,
    Mode,
    Recorded,
)
from projections import reading
from projections.check import check
from projections.positions import FIND_BY_INDEX
from projections.reading import InvalidCursorError
from projections.trail import procedures, queries
from projections.trail.projection import TrailProjection
from tests.projections.conftest import follow
from tests.projections.history import History
from tests.projections.test_slots_reads import read

TRAIL = TrailProjection()
FIRST = 2
"""The index of the first step: two licenses were issued before it."""

# What is done to which deployment, on which license unless it's license-1, in which trace, and why:
# "D:p@license-2#trace/reason". A is an activation offline, a one online.
STEP = re.compile(r"([DURAaN]):(\w+)(?:@([\w-]+))?(?:#(\w+))?(?:/(.*))?")

INDEXES = """
SELECT former, deployment, array[began, unregistered, ended] FROM trail.procedures ORDER BY ended
"""


def event_of(kind: str, deployment: str, license_id: str) -> Event:
    about: dict[str, Any] = {"license": license_id, "deployment": deployment}
    match kind:
        case "D":
            return DeploymentDeactivated(**about, term=1)
        case "U":
            return BackupUnregistered(**about)
        case "R":
            return BackupRegistered(**about, mode=Mode.OFFLINE, standby_for=None, term=1)
        case "N":
            return BackupNominated(
                **about,
                mode=Mode.ONLINE,
                replaced=None,
                replaced_term=None,
                term=1,
                asked_at=None,
                wait_for_release=False,
            )
    mode = Mode.OFFLINE if kind == "A" else Mode.ONLINE
    return DeploymentActivated(**about, mode=mode, term=1)


def told(story: str) -> History:
    """Two licenses of two customers, and what a story does with them."""
    history = History()
    history.issue("license-1")
    history.issue("license-2", customer="globex")
    for step in story.split():
        match = STEP.fullmatch(step)
        assert match is not None, step
        kind, deployment, license_id, trace_id, reason = match.groups()
        history.record(event_of(kind, deployment, license_id or "license-1"), reason=reason)
        last = history.events[-1]
        context = msgspec.structs.replace(last.context, trace_id=trace_id)
        history.events[-1] = Recorded(last.position, last.stream, last.version, context, last.event)
    return history


@pytest.fixture(scope="module")
def database(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture(params=[1, 2, 1000], ids="in batches of {}".format)
def found(database: str, request: pytest.FixtureRequest) -> Callable[[str], list[Any]]:
    """Finds the procedures of a story: former, deployment, and the steps by their number."""

    def in_story(story: str) -> list[Any]:
        events: Sequence[Recorded] = told(story).events
        with psycopg.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(f'trail.{table}' for table in TRAIL.tables)}")
            cursor.execute("SET search_path TO trail")
            for begin in range(0, len(events), request.param):
                TRAIL.apply(cursor, events[begin : begin + request.param])
            rows = cursor.execute(INDEXES).fetchall()
        return [(former, to, [index - FIRST + 1 for index in steps]) for former, to, steps in rows]

    return in_story


PROCEDURE = [("p", "q", [1, 2, 3])]
LATER = [("p", "q", [1, 3, 5])]

ARE_ONE: dict[str, tuple[str, list[Any]]] = {
    "the same reason": ("D:p/drill U:q/drill A:q/drill", PROCEDURE),
    "the same trace": ("D:p#t U:q#t A:q#t", PROCEDURE),
    "the same trace, other reasons": ("D:p#t/1 U:q#t/2 A:q#t", PROCEDURE),
    "the same reason, other traces": ("D:p#t1/drill U:q#t2/drill A:q/drill", PROCEDURE),
    "others in between": ("D:p/drill D:x/other U:q/drill U:y A:q/drill", LATER),
    "the former one stands by early": ("D:p/drill R:p/drill U:q/drill a:x A:q/drill", LATER),
    "the last one that was deactivated": (
        "D:x/drill D:p/drill U:q/drill A:q/drill",
        [("p", "q", [2, 3, 4])],
    ),
    "the last one, by whichever tie": (
        "D:x#t D:p/drill U:q#t/drill A:q#t/drill",
        [("p", "q", [2, 3, 4])],
    ),
    "there and back": (
        "D:p/drill U:q/drill A:q/drill R:p/drill D:q/drill U:p/drill A:p/drill",
        [("p", "q", [1, 2, 3]), ("q", "p", [5, 6, 7])],
    ),
    "two at once": (
        "D:p/1 D:x/2 U:q/1 U:y/2 A:q/1 A:y/2",
        [("p", "q", [1, 3, 5]), ("x", "y", [2, 4, 6])],
    ),
    "two at once for one reason": (
        "D:p/1 D:x/1 U:q/1 U:y/1 A:q/1 A:y/1",
        [("x", "q", [2, 3, 5]), ("p", "y", [1, 4, 6])],
    ),
    "on two licenses": (
        "D:p@license-2/1 D:p/1 U:q/1 U:q@license-2/1 A:q/1 A:q@license-2/1",
        [("p", "q", [2, 3, 5]), ("p", "q", [1, 4, 6])],
    ),
    "a reason longer than an index takes": (
        "D:p/{0} U:q/{0} A:q/{0}".format("".join(chr(0x10000 + at * 37) for at in range(1000))),
        PROCEDURE,
    ),
}

ARE_NONE = {
    "no tie": "D:p U:q A:q",
    "an empty reason": "D:p/ U:q/ A:q/",
    "three reasons": "D:p/1 U:q/2 A:q/3",
    "three traces": "D:p#t1 U:q#t2 A:q#t3",
    "the first for another reason": "D:p/1 U:q/2 A:q/2",
    "the second for another reason": "D:p/1 U:q/2 A:q/1",
    "the third for another reason": "D:p/1 U:q/1 A:q/2",
    "the first without a tie": "D:p U:q#t/1 A:q#t/1",
    "the third without a tie": "D:p#t/1 U:q#t/1 A:q",
    "one tie here, the other there": "D:p/1 U:q#t/1 A:q#t",
    "a reason that is another's trace": "D:p#t U:q/t A:q#t",
    "online": "D:p/1 U:q/1 a:q/1",
    "offline after online": "D:p/1 U:q/1 a:q/1 A:q/1",
    "a nomination": "D:p/1 N:q/1",
    "the first on another license": "D:p@license-2/1 U:q/1 A:q/1",
    "the second on another license": "D:p/1 U:q@license-2/1 A:q/1",
    "the third on another license": "D:p/1 U:q/1 A:q@license-2/1",
    "another one activated": "D:p/1 U:q/1 A:x/1",
    "the former one back again": "D:p/1 a:p U:q/1 A:q/1",
    "the former one nominated": "D:p/1 R:p N:p U:q/1 A:q/1",
    "its own deactivation": "D:q/1 R:q U:q/1 A:q/1",
    "a backup in between": "D:p/1 U:q/1 R:q N:q/1 D:q A:q/1",
    "nobody deactivated": "U:q/1 A:q/1",
    "nobody unregistered": "D:p/1 A:q/1",
}


@pytest.mark.parametrize("name", ARE_ONE)
def test_what_is_one_procedure(found: Callable[[str], list[Any]], name: str):
    story, expected = ARE_ONE[name]
    assert found(story) == expected


@pytest.mark.parametrize("name", ARE_NONE)
def test_what_is_none(found: Callable[[str], list[Any]], name: str):
    assert found(ARE_NONE[name]) == []


@pytest.mark.parametrize("steps", list(permutations(("D:p/1", "U:q/1", "A:q/1")))[1:], ids=" ".join)
def test_the_steps_in_another_order_are_none(
    found: Callable[[str], list[Any]], steps: tuple[str, ...]
):
    assert found(" ".join(steps)) == []


def test_a_step_is_part_of_one_procedure_only(found: Callable[[str], list[Any]]):
    assert found("D:p/1 U:q/1 U:x/1 A:q/1 A:x/1") == [("p", "q", [1, 2, 4])]


STORY = (
    "D:p#t1/drill U:q#t1/drill A:q#t1/drill "
    "D:p@license-2#t2/1 U:q@license-2#t2/2 A:q@license-2#t2/3 "
    "D:q#t3/fire U:x#t4/fire A:x#t5/fire"
)


@pytest.fixture(scope="module")
def trail(new_database: Callable[[], str]) -> str:
    dsn, history = new_database(), told(STORY)
    with follow(dsn, history.write(dsn), "trail"):
        return dsn


def listed(dsn: str, **asked: Any) -> list[tuple[str, str, str]]:
    page = read(dsn, lambda connection: queries.procedures(connection, **asked))
    assert page.next is None
    return [(each.license, each.former, each.deployment) for each in page.rows]


FIRST_ONE, OTHER, LAST = (
    ("license-1", "p", "q"),
    ("license-2", "p", "q"),
    ("license-1", "q", "x"),
)


def test_a_procedure_has_its_entries_and_what_ties_them(trail: str):
    first, other, last = read(trail, queries.procedures).rows

    assert (first.reason, first.trace_id) == ("drill", "t1")
    assert (other.reason, other.trace_id) == (None, "t2")
    assert (last.reason, last.trace_id) == ("fire", None)
    entries = read(trail, queries.entries).rows
    assert [*first.entries, *other.entries, *last.entries] == entries[FIRST:]


def test_filters(trail: str):
    assert listed(trail) == [FIRST_ONE, OTHER, LAST]
    assert listed(trail, license_id="license-1") == [FIRST_ONE, LAST]
    assert listed(trail, deployment="q") == [FIRST_ONE, OTHER, LAST]
    assert listed(trail, deployment="p") == [FIRST_ONE, OTHER]
    assert listed(trail, deployment="x") == [LAST]
    assert listed(trail, deployment="q", license_id="license-2") == [OTHER]
    assert listed(trail, license_id="none") == listed(trail, deployment="none") == []


def test_only_those_of_a_customer(trail: str):
    assert listed(trail, customer="acme") == [FIRST_ONE, LAST]
    assert listed(trail, customer="globex") == [OTHER]
    assert listed(trail, customer="globex", license_id="license-1") == []
    assert listed(trail, customer="globex", deployment="q") == [OTHER]


@pytest.mark.parametrize("asked", [{}, {"license_id": "license-1"}, {"deployment": "q"}])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_in_pages(trail: str, asked: dict[str, Any], limit: int):
    async def in_pages(connection: AsyncConnection[Any]) -> list[queries.Procedure]:
        rows, cursor = [], None
        while True:
            page = await queries.procedures(connection, cursor=cursor, limit=limit, **asked)
            assert 1 <= len(page.rows) <= limit
            rows += page.rows
            if (cursor := page.next) is None:
                return rows

    whole = read(trail, lambda connection: queries.procedures(connection, **asked)).rows
    assert read(trail, in_pages) == whole


def test_a_cursor_of_no_list_is_refused(trail: str):
    with pytest.raises(InvalidCursorError):
        listed(trail, cursor="first")


TAMPERINGS = {
    "another former one": "UPDATE trail.procedures SET former = 'x' WHERE former = 'p'",
    "one less": "DELETE FROM trail.procedures WHERE deployment = 'x'",
    "an open step more": "INSERT INTO trail.open_steps VALUES ('license-1', 'x', 'active', 1)",
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_check_finds_tampering(dsn: str, name: str):
    with follow(dsn, told(STORY).write(dsn), "trail"):
        pass
    assert check(dsn, TRAIL).difference is None
    with psycopg.connect(dsn) as connection:
        assert connection.execute(TAMPERINGS[name]).rowcount > 0

    difference = check(dsn, TRAIL).difference

    assert difference is not None
    assert difference.table in TAMPERINGS[name]


@pytest.fixture(scope="module")
def long_trail(new_database: Callable[[], str]) -> str:
    """1,000 procedures for one reason; and 1,000 deployments more were deactivated for it."""
    deactivated = " ".join(f"D:d{number}/drill" for number in range(1000))
    there_and_back = "D:p/drill U:q/drill A:q/drill D:q/drill U:p/drill A:p/drill"
    dsn, history = new_database(), told(f"{deactivated} {' '.join([there_and_back] * 500)}")
    with follow(dsn, history.write(dsn), "trail"):
        return dsn


def cost(explained: Any) -> int:
    """The pages that a plan touched."""
    assert "Seq Scan" not in str(explained)
    top = explained[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"license_id": "license-1"},
        {"deployment": "p"},
        {"customer": "acme"},
        {"license_id": "license-1", "deployment": "q", "customer": "acme"},
    ],
)
def test_no_page_goes_through_the_history(
    long_trail: str, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    """Counted in pages of the database: what ten procedures need, wherever they stand."""

    async def explained(connection: AsyncConnection[Any]) -> int:
        costs = []

        async def fetch(connection: AsyncConnection[Any], statement: Any, values: Any) -> Any:
            await reading.fetch(connection, statement, values)  # loads what the planner looks up
            ((plan,),) = await reading.fetch(connection, EXPLAIN + statement, values)
            costs.append(cost(plan))
            return []

        monkeypatch.setattr(queries, "fetch", fetch)
        for cursor in ("0", "2500"):
            await queries.procedures(connection, cursor=cursor, limit=10, **asked)
        return max(costs)

    assert read(long_trail, explained) < 400


SHARED_REASON = "SELECT DISTINCT reason_sha256 FROM open_steps"


def test_finding_the_steps_does_not_go_through_all_open_ones(long_trail: str):
    with psycopg.connect(long_trail) as connection:
        connection.execute("SET search_path TO trail")
        connection.execute(FIND_BY_INDEX)
        (open_steps,) = connection.execute("SELECT count(*) FROM open_steps").fetchone() or (0,)
        assert open_steps >= 1000
        (reason_sha256,) = connection.execute(SHARED_REASON).fetchone() or (None,)
        asked = {
            "license": "license-1",
            "before": 10_000,
            "reason_sha256": reason_sha256,
            "trace_id": "none",
            "passed_over": ["d999"],
        }
        found = connection.execute(procedures.DEACTIVATED, asked).fetchone()
        assert found == ("d998", FIRST + 998)
        row = connection.execute(EXPLAIN + procedures.DEACTIVATED, asked).fetchone()
        assert row is not None
        assert cost(row[0]) < 20
