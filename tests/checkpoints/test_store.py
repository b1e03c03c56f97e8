"""The table of checkpoints: only ever added to, and found by number or by size."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from hotslot.checkpoints import schema, store
from tests.checkpoints.signing import SIZE, Log, checkpoints, log_at, look
from tests.projections.test_slots_reads import read

CHANGES = [
    "UPDATE checkpoints.checkpoints SET note = 'x'",
    "UPDATE checkpoints.checkpoints SET note = 'x' WHERE number = -1",
    "DELETE FROM checkpoints.checkpoints",
    "TRUNCATE checkpoints.checkpoints",
    "UPDATE checkpoints.identity SET ledger = gen_random_uuid()",
    "DELETE FROM checkpoints.identity",
    "TRUNCATE checkpoints.identity",
]


@pytest.fixture(scope="module")
def signed(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Checkpoints of SIZE, SIZE again, and SIZE + 5."""
    log = log_at(new_database(), tmp_path_factory.mktemp("log"))
    asyncio.run(look(log.dsn, log.keys))
    asyncio.run(look(log.dsn, log.keys, idle=0))
    log.grow(5)
    asyncio.run(look(log.dsn, log.keys))
    return log


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_signed_is_never_changed(signed: Log, change: str):
    before = checkpoints(signed.dsn), read(signed.dsn, store.ledger)
    with psycopg.connect(signed.dsn) as connection:
        assert connection.execute("SHOW is_superuser").fetchone() == ("on",)
        with pytest.raises(psycopg.errors.RestrictViolation, match="was refused"):
            connection.execute(change)
    after = checkpoints(signed.dsn), read(signed.dsn, store.ledger)
    assert [each.note for each in before[0]] == [each.note for each in after[0]]
    assert before[1] == after[1]


def test_a_ledger_has_one_name(signed: Log):
    with (
        psycopg.connect(signed.dsn) as connection,
        pytest.raises(psycopg.errors.UniqueViolation),
    ):
        connection.execute("INSERT INTO checkpoints.identity DEFAULT VALUES")


def test_the_last_and_the_first_of_a_size(signed: Log):
    one, again, grown = checkpoints(signed.dsn)
    assert [one.size, again.size, grown.size] == [SIZE, SIZE, SIZE + 5]
    last = read(signed.dsn, store.last)
    assert last is not None
    assert last.number == grown.number
    wanted = {1: one, SIZE: one, SIZE + 1: grown, SIZE + 5: grown}
    for size, expected in wanted.items():
        found = read(signed.dsn, partial(store.first_of, size=size))
        assert found is not None
        assert found.number == expected.number
    assert read(signed.dsn, partial(store.first_of, size=SIZE + 6)) is None


def test_before_the_first_there_is_none(dsn: str):
    assert read(dsn, store.last) is None
    assert read(dsn, partial(store.first_of, size=1)) is None


def test_installed_by_many_at_once_and_again(dsn: str):
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP SCHEMA checkpoints CASCADE")
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(schema.install, [dsn] * 6))
    name = read(dsn, store.ledger)
    schema.install(dsn)
    assert read(dsn, store.ledger) == name
