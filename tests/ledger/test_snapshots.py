"""Snapshots: a shortcut to the same state, and nothing that the truth depends on."""

import asyncio
from typing import Any

import pytest
from psycopg import AsyncConnection, Rollback

from hotslot.domain.deployment import Deployment
from hotslot.domain.events import Mode, Role
from hotslot.domain.keys import Key, KeyRole
from hotslot.domain.license import Holding, License
from hotslot.domain.streams import State
from hotslot.ledger import snapshots
from hotslot.ledger.loading import Loaded, load
from hotslot.ledger.plan import Versioned
from hotslot.ledger.submission import Done
from tests.ledger.writing import (
    NOON,
    activate,
    folded,
    issue,
    recorded_events,
    register,
    resize,
    until,
    writing,
)

STREAM = "license:l"
SAVED = "SELECT version, format, state::text FROM ledger.snapshots WHERE stream = %s"
LENGTH = snapshots.EVERY + 30


async def connected(dsn: str) -> AsyncConnection[Any]:
    return await AsyncConnection.connect(dsn, autocommit=True)


async def saved(connection: AsyncConnection[Any]) -> tuple[int, int, str] | None:
    return await (await connection.execute(SAVED, (STREAM,))).fetchone()


async def write_a_long_stream(dsn: str) -> None:
    """A license with a deployment of each role and LENGTH events, the last ones resizing it."""
    async with writing(dsn) as writer, await connected(dsn) as connection:
        for each in (issue("l", 3), activate("a", "l"), register("b", "l")):
            await writer.submit(each)
        for version in range(4, LENGTH + 1):
            await writer.submit(resize("l", 3 + version % 7))
        await until(lambda: writer._saving is not None and writer._saving.done(), "saving")
        assert await saved(connection) is not None


async def loaded(connection: AsyncConnection[Any], known: int = 0, state: State = None) -> Loaded:
    return await load(connection, {STREAM: Versioned(known, state)})


@pytest.fixture(scope="module")
def long_stream(shared_dsn: str) -> str:
    asyncio.run(write_a_long_stream(shared_dsn))
    return shared_dsn


def test_a_long_stream_loads_from_its_snapshot_and_is_what_its_events_add_up_to(long_stream: str):
    async def scenario() -> None:
        async with await connected(long_stream) as connection:
            kept = await saved(connection)
            assert kept is not None
            version, format_, _ = kept
            assert (version, format_) == (snapshots.EVERY, snapshots.FORMAT)
            fresh = await loaded(connection)
            whole = folded(await recorded_events(connection), STREAM)
            assert fresh[STREAM] == Versioned(LENGTH, whole)
            assert fresh.folded[STREAM] == LENGTH - snapshots.EVERY
            assert fresh.long == []

    asyncio.run(scenario())


def test_the_snapshot_is_what_is_loaded(long_stream: str):
    async def scenario() -> None:
        async with await connected(long_stream) as connection, connection.transaction() as scope:
            await connection.execute(
                "UPDATE ledger.snapshots"
                " SET state = jsonb_set(state::jsonb, '{product}', '\"told\"')::json"
            )
            state = (await loaded(connection))[STREAM].state
            assert isinstance(state, License)
            assert state.product == "told"
            raise Rollback(scope)

    asyncio.run(scenario())


def test_a_snapshot_of_another_format_is_passed_over(long_stream: str):
    async def scenario() -> None:
        async with await connected(long_stream) as connection, connection.transaction() as scope:
            await connection.execute(
                'UPDATE ledger.snapshots SET format = %s, state = \'{"of": "old"}\'',
                (snapshots.FORMAT - 1,),
            )
            fresh = await loaded(connection)
            whole = folded(await recorded_events(connection), STREAM)
            assert fresh[STREAM] == Versioned(LENGTH, whole)
            assert fresh.folded[STREAM] == LENGTH
            assert fresh.long == [STREAM]
            raise Rollback(scope)

    asyncio.run(scenario())


def test_what_is_known_already_is_not_read_again(long_stream: str):
    async def scenario() -> None:
        async with await connected(long_stream) as connection:
            events = await recorded_events(connection)
            before = [event for event in events if event.stream == STREAM][:-5]
            known = folded(before, STREAM)
            fresh = await loaded(connection, LENGTH - 5, known)
            assert fresh.folded[STREAM] == 5
            assert fresh[STREAM] == Versioned(LENGTH, folded(events, STREAM))

    asyncio.run(scenario())


def test_an_older_snapshot_does_not_take_the_place_of_a_newer_one(long_stream: str):
    async def scenario() -> None:
        async with await connected(long_stream) as connection:
            before = await saved(connection)
            assert before is not None
            older = (STREAM, before[0] - 1, snapshots.FORMAT, "{}")
            await connection.execute(snapshots.SAVE, older)
            assert await saved(connection) == before

    asyncio.run(scenario())


def test_the_writer_goes_on_from_a_snapshot(long_stream: str):
    async def scenario() -> None:
        async with writing(long_stream) as writer:
            outcome = await writer.submit(activate("z", "l"))
            assert isinstance(outcome, Done)
            assert outcome.recorded[0].version == LENGTH + 1
            license_ = outcome.states.license("l")
            assert license_ is not None
            assert list(license_.active) == ["a", "z"]

    asyncio.run(scenario())


def test_a_snapshot_that_can_not_be_saved_stops_nothing(dsn: str):
    async def scenario() -> None:
        async with await connected(dsn) as connection:
            await connection.execute("ALTER TABLE ledger.snapshots RENAME TO elsewhere")
            # Loading reads the table too: a view shows that it is empty, and takes nothing in.
            await connection.execute(
                "CREATE VIEW ledger.snapshots AS SELECT * FROM ledger.elsewhere WHERE false"
                " UNION ALL SELECT NULL, NULL, NULL, NULL WHERE false"
            )
        async with writing(dsn) as writer:
            await writer.submit(issue("l", 3))
            for version in range(2, snapshots.EVERY + 2):
                await writer.submit(resize("l", 3 + version % 2))
            await until(lambda: writer._saving is not None and writer._saving.done(), "saving")
            assert isinstance(await writer.submit(resize("l", 9)), Done)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("stream", "state"),
    [
        (
            "license:l",
            License(
                id="l",
                product="core ☃",
                customer="acme",
                slots=2,
                expires_at=NOON,
                activation_key_sha256="0" * 64,
                suspended=True,
                revoked=True,
                term=7,
                active={
                    "a": Holding(Mode.ONLINE, NOON, 5, 1),
                    "b": Holding(Mode.OFFLINE, NOON, 6, 2),
                },
                backup_count=3,
                position=9,
            ),
        ),
        (
            "deployment:d",
            Deployment(
                id="d",
                role=Role.BACKUP,
                license="l",
                mode=Mode.OFFLINE,
                standby_for="a",
                since=NOON,
                term=4,
            ),
        ),
        ("deployment:d", Deployment(id="d", since=NOON, former_license="l")),
        (
            "key:k",
            Key(
                id="k",
                role=KeyRole.NODE,
                customer="acme",
                deployment="d",
                sha256="0" * 64,
                created_at=NOON,
                revoked_at=NOON,
            ),
        ),
    ],
)
def test_states_survive_being_kept(stream: str, state: State):
    assert snapshots.decode(stream, snapshots.encode(state)) == state
