"""When checkpoints are signed, over what, and by whom: on a real database."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from hotslot.checkpoints import store
from hotslot.checkpoints.keys import LogKeyError, LogKeys
from hotslot.checkpoints.note import Checkpoint, Note, Verifier
from hotslot.licensefiles import KeyFolder
from projections.proofs import queries
from projections.proofs.merkle import Frontier, leaf_hash, verify_consistency
from projections.rebuild import rebuild
from tests.checkpoints.signing import PROOFS, SIZE, Log, checkpoints, fold, look, signing
from tests.ledger.writing import until
from tests.projections.test_slots_reads import read

ADD = """
INSERT INTO checkpoints.checkpoints (size, root, signed_at, key, note)
SELECT size, root, clock_timestamp() + %s, key, note FROM checkpoints.checkpoints
 ORDER BY number DESC LIMIT 1
"""


def root_of(dsn: str, size: int) -> bytes:
    """The root of a tree that is computed leaf by leaf."""
    tree = Frontier()
    for leaf in read(dsn, lambda connection: queries.leaves(connection, 0, size)):
        tree.append(leaf_hash(leaf))
    return tree.root()


def last_seen_ago(log: Log, seconds: float) -> None:
    """The last checkpoint was signed so long ago, or is to be in the future."""
    with psycopg.connect(log.dsn) as connection:
        connection.execute(ADD, (timedelta(seconds=-seconds),))


def test_a_checkpoint_is_over_all_events_and_signed_by_the_key(log: Log):
    began = datetime.now(UTC)
    asyncio.run(look(log.dsn, log.keys))
    (signed,) = checkpoints(log.dsn)
    verifier = Verifier.parse(signed.key)
    note = Note.parse(signed.note)
    found = note.verify([verifier, verifier.cosigner])
    ledger = read(log.dsn, store.ledger)
    assert Checkpoint.parse(note.body) == Checkpoint(f"hotslot/{ledger}", SIZE, signed.root)
    assert signed.root == root_of(log.dsn, SIZE)
    assert found[verifier.cosigner].time == int(signed.signed_at.timestamp())
    assert began - timedelta(seconds=1) < signed.signed_at < datetime.now(UTC) + timedelta(1)
    assert str(verifier) == str((asyncio.run(log.keys.verifiers(verifier.name)))[0])


def test_the_origin_may_be_given(log: Log):
    asyncio.run(look(log.dsn, LogKeys(log.folder, "licenses.example.com/v1/log")))
    (signed,) = checkpoints(log.dsn)
    assert signed.note.startswith("licenses.example.com/v1/log\n")
    assert signed.key.startswith("licenses.example.com/v1/log+")


def test_of_an_empty_ledger_nothing_is_signed(dsn: str, log: Log):
    assert asyncio.run(look(dsn, log.keys)) > 0
    assert checkpoints(dsn) == []


def test_while_it_grows_it_is_signed_no_more_often_than_wanted(log: Log):
    async def play() -> None:
        async with signing(log.dsn, log.keys, growing=60) as signer:
            await signer.look()
            log.grow()
            assert 0 < await signer.look() <= 60
            assert signer.last is not None
            assert signer.last.size == SIZE

    asyncio.run(play())
    assert [each.size for each in checkpoints(log.dsn)] == [SIZE]
    # Nor by another process, which has just begun.
    asyncio.run(look(log.dsn, log.keys, growing=60))
    assert [each.size for each in checkpoints(log.dsn)] == [SIZE]
    asyncio.run(look(log.dsn, log.keys, growing=0))
    assert [each.size for each in checkpoints(log.dsn)] == [SIZE, SIZE + 1]


def test_each_is_consistent_with_the_one_before(log: Log):
    for _ in range(4):
        asyncio.run(look(log.dsn, log.keys))
        log.grow(7)
    signed = checkpoints(log.dsn)
    assert [each.size for each in signed] == [SIZE, SIZE + 7, SIZE + 14, SIZE + 21]
    for one, later in itertools.pairwise(signed):
        prove = partial(queries.consistency_proof, older=one.size, size_=later.size)
        verify_consistency(one.size, later.size, one.root, later.root, read(log.dsn, prove))


def test_an_idle_ledger_is_signed_again_with_a_later_time(log: Log):
    asyncio.run(look(log.dsn, log.keys, idle=3600))
    asyncio.run(look(log.dsn, log.keys, idle=3600))
    assert len(checkpoints(log.dsn)) == 1
    asyncio.run(look(log.dsn, log.keys, idle=0))
    one, again = checkpoints(log.dsn)
    assert (one.size, one.root) == (again.size, again.root)
    assert one.signed_at < again.signed_at


def test_processes_that_start_often_sign_an_idle_ledger_too(log: Log):
    asyncio.run(look(log.dsn, log.keys))
    last_seen_ago(log, 3500)
    asyncio.run(look(log.dsn, log.keys, idle=3600))
    assert len(checkpoints(log.dsn)) == 2
    last_seen_ago(log, 3700)
    asyncio.run(look(log.dsn, log.keys, idle=3600))
    assert len(checkpoints(log.dsn)) == 4


def test_a_clock_that_was_set_back_stops_nothing(log: Log):
    asyncio.run(look(log.dsn, log.keys))
    last_seen_ago(log, -3600)
    log.grow()

    async def play() -> None:
        async with signing(log.dsn, log.keys, growing=0.2) as signer:
            assert 0 < await signer.look() <= 0.2
            assert len(checkpoints(log.dsn)) == 2
            await asyncio.sleep(await signer.look())
            await signer.look()

    asyncio.run(play())
    _, ahead, signed = checkpoints(log.dsn)
    assert signed.size == SIZE + 1
    assert signed.signed_at < ahead.signed_at


def test_of_many_who_are_due_at_once_one_signs(log: Log):
    asyncio.run(look(log.dsn, log.keys))
    log.grow()

    async def play() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(look(log.dsn, log.keys))

    asyncio.run(play())
    sizes = [each.size for each in checkpoints(log.dsn)]
    # Whoever had not looked before the others signed has nothing to sign.
    assert sizes == [SIZE, SIZE + 1]


def test_two_who_saw_the_same_checkpoint_sign_once(log: Log):
    asyncio.run(look(log.dsn, log.keys))
    last = read(log.dsn, store.last)

    async def play() -> None:
        async with (
            signing(log.dsn, log.keys, idle=0) as one,
            signing(log.dsn, log.keys, idle=0) as other,
        ):
            await asyncio.gather(one._sign(last), other._sign(last))
            await other._sign(last)

    asyncio.run(play())
    assert len(checkpoints(log.dsn)) == 2


def test_while_another_signs_nobody_waits(log: Log):
    async def play() -> None:
        async with await psycopg.AsyncConnection.connect(log.dsn) as other:
            assert await store.try_lock(other)
            await look(log.dsn, log.keys)
            assert checkpoints(log.dsn) == []
            await other.rollback()
            await look(log.dsn, log.keys)
            assert len(checkpoints(log.dsn)) == 1

    asyncio.run(play())


def test_a_tree_that_is_behind_is_waited_for(log: Log):
    """As after a crash of PostgreSQL, which may take the last steps of a follower away."""
    asyncio.run(look(log.dsn, log.keys))
    with psycopg.connect(log.dsn) as connection:
        connection.execute("DELETE FROM proofs.hashes")
        connection.execute("UPDATE projections.positions SET position = 0 WHERE name = 'proofs'")
    assert asyncio.run(look(log.dsn, log.keys)) > 0
    fold(log.dsn, 260)
    assert asyncio.run(look(log.dsn, log.keys)) > 0
    assert len(checkpoints(log.dsn)) == 1
    fold(log.dsn, SIZE)
    log.grow()
    asyncio.run(look(log.dsn, log.keys))
    assert [each.size for each in checkpoints(log.dsn)] == [SIZE, SIZE + 1]


def test_a_tree_that_was_rebuilt_is_the_same(log: Log):
    asyncio.run(look(log.dsn, log.keys))
    rebuild(log.dsn, PROOFS)
    log.grow()
    asyncio.run(look(log.dsn, log.keys))
    assert len(checkpoints(log.dsn)) == 2


def test_a_signer_runs_through_whatever_is_in_its_way(log: Log, monkeypatch: pytest.MonkeyPatch):
    """No key yet, and then a connection that ends."""
    monkeypatch.setattr("hotslot.checkpoints.signer.LOOK_SECONDS", 0.02)
    (key,) = log.folder.iterdir()
    hidden = key.rename(log.folder / f".{key.name}")

    async def play() -> None:
        async with signing(log.dsn, log.keys) as signer:
            running = asyncio.create_task(signer.run())
            await until(lambda: any(map(missing, said)), "the missing key is told of")
            hidden.rename(key)
            await until(lambda: len(checkpoints(log.dsn)) == 1, "it signs when the key is there")
            end_connections(log.dsn)
            log.grow()
            signer.wake()
            await until(lambda: len(checkpoints(log.dsn)) == 2, "it signs on another connection")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def missing(entry: Any) -> bool:
        return bool(entry["event"] == "log-key-unreadable")

    with capture_logs() as said:
        asyncio.run(play())
    assert len(list(filter(missing, said))) == 1


def end_connections(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


# Keys ------------------------------------------------------------------------------------------


def test_a_key_that_was_rotated_signs_next_and_both_are_named(log: Log):
    asyncio.run(look(log.dsn, log.keys))
    KeyFolder(log.folder).generate(datetime.now(UTC))
    log.grow()
    with capture_logs() as said:
        asyncio.run(look(log.dsn, log.keys))
    former, present = checkpoints(log.dsn)
    assert former.key != present.key
    (warning,) = said
    assert (warning["event"], warning["log_level"]) == ("log-key-changed", "warning")
    assert (warning["former"], warning["present"]) == (former.key, present.key)
    Note.parse(present.note).verify([Verifier.parse(present.key)])


def test_without_a_key_nothing_is_signed(log: Log):
    for key in log.folder.iterdir():
        key.unlink()
    with pytest.raises(LogKeyError, match="no private key"):
        asyncio.run(look(log.dsn, log.keys))
    assert checkpoints(log.dsn) == []


# Durability ------------------------------------------------------------------------------------

SEEN = """
CREATE TABLE public.seen (setting text);
CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.seen VALUES (current_setting('synchronous_commit'));
    RETURN NULL;
END $$;
CREATE TRIGGER see AFTER INSERT ON checkpoints.checkpoints EXECUTE FUNCTION public.see();
"""


@pytest.mark.parametrize(("set_to", "signed_with"), [("off", "on"), ("remote_write",) * 2])
def test_a_checkpoint_waits_for_the_disk_whatever_the_database_is_set_to(
    log: Log, set_to: str, signed_with: str
):
    """What comes before it in the database's log is on disk with it: the events that it is over."""
    with psycopg.connect(log.dsn, autocommit=True) as connection:
        connection.execute(SEEN)
        connection.execute(
            f'ALTER DATABASE "{connection.info.dbname}" SET synchronous_commit = {set_to}'
        )
        asyncio.run(look(log.dsn, log.keys))
        assert connection.execute("SELECT * FROM public.seen").fetchall() == [(signed_with,)]
