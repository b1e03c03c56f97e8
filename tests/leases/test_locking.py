"""A renewal under way and a nomination: one comes after the other, whatever happens in between."""

import asyncio
from typing import Any

import msgspec
from psycopg import AsyncConnection

from hotslot.domain import commands, refusals
from hotslot.domain.events import Actor, Context, DeploymentReleased
from hotslot.leases.desk import Desk, Outcome
from hotslot.ledger import mapper
from hotslot.ledger.append import APPEND, AppendedEvent, append_arguments
from tests.leases.giving import (
    asked,
    comes_about,
    do,
    giving,
    leased,
    locks_waited_for,
    set_up,
)
from tests.ledger.writing import NOON, writing

# Keeps the lease of a deployment from being written, and so the renewal under way.
HOLD_LEASE = "SELECT FROM leases.leases WHERE deployment = %s FOR UPDATE"


def released(deployment: str, version: int) -> AppendedEvent:
    """The event that takes a deployment's role away, as it is appended."""
    event = DeploymentReleased(deployment=deployment, license="lic", cause="deactivated")
    context = Context(at=NOON, actor=Actor("key", "admin"), request_id="r")
    state = msgspec.Raw(mapper.encode(context, event))
    return AppendedEvent(f"deployment:{deployment}", version, event.type, state)


async def renewal_under_way(
    desk: Desk, holding: AsyncConnection[Any], looking: AsyncConnection[Any]
) -> asyncio.Task[Outcome]:
    """A renewal for `a` that is decided, and can't be written until `holding` commits."""
    await holding.execute(HOLD_LEASE, ("a",))
    renewal = asyncio.create_task(desk.ask(asked("a")))

    async def it_waits() -> bool:
        return ("transactionid", "ShareLock") in await locks_waited_for(looking)

    await comes_about(it_waits, "the renewal has been decided, and is being written")
    return renewal


def test_a_nomination_waits_for_the_leases_under_way_and_sees_them(dsn: str):
    async def go() -> None:
        async with (
            writing(dsn) as writer,
            giving(dsn) as here,
            giving(dsn) as elsewhere,
            await AsyncConnection.connect(dsn) as holding,
            await AsyncConnection.connect(dsn, autocommit=True) as looking,
        ):
            await set_up(writer, "lic", "a", "b")
            leased(await here.ask(asked("a")))
            renewal = await renewal_under_way(here, holding, looking)
            nominate = commands.NominateBackup(deployment="b", wait_for_release=True)
            nomination = asyncio.create_task(do(writer, nominate))

            async def nomination_waits() -> bool:
                waiting = await locks_waited_for(looking)
                return nomination.done() or ("advisory", "ExclusiveLock") in waiting

            await comes_about(nomination_waits, "the nomination waits for the renewal")
            assert not nomination.done()
            await holding.commit()
            lease = leased(await renewal)
            nominated = await nomination
            assert lease.position < nominated.recorded[0].position
            waiting = leased(await elsewhere.ask(asked("b")))
            assert "process" not in waiting.rights
            assert waiting.waits_for is not None
            assert (waiting.waits_for.deployment, waiting.waits_for.until) == (
                "a",
                lease.expires_at,
            )

    asyncio.run(go())


def test_a_lease_waits_for_what_is_being_appended_and_sees_it(dsn: str):
    async def go() -> None:
        async with (
            writing(dsn) as writer,
            giving(dsn) as desk,
            await AsyncConnection.connect(dsn) as appending,
            await AsyncConnection.connect(dsn, autocommit=True) as looking,
        ):
            await set_up(writer, "lic", "a", "b")
            leased(await desk.ask(asked("a")))
            await appending.execute(APPEND, append_arguments({}, [released("a", 2)], []))
            renewal = asyncio.create_task(desk.ask(asked("a")))

            async def renewal_waits() -> bool:
                waiting = await locks_waited_for(looking)
                return renewal.done() or ("advisory", "ShareLock") in waiting

            await comes_about(renewal_waits, "the renewal waits for what is being appended")
            assert not renewal.done()
            await appending.commit()
            refused = (await renewal).result
            assert refused == refusals.NotLicensed(deployment="a", former="lic")

    asyncio.run(go())


def test_those_who_give_leases_do_not_wait_for_each_other(dsn: str):
    async def go() -> None:
        async with (
            writing(dsn) as writer,
            giving(dsn) as here,
            giving(dsn) as elsewhere,
            await AsyncConnection.connect(dsn) as holding,
            await AsyncConnection.connect(dsn, autocommit=True) as looking,
        ):
            await set_up(writer, "lic", "a", "b")
            leased(await here.ask(asked("a")))
            renewal = await renewal_under_way(here, holding, looking)
            leased(await elsewhere.ask(asked("b")))
            assert not renewal.done()
            await holding.commit()
            leased(await renewal)

    asyncio.run(go())
