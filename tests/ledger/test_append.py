"""The function that everything is appended with: checks, Idempotency-Keys, positions."""

from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import Connection

from hotslot.ledger.append import APPEND, AnsweredRequest, AppendedEvent, append_arguments

EVENTS = "SELECT position, stream, version FROM ledger.events ORDER BY position"
REQUESTS = "SELECT actor, key, digest, position, answer::text FROM ledger.idempotency ORDER BY key"


@pytest.fixture
def ledger(dsn: str) -> Iterator[Connection[Any]]:
    with Connection.connect(dsn, autocommit=True) as connection:
        yield connection


def append(
    ledger: Connection[Any],
    checks: dict[str, int],
    *events: tuple[str, int],
    requests: tuple[AnsweredRequest, ...] = (),
) -> tuple[Any, ...]:
    appended = [
        AppendedEvent(stream, version, "t", msgspec.Raw(b'{"v": 1}')) for stream, version in events
    ]
    row = ledger.execute(APPEND, append_arguments(checks, appended, requests)).fetchone()
    assert row is not None
    return tuple(row)


def request(key: str, last: int, actor: str = "key:a") -> AnsweredRequest:
    return AnsweredRequest(actor, key, "d" * 64, last, msgspec.Raw(b'{"replaced": "x"}'))


def test_events_stand_behind_the_head_in_their_order(ledger: Connection[Any]):
    assert append(ledger, {"s": 0, "t": 0}, ("s", 1), ("t", 1), ("s", 2)) == (None, None, 0)
    assert append(ledger, {"t": 1}, ("t", 2)) == (None, None, 3)
    assert ledger.execute(EVENTS).fetchall() == [
        (1, "s", 1),
        (2, "t", 1),
        (3, "s", 2),
        (4, "t", 2),
    ]


def test_nothing_to_append_tells_the_head(ledger: Connection[Any]):
    append(ledger, {"s": 0}, ("s", 1))
    assert append(ledger, {"s": 1, "t": 0}) == (None, None, 1)


@pytest.mark.parametrize(
    ("checks", "stale"),
    [
        ({"s": 0}, ["s"]),
        ({"s": 2}, ["s"]),
        ({"s": 1, "never": 1}, ["never"]),
        ({"s": 0, "never": 7, "new": 0}, ["s", "never"]),
    ],
)
def test_a_stream_that_was_not_read_as_it_is_stops_everything(
    ledger: Connection[Any], checks: dict[str, int], stale: list[str]
):
    append(ledger, {"s": 0}, ("s", 1))
    found, repeated, head = append(ledger, checks, ("new", 1), requests=(request("k", 1),))
    assert (sorted(found), repeated, head) == (sorted(stale), None, 1)
    assert ledger.execute(EVENTS).fetchall() == [(1, "s", 1)]
    assert ledger.execute(REQUESTS).fetchall() == []


def test_streams_that_are_only_read_are_checked_too(ledger: Connection[Any]):
    append(ledger, {"read": 0}, ("read", 1))
    stale, _, _ = append(ledger, {"written": 0, "read": 0}, ("written", 1))
    assert stale == ["read"]


def test_a_version_that_is_taken_is_an_error_even_when_unchecked(ledger: Connection[Any]):
    append(ledger, {"s": 0}, ("s", 1))
    with pytest.raises(psycopg.errors.UniqueViolation):
        append(ledger, {}, ("s", 1))


def test_requests_are_kept_with_the_position_that_their_answer_shows(ledger: Connection[Any]):
    append(ledger, {"s": 0}, ("s", 1))
    requests = (request("k0", 0), request("k1", 2), request("k2", 2), request("k3", 3))
    append(ledger, {"s": 1}, ("s", 2), ("s", 3), ("s", 4), requests=requests)
    kept = ledger.execute(REQUESTS).fetchall()
    assert [(row[1], row[3]) for row in kept] == [("k0", 1), ("k1", 3), ("k2", 3), ("k3", 4)]
    assert {(row[0], row[2], row[4]) for row in kept} == {("key:a", "d" * 64, '{"replaced": "x"}')}


def test_a_key_that_was_used_stops_everything(ledger: Connection[Any]):
    append(ledger, {"s": 0}, ("s", 1), requests=(request("k", 1),))
    requests = (request("fresh", 1), request("k", 1))
    assert append(ledger, {"s": 1}, ("s", 2), requests=requests) == (None, ["k"], 1)
    assert ledger.execute(EVENTS).fetchall() == [(1, "s", 1)]
    assert len(ledger.execute(REQUESTS).fetchall()) == 1


def test_the_same_key_of_another_actor_is_another_key(ledger: Connection[Any]):
    append(ledger, {}, requests=(request("k", 0),))
    assert append(ledger, {}, requests=(request("k", 0, "key:b"),)) == (None, None, 0)
    assert len(ledger.execute(REQUESTS).fetchall()) == 2


def test_who_appends_waits_for_who_holds_the_lock(dsn: str, ledger: Connection[Any]):
    with Connection.connect(dsn) as holder:
        holder.execute("SELECT ledger.lock()")
        ledger.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            append(ledger, {"s": 0}, ("s", 1))
        holder.rollback()
    assert append(ledger, {"s": 0}, ("s", 1)) == (None, None, 0)


def test_listeners_hear_of_the_last_position(dsn: str, ledger: Connection[Any]):
    with Connection.connect(dsn, autocommit=True) as listener:
        listener.execute("LISTEN hotslot_ledger")
        append(ledger, {"s": 0, "t": 0}, ("s", 1), ("t", 1))
        append(ledger, {"s": 0})  # stale: nothing is said
        append(ledger, {"s": 1})  # nothing to append: nothing is said
        append(ledger, {"s": 1}, ("s", 2))
        said = [notify.payload for notify in listener.notifies(timeout=30, stop_after=2)]
    assert said == ["2", "3"]
