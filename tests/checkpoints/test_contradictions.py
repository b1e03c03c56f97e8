"""A ledger or a tree that is not what was signed: nothing more is signed, and it is said loudly."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from hotslot.checkpoints.keys import LogKeys
from hotslot.checkpoints.signer import GROWING_SECONDS, IDLE_SECONDS, ContradictionError
from hotslot.licensefiles import KeyFolder
from projections.rebuild import rebuild
from tests.checkpoints.signing import PROOFS, SIZE, Log, checkpoints, look, signing
from tests.ledger.writing import until
from tests.projections.history import History, write

# What stands between a superuser and the rows.
WITHOUT_GUARDS = "SET session_replication_role = replica"


def cut(log: Log, size: int) -> None:
    with psycopg.connect(log.dsn) as connection:
        connection.execute(WITHOUT_GUARDS)
        connection.execute("DELETE FROM ledger.events WHERE position > %s", (size,))


def other_events(log: Log, after: int, number: int) -> None:
    """Others in the place of those that were cut off."""
    other = History()
    for n in range(after + number):
        other.issue(f"other-{n}")
    cut(log, after)
    write(log.dsn, other.events[after:])


def events_cut_off(log: Log) -> None:
    cut(log, SIZE - 1)


def events_exchanged(log: Log) -> None:
    other_events(log, SIZE - 2, 3)


def newest_exchanged(log: Log) -> None:
    log.grow(2)
    other_events(log, SIZE, 2)


def cut_behind_the_tree(log: Log) -> None:
    log.grow(2)
    cut(log, SIZE + 1)


def cut_with_the_tree(log: Log) -> None:
    cut(log, SIZE - 10)
    rebuild(log.dsn, PROOFS)


def forked(log: Log) -> None:
    """The tree goes with the events."""
    other_events(log, SIZE - 2, 3)
    rebuild(log.dsn, PROOFS)


def event_changed_and_tree_rebuilt(log: Log) -> None:
    with psycopg.connect(log.dsn) as connection:
        connection.execute(WITHOUT_GUARDS)
        connection.execute(
            "UPDATE ledger.events SET state = replace(state::text, 'license-3', 'license-4')::json"
            " WHERE position = 4"
        )
    rebuild(log.dsn, PROOFS)


def hash_changed(log: Log) -> None:
    with psycopg.connect(log.dsn) as connection:
        connection.execute(
            "UPDATE proofs.hashes SET hash = sha256(hash) WHERE level = 0 AND index = %s",
            (SIZE - 3,),
        )


def hash_deleted(log: Log) -> None:
    with psycopg.connect(log.dsn) as connection:
        connection.execute(
            "DELETE FROM proofs.hashes WHERE index = 0"
            " AND level = (SELECT max(level) FROM proofs.hashes)"
        )


def signed_root_changed(log: Log) -> None:
    with psycopg.connect(log.dsn) as connection:
        connection.execute(WITHOUT_GUARDS)
        connection.execute("UPDATE checkpoints.checkpoints SET root = sha256(root)")


TAMPERING = [
    events_cut_off,
    events_exchanged,
    newest_exchanged,
    cut_behind_the_tree,
    cut_with_the_tree,
    forked,
    event_changed_and_tree_rebuilt,
    hash_changed,
    hash_deleted,
    signed_root_changed,
]


@pytest.mark.parametrize("tamper", TAMPERING)
def test_what_contradicts_a_checkpoint_is_not_signed(log: Log, tamper: Callable[[Log], None]):
    asyncio.run(look(log.dsn, log.keys))
    before = checkpoints(log.dsn)
    tamper(log)
    with pytest.raises(ContradictionError):
        asyncio.run(look(log.dsn, log.keys, idle=0))
    assert [each.note for each in checkpoints(log.dsn)] == [each.note for each in before]


def test_it_is_said_loudly_and_looked_at_again(log: Log, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hotslot.checkpoints.signer.LOOK_SECONDS", 0.02)
    asyncio.run(look(log.dsn, log.keys))
    contradictions = []
    hash_changed(log)
    log.grow()

    async def play() -> None:
        async with signing(
            log.dsn, log.keys, contradicted=lambda: contradictions.append(1)
        ) as signer:
            running = asyncio.create_task(signer.run())
            await until(lambda: len(contradictions) > 3, "it is looked at again and again")
            assert signer.last is not None
            assert signer.last.size == SIZE
            await asyncio.to_thread(rebuild, log.dsn, PROOFS)
            await until(lambda: len(checkpoints(log.dsn)) == 2, "once it is repaired, it goes on")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    with capture_logs() as said:
        asyncio.run(play())
    (critical,) = (each for each in said if each["log_level"] == "critical")
    assert critical["event"] == "log-contradicted"
    assert "audit verify" in critical["detail"]


def without_guards(log: Log, statement: str) -> None:
    with psycopg.connect(log.dsn) as connection:
        connection.execute(WITHOUT_GUARDS)
        connection.execute(statement)


DELETED = "DELETE FROM checkpoints.checkpoints"
AHEAD = """
INSERT INTO checkpoints.checkpoints (number, size, root, signed_at, key, note)
OVERRIDING SYSTEM VALUE
SELECT 1000000, 1, root, signed_at, key, note FROM checkpoints.checkpoints LIMIT 1
"""


@pytest.mark.parametrize(
    "statements",
    [[DELETED], [f"{DELETED} WHERE size > {SIZE}"], [AHEAD]],
    ids=["all are deleted", "the last one is deleted", "a smaller one comes last"],
)
def test_a_process_remembers_what_it_has_seen_signed(log: Log, statements: list[str]):
    async def play() -> None:
        async with signing(log.dsn, log.keys) as signer:
            await signer.look()
            log.grow()
            await signer.look()
            event_changed_and_tree_rebuilt(log)
            for statement in statements:
                without_guards(log, statement)
            log.grow()
            left = len(checkpoints(log.dsn))
            for _ in range(2):
                with pytest.raises(ContradictionError, match=f"over {SIZE + 1} events"):
                    await signer.look()
            assert len(checkpoints(log.dsn)) == left

    asyncio.run(play())


def test_it_does_not_take_over_what_another_one_signed_over_another_history(log: Log):
    async def play() -> None:
        async with signing(log.dsn, log.keys) as signer:
            await signer.look()
            event_changed_and_tree_rebuilt(log)
            without_guards(log, DELETED)
            log.grow()
            await look(log.dsn, log.keys)  # one that has seen nothing of it
            with pytest.raises(ContradictionError, match="is not the one that was signed"):
                await signer.look()

    asyncio.run(play())


def test_two_servers_with_keys_of_their_own_do_not_sign_by_turns(log: Log, tmp_path: Path):
    other = LogKeys(tmp_path / "others")
    KeyFolder(tmp_path / "others").generate(datetime.now(UTC))

    async def play() -> None:
        async with signing(log.dsn, log.keys) as one, signing(log.dsn, other) as two:
            await one.look()
            log.grow()
            await two.look()
            log.grow()
            with pytest.raises(ContradictionError, match="Somebody else signs"):
                await one.look()
            await two.look()

    with capture_logs():
        asyncio.run(play())
    assert [each.size for each in checkpoints(log.dsn)] == [SIZE, SIZE + 1, SIZE + 2]
    first, *others = (each.key for each in checkpoints(log.dsn))
    assert len(set(others)) == 1
    assert first not in others


def test_a_rotation_is_no_second_server_also_when_the_old_key_is_revoked(log: Log):
    async def play() -> None:
        async with signing(log.dsn, log.keys) as signer:
            await signer.look()
            folder = KeyFolder(log.folder)
            former = folder.read().signing
            assert former is not None
            folder.generate(datetime.now(UTC))
            folder.revoke(former.id)
            log.grow()
            await signer.look()

    with capture_logs():
        asyncio.run(play())
    assert len({each.key for each in checkpoints(log.dsn)}) == 2


def test_checkpoints_are_two_seconds_apart_at_least_and_an_hour_at_most():
    assert GROWING_SECONDS >= 2
    assert IDLE_SECONDS < 3600
