"""`rebuild`: new tables beside the live ones, swapped in while everybody goes on."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

import psycopg
import pytest

from hotslot.ledger.mapper import UnknownEventError
from projections.catalogue import PROJECTIONS
from projections.check import check
from projections.install import install
from projections.projection import Projection
from projections.rebuild import RebuildRunningError, rebuild
from projections.slots.projection import SlotsProjection
from tests.projections.conftest import LIMIT_SECONDS, Start, dump, reached, status, until
from tests.projections.history import History, write_unknown

SLOTS = PROJECTIONS["slots"]


def tables(dsn: str, schema: str = "slots") -> set[int]:
    """The identities of the tables in a schema."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relkind = 'r'",
            (schema,),
        )
        return {oid for (oid,) in found}


@contextmanager
def in_background(work: Callable[[], Any]) -> Iterator[threading.Thread]:
    """Work in a thread, which must be done at the end of the block, and without an error."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield thread
    thread.join(LIMIT_SECONDS)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("projection", PROJECTIONS.values(), ids=PROJECTIONS)
def test_it_makes_the_same_tables_anew(followed: str, history: History, projection: Projection):
    before, old = dump(followed, projection), tables(followed, projection.name)
    told = []

    position = rebuild(followed, projection, lambda done, total: told.append((done, total)))

    assert position == history.position
    assert told[-1] == (position, position)
    assert dump(followed, projection) == before
    new = tables(followed, projection.name)
    assert len(new) == len(old)
    assert not new & old
    assert not tables(followed, f"{projection.name}_next")


def test_it_repairs_what_was_tampered_with(followed: str):
    with psycopg.connect(followed) as connection:
        connection.execute("DELETE FROM slots.tenures")
        connection.execute("DROP TABLE slots.free_seats")

    rebuild(followed, SLOTS)

    assert check(followed, SLOTS).difference is None


def test_it_works_where_there_is_no_live_projection(followed: str, history: History):
    with psycopg.connect(followed) as connection:
        connection.execute("DROP SCHEMA slots CASCADE")
        connection.execute("DELETE FROM projections.positions WHERE name = 'slots'")

    rebuild(followed, SLOTS)

    assert status(followed).position == history.position
    assert check(followed, SLOTS).difference is None


def test_it_takes_the_place_of_a_projection_that_stopped(followed: str):
    with psycopg.connect(followed) as connection:
        connection.execute("UPDATE projections.positions SET state = 'stopped', error = 'a bug'")

    rebuild(followed, SLOTS)

    assert (status(followed).state, status(followed).error) == ("following", None)


def test_readers_writers_and_the_follower_go_on(dsn: str, history: History, start: Start):
    """A reader with prepared statements sees no error, and never an older state than before."""
    stop = threading.Event()
    seen: list[tuple[int, int]] = []
    last = history.write(dsn)

    def read() -> None:
        statement = (
            "SELECT p.position, (SELECT count(*) FROM slots.tenures AS t JOIN slots.states AS s "
            "USING (license) WHERE s.position = t.from_position) FROM projections.positions AS p "
            "WHERE p.name = 'slots'"
        )
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not stop.is_set():
                row = connection.execute(statement, prepare=True).fetchone()
                assert row is not None
                seen.append((row[0], row[1]))

    def write() -> None:
        nonlocal last
        number = 0
        while not stop.is_set():
            history.register(f"later-{number}", "license-1")
            last = history.write(dsn)
            number += 1

    follower, thread, _ = start()
    until(lambda: reached(dsn, last, "slots"))
    with in_background(read), in_background(write):
        try:
            until(lambda: len(seen) > 10)
            for _ in range(3):
                old = tables(dsn)
                rebuild(dsn, SLOTS)
                assert not tables(dsn) & old
                reads, position = len(seen), status(dsn).position
                until(lambda: len(seen) > reads + 10)  # noqa: B023 - called at once
                until(lambda: reached(dsn, position + 1, "slots"))  # noqa: B023
        finally:
            stop.set()
    until(lambda: reached(dsn, last, "slots"))

    assert seen == sorted(seen)
    assert thread.is_alive()
    assert follower.failure is None
    assert check(dsn, SLOTS).difference is None


def test_it_waits_for_a_long_read(dsn: str, history: History, start: Start):
    """Until then the live tables serve and follow: each attempt finds them a bit further on."""
    start()
    old, told = tables(dsn), threading.Semaphore(0)
    last = history.write(dsn)

    def go_on(done: int, total: int) -> None:
        nonlocal last
        history.register(f"later-{history.position}", "license-1")
        last = history.write(dsn)
        until(lambda: reached(dsn, last, "slots"))
        told.release()

    until(lambda: reached(dsn, last, "slots"))
    with psycopg.connect(dsn) as reader:
        reader.execute("SELECT count(*) FROM slots.states")
        with in_background(lambda: rebuild(dsn, SLOTS, go_on)):
            for _ in range(3):  # it has caught up, tried to swap, and caught up again, twice
                assert told.acquire(timeout=LIMIT_SECONDS)
            assert tables(dsn) == old
            with psycopg.connect(dsn) as other:
                other.execute("SELECT count(*) FROM slots.states")
            reader.rollback()

    assert not tables(dsn) & old
    until(lambda: reached(dsn, last, "slots"))
    assert check(dsn, SLOTS).difference is None


def test_it_waits_for_a_check(followed: str):
    """A check compares with the tables that were live when it began."""
    old, told = tables(followed), threading.Semaphore(0)

    def begin(done: int, total: int) -> None:
        rebuilding.start()
        for _ in range(2):  # it has tried to swap, and caught up again
            assert told.acquire(timeout=LIMIT_SECONDS)

    rebuilding = threading.Thread(
        target=rebuild, args=(followed, SLOTS, lambda *_: told.release()), daemon=True
    )
    difference = check(followed, SLOTS, begin).difference
    rebuilding.join(LIMIT_SECONDS)

    assert difference is None
    assert not tables(followed) & old


def test_an_interrupted_rebuild_leaves_the_live_tables(followed: str):
    old = tables(followed)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(followed, SLOTS, interrupt)

    assert tables(followed) == old
    assert not tables(followed, "slots_next")
    assert check(followed, SLOTS).difference is None


def test_what_a_killed_rebuild_left_is_cleared_away(followed: str):
    with psycopg.connect(followed) as connection:
        connection.execute("CREATE SCHEMA slots_next; CREATE TABLE slots_next.states (x int)")

    rebuild(followed, SLOTS)

    assert not tables(followed, "slots_next")
    assert check(followed, SLOTS).difference is None


def test_one_at_a_time(followed: str):
    begun, go_on = threading.Event(), threading.Event()

    def wait(done: int, total: int) -> None:
        begun.set()
        assert go_on.wait(LIMIT_SECONDS)

    with in_background(lambda: rebuild(followed, SLOTS, wait)):
        assert begun.wait(LIMIT_SECONDS)
        with pytest.raises(RebuildRunningError, match="slots is being rebuilt already"):
            rebuild(followed, SLOTS)
        go_on.set()


def test_an_unknown_event_that_the_live_tables_are_past_fails_it(followed: str, history: History):
    """A newer version was at work on them: this one must not put something older in their place."""
    old = tables(followed)
    write_unknown(followed, history.position + 1)
    with psycopg.connect(followed) as connection:
        connection.execute("UPDATE projections.positions SET position = position + 1")

    with pytest.raises(UnknownEventError):
        rebuild(followed, SLOTS)

    assert tables(followed) == old


class Newer(SlotsProjection):
    """The next version, with a table more."""

    version = 2
    tables: ClassVar[Mapping[str, tuple[str, ...]]] = {**SlotsProjection.tables, "extras": ("id",)}
    schema = SlotsProjection.schema + "CREATE TABLE extras (id int PRIMARY KEY);"


def test_a_new_version_is_built_at_installation(
    followed: str, history: History, start: Start, monkeypatch: pytest.MonkeyPatch
):
    _, old_follower, _ = start()
    until(lambda: status(followed).followed)
    monkeypatch.setitem(PROJECTIONS, "slots", Newer())

    install(followed)

    assert (status(followed).version, status(followed).position) == (2, history.position)
    assert check(followed, Newer()).difference is None
    history.register("later", "license-1")
    position = history.write(followed)
    old_follower.join(LIMIT_SECONDS)
    assert not old_follower.is_alive(), "it gives way to the newer version"
    start(Newer())
    until(lambda: reached(followed, position, "slots"))


def test_installation_happens_once(dsn: str):
    """Many processes that start at once."""
    with psycopg.connect(dsn) as connection:
        connection.execute("DROP SCHEMA projections, slots, trail, proofs CASCADE")
    go = threading.Barrier(6)

    def begin() -> None:
        go.wait(LIMIT_SECONDS)
        install(dsn)

    with ExitStack() as stack:
        for _ in range(go.parties):
            stack.enter_context(in_background(begin))

    assert [status(dsn, name).position for name in PROJECTIONS] == [0] * len(PROJECTIONS)
    assert len(tables(dsn)) == len(SLOTS.tables)
