"""`check`: whatever differs from the ledger is found."""

import threading

import psycopg
import pytest

from hotslot.ledger.mapper import UnknownEventError
from projections.catalogue import PROJECTIONS
from projections.check import NotComparableError, check
from tests.projections.conftest import Start, follow, reached, until
from tests.projections.history import History, write_unknown

TAMPERINGS = {
    "another role": "UPDATE slots.tenures SET role = 'backup' WHERE deployment = 'b'",
    "a role that lasts": "UPDATE slots.tenures SET to_position = NULL, to_at = NULL, "
    "to_type = NULL WHERE deployment = 'd'",
    "a tenure less": "DELETE FROM slots.tenures WHERE deployment = 'd'",
    "a tenure more": "INSERT INTO slots.tenures SELECT license, 'x', role, 99, mode, standby_for, "
    "term, 1, from_at, from_type FROM slots.tenures WHERE deployment = 'b'",
    "another customer": "UPDATE slots.licenses SET customer = 'initech' WHERE license='license-2'",
    "a license less": "DELETE FROM slots.licenses WHERE license = 'license-2'",
    "more slots": "UPDATE slots.states SET slots = slots + 1 WHERE license = 'license-2'",
    "a later expiry": "UPDATE slots.states SET expires_at = now() WHERE license = 'license-2'",
    "a state less": "DELETE FROM slots.states WHERE license = 'license-1' AND used = 1",
    "a free seat less": "DELETE FROM slots.free_seats",
    "another actor": "UPDATE trail.entries SET actor_id = 'somebody' WHERE index = 3",
    "an earlier time": "UPDATE trail.entries SET at = at - interval '1 us' WHERE index = 3",
    "an entry less": "DELETE FROM trail.entries WHERE index = 3",
    "an entry more": "INSERT INTO trail.entries SELECT index + 1000, position, at, type, license, "
    "customer, deployment, other_deployment, actor_kind, actor_id, outcome FROM trail.entries "
    "WHERE index = 3",
    "another hash": "UPDATE proofs.hashes SET hash = sha256('') WHERE index = 3",
    "a hash less": "DELETE FROM proofs.hashes WHERE index = 3",
    "another column": "ALTER TABLE trail.entries ADD COLUMN extra int",
}


def run(dsn: str, statement: str) -> int:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement).rowcount


@pytest.mark.parametrize("name", PROJECTIONS)
def test_what_a_follower_made_is_clean(followed: str, history: History, name: str):
    told = []
    result = check(followed, PROJECTIONS[name], lambda done, total: told.append((done, total)))

    assert result.difference is None
    assert result.position == history.position
    assert result.rows >= 5
    assert told[-1] == (history.position, history.position)


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_tampering_is_found(followed: str, tampering: str):
    statement = TAMPERINGS[tampering]
    (name,) = (name for name in PROJECTIONS if f" {name}." in statement)
    assert run(followed, statement) != 0

    difference = check(followed, PROJECTIONS[name]).difference

    assert difference is not None
    assert difference.table in statement
    for other in PROJECTIONS.keys() - {name}:
        assert check(followed, PROJECTIONS[other]).difference is None


def test_the_first_difference_is_named(followed: str):
    run(followed, "UPDATE slots.tenures SET mode = 'offline', term = 7 WHERE deployment = 'b'")
    run(followed, "DELETE FROM slots.tenures WHERE deployment = 'd'")

    difference = check(followed, PROJECTIONS["slots"]).difference

    assert difference is not None
    assert difference.key["license"] == "license-1"
    assert str(difference) == (
        f"slots.tenures: the row license = 'license-1', from_position = "
        f"{difference.key['from_position']} says mode = 'offline', term = 7, but the ledger says "
        "mode = 'online', term = 2"
    )


def test_a_missing_and_a_needless_row_are_told_apart(followed: str, history: History):
    run(followed, "UPDATE trail.entries SET index = 1000 WHERE index = 1")
    missing = check(followed, PROJECTIONS["trail"]).difference
    run(followed, "UPDATE trail.entries SET index = 1 WHERE index = 1000")
    run(followed, TAMPERINGS["an entry more"])
    needless = check(followed, PROJECTIONS["trail"]).difference

    assert "the row index = 1 is missing. The ledger says " in str(missing)
    assert "the row index = 1003 should not be there. It says " in str(needless)


def test_a_projection_that_is_behind_is_compared_where_it_is(followed: str, history: History):
    behind = history.position
    history.register("later", "license-1")
    history.write(followed)

    result = check(followed, PROJECTIONS["slots"])

    assert (result.position, result.difference) == (behind, None)


def test_it_works_while_events_come_in(dsn: str, history: History, start: Start):
    written = threading.Event()
    stop = threading.Event()
    last = 0

    def write() -> None:
        nonlocal last
        number = 0
        while not stop.is_set():
            history.register(f"later-{number}", "license-1")
            last = history.write(dsn)
            number += 1
            written.set()

    start()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        written.wait(30)
        results = [check(dsn, PROJECTIONS["slots"]) for _ in range(3)]
    finally:
        stop.set()
        writer.join(30)

    assert [result.difference for result in results] == [None] * 3
    assert results[0].position < results[-1].position
    until(lambda: reached(dsn, last, "slots"))


def test_an_unknown_event_is_an_error(followed: str, history: History):
    write_unknown(followed, history.position + 1)
    run(followed, "UPDATE projections.positions SET position = position + 1")

    with pytest.raises(UnknownEventError, match=r"license\.teleported"):
        check(followed, PROJECTIONS["slots"])


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE projections.positions SET version = 7", "are of version 7"),
        ("DROP TABLE slots.free_seats", "has no table free_seats"),
        ("DELETE FROM projections.positions", "are of version 0"),
    ],
)
def test_what_cannot_be_compared_is_told(followed: str, statement: str, complaint: str):
    run(followed, statement)

    with pytest.raises(NotComparableError, match=complaint):
        check(followed, PROJECTIONS["slots"])


def test_it_leaves_nothing_behind(followed: str, history: History):
    check(followed, PROJECTIONS["slots"])
    with follow(followed, history.position), psycopg.connect(followed) as connection:
        found = connection.execute("SELECT relname FROM pg_class WHERE relpersistence = 't'")
        assert found.fetchall() == []
