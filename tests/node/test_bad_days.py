"""A backend that is slow, absent, broken or says no: the lease goes to its end, and no further."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from hotslot.client import OutOfReach, Unreadable
from hotslot.node.lease_keeper import QUIESCE_SECONDS
from hotslot.node.standing import Standing
from tests.node.fake_clock import until
from tests.node.keeping import Keeping
from tests.node.stub_backend import never, refused

NOT_LICENSED = refused("not-licensed", "MSCL-a holds no role.")
TROUBLE = {
    "absent": OutOfReach("no server answers"),
    "answering 500": refused("internal-error", "Something failed.", 500),
    "not knowing the key": refused("unauthenticated", "The API key is not known.", 401),
    "a proxy's page": Unreadable(200, "A page without a Hotslot body."),
    "a fault in the client": KeyError("token"),
}


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens in a story happens in the same order each time."""

    async def at_once(call: Callable[..., object], *arguments: object) -> object:
        return call(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", at_once)


@asynccontextmanager
async def running(keeping: Keeping):
    """The keeper at its work; its listener notes each change."""
    changes: list[Standing] = []
    keeping.keeper.listen(changes.append)
    task = asyncio.create_task(keeping.keeper.run())
    try:
        yield changes
        assert not task.done(), "it has ended by itself"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def pass_until(keeping: Keeping, condition: Callable[[], object], at_most: float) -> float:
    """Let time go by in small steps until it is so; gives how much that took."""
    passed = 0.0
    while not condition():
        assert passed < at_most, "it did not come to it"
        keeping.clock.pass_(0.25)
        passed += 0.25
        await settled()
    return passed


async def settled() -> None:
    """Let everything run that waits for no clock: with no threads, turns of the loop are enough."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.parametrize("kind", TROUBLE)
def test_the_lease_goes_on_to_its_end_and_no_further(keeping: Keeping, kind: str):
    async def story() -> None:
        async with running(keeping) as changes:
            await until(keeping.may_process)
            keeping.backend.refuses = TROUBLE[kind]
            took = await pass_until(keeping, lambda: not keeping.may_process(), 61)
            assert took == 60
            await until(lambda: changes[-1].role == "unlicensed")
            assert keeping.keeper.failure

            keeping.backend.refuses = None
            await pass_until(keeping, keeping.may_process, 15)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("kind", "at_fault"),
    [
        ("absent", True),
        ("answering 500", True),
        ("a proxy's page", True),
        ("not knowing the key", False),
    ],
)
def test_a_refusal_is_no_fault_of_the_backend(keeping: Keeping, kind: str, *, at_fault: bool):
    keeping.backend.refuses = TROUBLE[kind]

    asyncio.run(keeping.keeper.renew_now())

    assert keeping.keeper.failure == keeping.keeper.standing().why
    assert (keeping.keeper.backend_fault is not None) == at_fault


def test_a_backend_that_never_answers_is_asked_again_before_the_lease_ends(keeping: Keeping):
    async def story() -> None:
        async with running(keeping):
            await until(keeping.may_process)
            keeping.backend.before_answer = never
            asked = len(keeping.backend.asked)
            await pass_until(keeping, lambda: len(keeping.backend.asked) == asked + 2, 40)
            assert keeping.may_process()
            assert keeping.keeper.failure == "The backend gave no answer in time."

            keeping.backend.before_answer = None
            await pass_until(keeping, lambda: keeping.keeper.failure is None, 20)
            assert keeping.may_process()

    asyncio.run(story())


def test_it_is_renewed_at_a_third_of_its_life(keeping: Keeping):
    async def story() -> None:
        async with running(keeping):
            await until(keeping.may_process)
            took = await pass_until(keeping, lambda: len(keeping.backend.asked) == 2, 30)
            assert took == 20

    asyncio.run(story())


@pytest.mark.parametrize(
    "code", ["not-licensed", "license-expired", "license-suspended", "license-revoked"]
)
def test_a_no_ends_the_lease_at_once(keeping: Keeping, code: str):
    async def story() -> None:
        async with running(keeping) as changes:
            await until(keeping.may_process)
            keeping.backend.refuses = refused(code, "It is so.", 403)
            await keeping.keeper.renew_now()
            assert not keeping.may_process()
            assert changes[-1].role == "unlicensed"
            assert changes[-1].why == "It is so."

    asyncio.run(story())


def test_a_no_is_still_known_after_a_restart(keeping: Keeping):
    asyncio.run(keeping.keeper.renew_now())
    assert keeping.may_process()
    keeping.backend.refuses = NOT_LICENSED
    asyncio.run(keeping.keeper.renew_now())

    keeping.start()

    assert not keeping.may_process()


def test_a_role_given_on_the_backend_is_found_out(keeping: Keeping):
    async def story() -> None:
        keeping.backend.refuses = NOT_LICENSED
        async with running(keeping):
            await until(lambda: keeping.backend.asked)
            keeping.backend.refuses = None
            await pass_until(keeping, keeping.may_process, 15)

    asyncio.run(story())


@pytest.mark.parametrize("role", ["active", "backup"])
@pytest.mark.parametrize("sleeps", ["machine", "virtual machine"])
def test_one_that_wakes_up_without_its_lease_asks_at_once(keeping: Keeping, sleeps: str, role: str):
    async def story() -> None:
        if role == "backup":
            keeping.backend.as_backup()
        async with running(keeping) as changes:
            await until(lambda: keeping.keeper.may("engines.download"))
            asked = len(keeping.backend.asked)
            if sleeps == "machine":
                keeping.clock.suspend(3600)
            else:
                keeping.clock.wall_now += 3600  # and the steady clock stood still
            assert not keeping.keeper.may("engines.download")
            await pass_until(keeping, lambda: len(keeping.backend.asked) > asked, 1.5)
            assert keeping.keeper.may("engines.download")
            assert [each.role for each in changes] == [role, "unlicensed", role]

    asyncio.run(story())


def test_one_that_slept_for_less_than_its_lease_renews_it_soon(keeping: Keeping):
    async def story() -> None:
        async with running(keeping):
            await until(keeping.may_process)
            asked = len(keeping.backend.asked)
            keeping.clock.suspend(50)
            await pass_until(keeping, lambda: len(keeping.backend.asked) > asked, 1.5)
            assert keeping.may_process()

    asyncio.run(story())


# Standing down


def test_silence_is_confirmed_only_when_nothing_runs_any_more(keeping: Keeping):
    async def story() -> None:
        order: list[str] = []
        quiet = asyncio.Event()

        async def quiesce() -> None:
            await quiet.wait()
            order.append("quiet")

        keeping.keeper.quiesce = quiesce
        async with running(keeping) as changes:
            await until(keeping.may_process)
            keeping.keeper.listen(lambda now: order.append(now.role))
            keeping.backend.refuses = NOT_LICENSED
            await keeping.keeper.renew_now()
            assert order == ["unlicensed"]

            # As long as something runs, it says so.
            await keeping.keeper.renew_now()
            assert keeping.backend.asked == [False, True, True]

            quiet.set()
            await until(lambda: len(keeping.backend.asked) == 4)
            assert keeping.backend.asked[-1] is False
            assert order == ["unlicensed", "quiet"]
            assert changes[-1].role == "unlicensed"

    asyncio.run(story())


def test_an_idle_instance_with_the_right_says_that_it_processes(keeping: Keeping):
    """At the next moment it may: only without the right it can promise silence."""

    async def story() -> None:
        async with running(keeping):
            await until(keeping.may_process)
            await keeping.keeper.renew_now()
            assert keeping.backend.asked == [False, True]

    asyncio.run(story())


def test_a_restarted_instance_with_a_lease_says_that_it_processes(keeping: Keeping):
    asyncio.run(keeping.keeper.renew_now())
    keeping.start()

    asyncio.run(keeping.keeper.renew_now())

    assert keeping.backend.asked == [False, True]


def test_processing_that_does_not_end_is_never_denied(keeping: Keeping):
    async def story() -> None:
        keeping.keeper.quiesce = never
        async with running(keeping):
            await until(keeping.may_process)
            keeping.backend.refuses = NOT_LICENSED
            with capture_logs() as logs:
                await keeping.keeper.renew_now()
                await pass_until(
                    keeping,
                    lambda: [each for each in logs if each["event"] == "processing-goes-on"],
                    QUIESCE_SECONDS + 1,
                )
                await pass_until(keeping, lambda: len(keeping.backend.asked) > 6, 60)
            assert keeping.backend.asked[1:] == [True] * (len(keeping.backend.asked) - 1)

    asyncio.run(story())


def test_a_lease_that_ran_out_unseen_by_the_backend_ends_in_a_confirmation(keeping: Keeping):
    async def story() -> None:
        async with running(keeping):
            await until(keeping.may_process)
            keeping.backend.refuses = OutOfReach("cut off")
            await pass_until(keeping, lambda: not keeping.may_process(), 61)
            await until(lambda: keeping.backend.asked[-1] is False)

    asyncio.run(story())


ANSWERS = {
    "not licensed": NOT_LICENSED,
    "another refusal": refused("forbidden", "The key is not for this.", 403),
    "cut off": OutOfReach("cut off"),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("end", ["ran out", "given up"])
def test_silence_is_reported_at_once_after_a_renewal_that_was_on_its_way(
    keeping: Keeping, answer: str, end: str
):
    """The slow call said that it processes: what it is answered puts off no later word."""

    async def story() -> None:
        answered = asyncio.Event()

        async def slow() -> None:
            if keeping.backend.asked[-1]:
                await answered.wait()

        async with running(keeping):
            await until(keeping.may_process)
            keeping.backend.before_answer, keeping.backend.refuses = slow, ANSWERS[answer]
            if end == "ran out":
                keeping.clock.suspend(55)  # so little is left that the renewal outlasts it
            renewal = asyncio.create_task(keeping.keeper.renew_now())
            await until(lambda: len(keeping.backend.asked) == 2)
            if end == "ran out":
                keeping.clock.suspend(5)
                keeping.clock.pass_(1)  # for the watch to see it; the renewal may take 2.5
            else:
                await keeping.keeper.drop("It was deactivated.")
            await settled()
            assert keeping.backend.asked == [False, True]

            answered.set()
            await renewal
            await until(lambda: len(keeping.backend.asked) == 3)  # and no time goes by
            assert keeping.backend.asked[-1] is False

    asyncio.run(story())


def test_silence_that_could_not_be_reported_is_not_repeated_without_a_pause(keeping: Keeping):
    async def story() -> None:
        async with running(keeping):
            await until(keeping.may_process)
            keeping.backend.refuses = OutOfReach("cut off")
            await keeping.keeper.drop("It was deactivated.")
            await until(lambda: keeping.backend.asked[-1] is False and keeping.keeper.failure)
            asked = len(keeping.backend.asked)
            await settled()
            assert len(keeping.backend.asked) == asked
            await pass_until(keeping, lambda: len(keeping.backend.asked) > asked, 15)

    asyncio.run(story())


def test_a_right_that_comes_back_while_it_stops_is_processing_again(keeping: Keeping):
    async def story() -> None:
        quiet = asyncio.Event()

        async def quiesce() -> None:
            await quiet.wait()

        keeping.keeper.quiesce = quiesce
        async with running(keeping):
            await until(keeping.may_process)
            keeping.backend.refuses = NOT_LICENSED
            await keeping.keeper.renew_now()
            keeping.backend.refuses = None
            await keeping.keeper.renew_now()
            assert keeping.may_process()
            quiet.set()
            await settled()
            await keeping.keeper.renew_now()
            assert False not in keeping.backend.asked[1:]

    asyncio.run(story())


def test_one_that_waits_asks_often_and_begins_when_it_may(keeping: Keeping):
    async def story() -> None:
        every_right = keeping.backend.rights
        keeping.backend.rights = [each for each in every_right if each != "process"]
        keeping.backend.waits_for = {"deployment": "MSCL-b", "until": "2027-01-01T00:00:00Z"}
        async with running(keeping):
            await until(lambda: keeping.keeper.standing().role == "active")
            waiting = keeping.keeper.standing()
            assert waiting.status == "waiting"
            assert waiting.waits_for == "MSCL-b"
            assert "MSCL-b" in waiting.why

            keeping.backend.rights, keeping.backend.waits_for = every_right, None
            assert await pass_until(keeping, keeping.may_process, 5) <= 1.25
            assert keeping.keeper.standing().waits_for is None
            assert keeping.backend.asked == [False] * len(keeping.backend.asked)

    asyncio.run(story())


def test_a_lease_on_its_way_while_the_role_is_given_up_gives_nothing(keeping: Keeping):
    async def story() -> None:
        asked, answered = asyncio.Event(), asyncio.Event()

        async def slow() -> None:
            asked.set()
            await answered.wait()

        keeping.backend.before_answer = slow
        renewal = asyncio.create_task(keeping.keeper.renew_now())
        await asked.wait()
        await keeping.keeper.drop("It was deactivated.")
        answered.set()
        await renewal
        assert keeping.keeper.standing().role == "unlicensed"
        assert keeping.keeper.standing().why == "It was deactivated."

    asyncio.run(story())


def test_a_listener_that_fails_keeps_no_other_from_stopping(keeping: Keeping):
    async def story() -> None:
        def fails(_: Standing) -> None:
            raise RuntimeError

        keeping.keeper.listen(fails)
        async with running(keeping) as changes:
            await until(keeping.may_process)
            keeping.backend.refuses = NOT_LICENSED
            await keeping.keeper.renew_now()
            assert changes[-1].role == "unlicensed"

    asyncio.run(story())


def test_without_any_key_nobody_is_asked(keeping: Keeping):
    keeping.backend.has_credential = False

    asyncio.run(keeping.keeper.renew_now())

    assert keeping.backend.asked == []
    assert "neither a node key nor an activation key" in keeping.keeper.standing().why
