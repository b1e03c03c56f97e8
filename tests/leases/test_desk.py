"""The desk: whatever its cache says, and whoever else is at work, leases fit the ledger."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from hotslot.domain import commands, refusals
from hotslot.domain.deployment import Duty, Owed
from hotslot.ledger.cache import Cache
from hotslot.ledger.mapper import UnknownEventError
from hotslot.ledger.submission import LedgerUnavailableError
from tests.leases.giving import (
    asked,
    comes_about,
    do,
    giving,
    leased,
    locks_waited_for,
    now,
    set_up,
)
from tests.ledger.writing import writing


@pytest.fixture(scope="module")
def dsn(new_database: Callable[[], str]) -> str:
    """A database for all tests here: each uses ids of its own."""
    return new_database()


def test_what_the_cache_has_missed_is_found_out(dsn: str):
    async def go() -> None:
        async with writing(dsn) as elsewhere, giving(dsn) as desk:
            await set_up(elsewhere, "missed", "missed-a", "missed-b")
            leased(await desk.ask(asked("missed-a")))
            assert "process" not in leased(await desk.ask(asked("missed-b"))).rights
            nominated = await do(elsewhere, commands.NominateBackup(deployment="missed-b"))
            refused, lease = await asyncio.gather(
                desk.ask(asked("missed-a")), desk.ask(asked("missed-b"))
            )
            assert refused.result == refusals.NotLicensed(deployment="missed-a", former="missed")
            assert "process" in leased(lease).rights
            assert leased(lease).position == nominated.head

    asyncio.run(go())


def test_a_refusal_too_is_true_of_the_ledger(dsn: str):
    async def go() -> None:
        async with writing(dsn) as elsewhere, giving(dsn) as desk:
            await set_up(elsewhere, "late", "late-a")
            refused = await desk.ask(asked("late-b"))
            assert refused.result == refusals.NotLicensed(deployment="late-b", former=None)
            await do(elsewhere, commands.RegisterBackup(deployment="late-b", license="late"))
            assert leased(await desk.ask(asked("late-b"))).role == "backup"
            await do(elsewhere, commands.SuspendLicense(license="late"))
            suspended = await desk.ask(asked("late-b"))
            assert suspended.result == refusals.LicenseSuspended(license="late")
            await do(elsewhere, commands.ReinstateLicense(license="late"))
            leased(await desk.ask(asked("late-b")))

    asyncio.run(go())


def test_standing_down_is_no_word_of_one_that_is_active_again(dsn: str):
    """The cache has it released; what it says was said before it was activated once more."""

    async def go() -> None:
        cache = Cache()
        async with writing(dsn) as elsewhere, giving(dsn, cache) as desk:
            await set_up(elsewhere, "again", "again-a")
            leased(await desk.ask(asked("again-a")))
            await do(elsewhere, commands.Deactivate(deployment="again-a"))
            released = await desk.ask(asked("again-a", processing=True))
            assert released.confirms is None
            await do(elsewhere, commands.Activate(deployment="again-a", license="again"))
            outcome = await desk.ask(asked("again-a", processing=False))
            assert leased(outcome).term == 3
            assert outcome.confirms == Owed(Duty.TAKE_OVER, "again", 3)
        with psycopg.connect(dsn) as connection:
            rows = connection.execute(
                "SELECT term FROM leases.leases"
                " WHERE deployment = 'again-a' AND stood_down_at IS NOT NULL"
            ).fetchall()
            assert rows == []

    asyncio.run(go())


def test_one_that_processes_goes_on_before_that_is_recorded_too(dsn: str):
    """Another slot fails over between its first lease and the event that tells of it."""

    async def go() -> None:
        async with writing(dsn) as writer, giving(dsn) as desk:
            await set_up(writer, "begun", "begun-a", "begun-b", "begun-d")
            await do(writer, commands.ResizeLicense(license="begun", slots=2))
            await do(writer, commands.Activate(deployment="begun-c", license="begun"))
            leased(await desk.ask(asked("begun-c")))
            for deployment, former in (("begun-b", "begun-a"), ("begun-d", "begun-c")):
                nominate = commands.NominateBackup(
                    deployment=deployment, replaces=former, wait_for_release=True
                )
                await do(writer, nominate)
                lease = leased(await desk.ask(asked("begun-b")))
                assert "process" in lease.rights
            waiting = leased(await desk.ask(asked("begun-d"))).waits_for
            assert waiting is not None
            assert waiting.deployment == "begun-c"

    asyncio.run(go())


def test_what_is_kept_is_when_it_began_and_when_it_may_end_at_the_latest(dsn: str):
    async def go() -> None:
        async with writing(dsn) as writer, giving(dsn) as desk:
            await set_up(writer, "kept", "kept-a")
            first = leased(await desk.ask(asked("kept-a")))
            await do(writer, commands.SetLease(license="kept", seconds=5))
            last = leased(await desk.ask(asked("kept-a")))
            assert last.expires_at < first.expires_at
        with psycopg.connect(dsn) as connection:
            row = connection.execute(
                "SELECT seen_at, expires_at, processes_since, processes_until, stood_down_at"
                " FROM leases.leases WHERE license = 'kept'"
            ).fetchone()
        assert row == (
            last.issued_at,
            last.expires_at,
            first.issued_at,
            first.expires_at,
            None,
        )

    asyncio.run(go())


def test_one_that_is_written_late_hides_no_later_one(dsn: str):
    """Two processes give leases at once, and the one that began first writes last."""

    async def go() -> None:
        async with writing(dsn) as writer, giving(dsn) as desk:
            await set_up(writer, "order", "order-a")
            leased(await desk.ask(asked("order-a")))
            query = (
                "UPDATE leases.leases SET seen_at = seen_at + interval '1 h', expires_at ="
                " expires_at + interval '1 h', processes_since = processes_since + interval '1 h'"
                " WHERE license = 'order' RETURNING seen_at, expires_at"
            )
            with psycopg.connect(dsn) as connection:
                later = connection.execute(query).fetchone()
            late = leased(await desk.ask(asked("order-a")))
        with psycopg.connect(dsn) as connection:
            row = connection.execute(
                "SELECT seen_at, expires_at, processes_since FROM leases.leases"
                " WHERE license = 'order'"
            ).fetchone()
        assert later is not None
        assert row == (*later, late.issued_at)

    asyncio.run(go())


def test_what_is_asked_for_at_once_is_given_at_once(dsn: str):
    async def go() -> None:
        async with writing(dsn) as writer, giving(dsn) as desk:
            backups = [f"once-{i}" for i in range(20)]
            await set_up(writer, "once", "once-a", *backups)
            outcomes = await asyncio.gather(*(desk.ask(asked(each)) for each in backups))
            leases = [leased(outcome) for outcome in outcomes]
            assert [lease.deployment for lease in leases] == backups
            assert len({lease.issued_at for lease in leases}) == 1

    asyncio.run(go())


def test_one_that_asks_twice_at_once_gets_two(dsn: str):
    async def go() -> None:
        async with writing(dsn) as writer, giving(dsn) as desk:
            await set_up(writer, "twice", "twice-a", "twice-b")
            order = ["twice-a", "twice-a", "twice-b", "twice-a"]
            outcomes = await asyncio.gather(*(desk.ask(asked(each)) for each in order))
            leases = [leased(outcome) for outcome in outcomes]
            assert [lease.deployment for lease in leases] == order
            times = [lease.issued_at for lease in leases if lease.deployment == "twice-a"]
            assert times == sorted(set(times))

    asyncio.run(go())


def test_many_desks_that_renew_the_same_do_not_lock_each_other_out(dsn: str):
    async def go() -> None:
        names = [f"many-{i}" for i in range(30)]
        async with writing(dsn) as writer:
            await set_up(writer, "many", "many-a", *names)
        async with giving(dsn) as first, giving(dsn) as second:
            for _ in range(20):
                forth = [first.ask(asked(name)) for name in names]
                back = [second.ask(asked(name)) for name in reversed(names)]
                for outcome in await asyncio.gather(*forth, *back):
                    leased(outcome)

    asyncio.run(go())


def test_an_event_of_a_newer_version_keeps_nobody_else_from_a_lease(dsn: str):
    async def go() -> None:
        async with writing(dsn) as writer, giving(dsn) as desk:
            await set_up(writer, "newer", "newer-a", "newer-b")
            await do(writer, commands.Deactivate(deployment="newer-a"))
            with psycopg.connect(dsn) as connection:
                connection.execute(
                    "INSERT INTO ledger.events SELECT (SELECT max(position) + 1"
                    " FROM ledger.events), stream, version + 1, 'deployment.teleported', state"
                    " FROM ledger.events"
                    " WHERE stream = 'deployment:newer-a' ORDER BY version DESC LIMIT 1"
                )
            bad, good = await asyncio.gather(
                desk.ask(asked("newer-a")), desk.ask(asked("newer-b")), return_exceptions=True
            )
            assert isinstance(bad, UnknownEventError)
            assert not isinstance(good, BaseException)
            assert leased(good).deployment == "newer-b"

    asyncio.run(go())


def test_a_lost_connection_fails_those_who_wait_and_nobody_after_them(dsn: str):
    async def go() -> None:
        async with (
            writing(dsn) as writer,
            giving(dsn) as desk,
            await AsyncConnection.connect(dsn, autocommit=True) as holding,
            await AsyncConnection.connect(dsn, autocommit=True) as looking,
        ):
            await set_up(writer, "lost", "lost-a")
            leased(await desk.ask(asked("lost-a")))
            await holding.execute("BEGIN")
            await holding.execute("SELECT ledger.lock()")
            waiting = asyncio.create_task(desk.ask(asked("lost-a")))

            async def waits() -> bool:
                return ("advisory", "ShareLock") in await locks_waited_for(looking)

            await comes_about(waits, "the lease waits for the ledger")
            await looking.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE locktype = 'advisory' AND NOT granted"
            )
            with pytest.raises(LedgerUnavailableError):
                await waiting
            await holding.execute("COMMIT")
            leased(await desk.ask(asked("lost-a")))

    asyncio.run(go())


def test_who_goes_away_keeps_nobody_from_a_lease(dsn: str):
    async def go() -> None:
        async with writing(dsn) as writer, giving(dsn) as desk:
            await set_up(writer, "away", "away-a", "away-b")
            gone = asyncio.create_task(desk.ask(asked("away-a")))
            stays = asyncio.create_task(desk.ask(asked("away-b")))
            await asyncio.sleep(0)
            gone.cancel()
            assert leased(await stays).deployment == "away-b"

    asyncio.run(go())


def test_whether_a_license_has_ended_is_for_the_clock_of_the_database(dsn: str):
    """This process's clock is an hour behind."""
    ended = now() - timedelta(minutes=1)

    async def go() -> None:
        def behind() -> Any:
            return now() - timedelta(hours=1)

        async with writing(dsn, clock=behind) as writer, giving(dsn, clock=behind) as desk:
            await set_up(writer, "ended", "ended-a")
            await do(writer, commands.RenewLicense(license="ended", expires_at=ended))
            outcome = await desk.ask(asked("ended-a"))
            expired = refusals.LicenseExpired(license="ended", expires_at=ended)
            assert outcome.result == expired
            assert outcome.confirms is None
        with psycopg.connect(dsn) as connection:
            query = "SELECT count(*) FROM leases.leases WHERE license = 'ended'"
            assert connection.execute(query).fetchone() == (0,)

    asyncio.run(go())
