"""The ledger is only ever added to: what the database itself refuses, and to whom."""

import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from hotslot.ledger import schema
from hotslot.ledger.append import APPEND, AppendedEvent, append_arguments

CHANGES = {
    "UPDATE": "UPDATE ledger.events SET state = '{}'",
    "UPDATE of nothing": "UPDATE ledger.events SET state = '{}' WHERE position = -1",
    "UPDATE by an insert": "INSERT INTO ledger.events VALUES (1, 's', 1, 't', '{}')"
    " ON CONFLICT (position) DO UPDATE SET state = excluded.state",
    "UPDATE by a merge": "MERGE INTO ledger.events AS e USING (SELECT 1 AS p) AS n"
    " ON e.position = p WHEN MATCHED THEN UPDATE SET state = '{}'",
    "UPDATE through the view": "UPDATE ledger.notifications SET topic = 'x'",
    "DELETE": "DELETE FROM ledger.events",
    "DELETE by the view": "DELETE FROM ledger.notifications",
    "TRUNCATE": "TRUNCATE ledger.events",
    "TRUNCATE with others": "TRUNCATE ledger.idempotency, ledger.events",
}
EVENTS = "SELECT position, stream, version, type, state::text FROM ledger.events"
GUARDS = """
SELECT tgname, tgenabled FROM pg_trigger
 WHERE tgrelid = 'ledger.events'::regclass AND NOT tgisinternal
"""
STATE = b'{"v": 1}'


@pytest.fixture
def superuser(dsn: str) -> Iterator[Connection[Any]]:
    with Connection.connect(dsn, autocommit=True) as connection:
        assert connection.execute("SHOW is_superuser").fetchone() == ("on",)
        append(connection, "s", 1)
        yield connection


def append(connection: Connection[Any], stream: str, version: int) -> None:
    event = AppendedEvent(stream, version, "t", msgspec.Raw(STATE))
    connection.execute(APPEND, append_arguments({stream: version - 1}, [event], []))


def without_guards(connection: Connection[Any]) -> None:
    """Make the ledger one of an earlier version, which had no checkpoints either."""
    connection.execute("DROP SCHEMA checkpoints CASCADE")
    connection.execute("DROP TRIGGER only_added_to ON ledger.events")
    connection.execute("DROP FUNCTION ledger.refuse_change")


@pytest.mark.parametrize("change", CHANGES)
def test_no_event_is_changed_or_removed_not_even_by_a_superuser(
    superuser: Connection[Any], change: str
):
    before = superuser.execute(EVENTS).fetchall()

    with pytest.raises(psycopg.errors.RestrictViolation) as refused:
        superuser.execute(CHANGES[change].encode())

    told = refused.value.diag
    assert told.message_primary == f"{change.partition(' ')[0]} of ledger.events was refused"
    assert "never changed or removed" in str(told.message_detail)
    assert "with a further command" in str(told.message_hint)
    assert superuser.execute(EVENTS).fetchall() == before
    append(superuser, "s", 2)  # adding goes on


@pytest.mark.parametrize(
    "first",
    [
        "SET session_replication_role = replica",
        "ALTER TABLE ledger.events DISABLE TRIGGER only_added_to",
    ],
)
def test_who_can_switch_the_guard_off_is_not_stopped(superuser: Connection[Any], first: str):
    """What the documentation says of superusers and owners: the proofs are there for that."""
    superuser.execute(first.encode())
    for change in ("UPDATE", "DELETE", "TRUNCATE"):
        superuser.execute(CHANGES[change].encode())
    assert superuser.execute(EVENTS).fetchall() == []


def test_a_ledger_of_an_earlier_version_gets_them(dsn: str, superuser: Connection[Any]):
    without_guards(superuser)
    before = superuser.execute(EVENTS).fetchall()

    schema.install(dsn)

    assert superuser.execute(GUARDS).fetchall() == [("only_added_to", "O")]
    with pytest.raises(psycopg.errors.RestrictViolation):
        superuser.execute("DELETE FROM ledger.events")
    assert superuser.execute(EVENTS).fetchall() == before


def test_many_who_install_at_once_agree(dsn: str, superuser: Connection[Any]):
    without_guards(superuser)
    failed: list[Exception] = []

    def install() -> None:
        try:
            schema.install(dsn)
        except psycopg.Error as error:
            failed.append(error)

    threads = [threading.Thread(target=install) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert superuser.execute(GUARDS).fetchall() == [("only_added_to", "O")]


def test_one_that_was_switched_off_is_left_so(dsn: str, superuser: Connection[Any]):
    superuser.execute("ALTER TABLE ledger.events DISABLE TRIGGER only_added_to")
    schema.install(dsn)
    assert superuser.execute(GUARDS).fetchall() == [("only_added_to", "D")]


def test_where_nothing_lacks_no_right_is_needed(dsn: str, superuser: Connection[Any]):
    """An account that may only look, as one that does not own the ledger, can start a server."""
    superuser.execute("CREATE ROLE onlooker")
    superuser.execute("GRANT USAGE ON SCHEMA ledger TO onlooker")
    try:
        schema.install(make_conninfo(dsn, options="-c role=onlooker"))
    finally:
        superuser.execute("DROP OWNED BY onlooker")
        superuser.execute("DROP ROLE onlooker")


def test_a_new_database_has_them_from_the_start(dsn: str):
    with Connection.connect(dsn) as connection:
        assert connection.execute(GUARDS).fetchall() == [("only_added_to", "O")]
