"""The writer among other writers: what it decides holds in the ledger, not only in its cache."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from psycopg import AsyncConnection

from hotslot.domain import commands
from hotslot.domain.events import AuditExported, BackupNominated, Recorded
from hotslot.ledger.cache import Cache
from hotslot.ledger.submission import (
    Done,
    EventTooLargeError,
    IdempotencyKeyReusedError,
    Outcome,
    PreconditionFailedError,
    Refused,
    Repeated,
    Submission,
)
from tests.ledger.writing import (
    activate,
    deactivate,
    issue,
    nominate,
    recorded_events,
    register,
    resize,
    submission,
    writing,
)


def code(outcome: Outcome) -> str:
    assert isinstance(outcome, Refused)
    return outcome.explanation.code


def test_a_refusal_from_an_old_state_is_not_given(dsn: str):
    async def scenario() -> None:
        async with writing(dsn) as here, writing(dsn) as there:
            for each in (issue("l"), activate("a", "l")):
                await here.submit(each)
            assert code(await here.submit(activate("b", "l"))) == "no-free-slot"
            await there.submit(deactivate("a"))
            assert isinstance(await here.submit(activate("c", "l")), Done)

    asyncio.run(scenario())


def test_a_refusal_that_another_process_recorded_is_not_recorded_again(dsn: str):
    async def scenario() -> None:
        async with writing(dsn) as here, writing(dsn) as there:
            for each in (issue("l"), activate("a", "l")):
                await here.submit(each)
            first = await there.submit(activate("b", "l"))
            again = await here.submit(activate("b", "l"))
            assert code(first) == code(again) == "no-free-slot"
            assert isinstance(first, Refused)
            assert isinstance(again, Refused)
            assert (len(first.recorded), len(again.recorded)) == (1, 0)

    asyncio.run(scenario())


def test_a_quiet_repeat_from_an_old_state_is_not_given(dsn: str):
    async def scenario() -> None:
        async with writing(dsn) as here, writing(dsn) as there:
            for each in (issue("l"), activate("a", "l")):
                await here.submit(each)
            await there.submit(deactivate("a"))
            again = await here.submit(activate("a", "l"))
            assert isinstance(again, Done)
            assert len(again.recorded) == 2

    asyncio.run(scenario())


def test_a_slot_is_not_given_twice(dsn: str):
    async def scenario() -> None:
        async with writing(dsn) as here, writing(dsn) as there:
            await here.submit(issue("l"))
            assert code(await here.submit(nominate("z"))) == "not-a-backup"
            await there.submit(activate("a", "l"))
            assert code(await here.submit(activate("b", "l"))) == "no-free-slot"

    asyncio.run(scenario())


def test_the_old_state_of_whom_a_nomination_turns_out_to_replace_does_not_matter(dsn: str):
    async def scenario() -> None:
        async with writing(dsn) as here, writing(dsn) as there:
            for each in (issue("l"), activate("a", "l"), register("b", "l"), register("c", "l")):
                await here.submit(each)
            # Here, `a` is still active and `c` a backup.
            await there.submit(nominate("c"))
            outcome = await here.submit(nominate("b"))
            assert isinstance(outcome, Done)
            nominated = outcome.recorded[0].event
            assert isinstance(nominated, BackupNominated)
            assert nominated.replaced == "c"

    asyncio.run(scenario())


def test_whoever_waits_behind_a_stale_decision_may_have_old_states_too(dsn: str):
    async def scenario() -> None:
        async with writing(dsn) as here, writing(dsn) as there:
            for name in ("l", "m"):
                await here.submit(issue(name))
                await here.submit(activate(f"{name}-a", name))
                await here.submit(register(f"{name}-b", name))
                await here.submit(register(f"{name}-c", name))
            for name in ("l", "m"):
                await there.submit(nominate(f"{name}-c"))
            outcomes = await asyncio.gather(
                *(here.submit(nominate(f"{name}-b")) for name in ("l", "m"))
            )
            assert [type(outcome) for outcome in outcomes] == [Done, Done]

    asyncio.run(scenario())


def test_a_key_that_reads_from_several_processes_at_once_is_noted_once(dsn: str):
    """None of them follows the ledger here: only the append tells one of the others."""

    def note(key: str) -> Submission:
        exported = AuditExported(key=key, via="entries", position=1)
        return submission(commands.NoteExport(exported=exported))

    async def scenario() -> None:
        async with writing(dsn) as here, writing(dsn) as there, writing(dsn) as elsewhere:
            for key in ("k1", "k2", "k3"):
                outcomes = await asyncio.gather(
                    *(each.submit(note(key)) for each in (here, there, elsewhere) for _ in range(4))
                )
                assert all(isinstance(outcome, Done) for outcome in outcomes)
        async with await AsyncConnection.connect(dsn) as connection:
            recorded = await recorded_events(connection)
        assert [event.stream for event in recorded] == ["audit:k1", "audit:k2", "audit:k3"]

    asyncio.run(scenario())


def test_an_event_that_is_too_large_leaves_nothing_behind(dsn: str):
    async def scenario() -> None:
        async with writing(dsn) as writer:
            await writer.submit(issue("l"))
            large = msgspec.structs.replace(
                submission(commands.ResizeLicense(license="l", slots=9), key="k"),
                reason="x" * 65_535,
            )
            results = await asyncio.gather(
                writer.submit(resize("l", 2)),
                writer.submit(large),
                writer.submit(activate("a", "l")),
                return_exceptions=True,
            )
            assert [type(result) for result in results] == [Done, EventTooLargeError, Done]
            with pytest.raises(EventTooLargeError):
                await writer.foresee(large)
            # The Idempotency-Key was not used up.
            again = await writer.submit(msgspec.structs.replace(large, reason="in fewer words"))
            assert isinstance(again, Done)
            assert [event.event.type for event in again.recorded] == ["license.resized"]
        async with await AsyncConnection.connect(dsn) as connection:
            recorded = await recorded_events(connection)
        assert [event.event.type for event in recorded] == [
            "license.issued",
            "license.resized",
            "license.deployment-activated",
            "deployment.bound",
            "license.resized",
        ]

    asyncio.run(scenario())


def test_a_key_that_another_process_has_used_gets_its_answer(dsn: str):
    async def scenario() -> None:
        async with writing(dsn) as here, writing(dsn) as there:
            await here.submit(issue("l"))
            command = commands.Activate(deployment="a", license="l")
            first = await there.submit(submission(command, key="k", asked="x"))
            again = await here.submit(submission(command, key="k", asked="x"))
            assert isinstance(first, Done)
            assert isinstance(again, Repeated)
            assert again.position == first.head
            with pytest.raises(IdempotencyKeyReusedError):
                await here.submit(submission(command, key="k", asked="y"))

    asyncio.run(scenario())


def test_the_answer_of_a_nomination_names_whom_it_replaced(dsn: str):
    async def scenario() -> None:
        async with writing(dsn) as writer:
            for each in (issue("l"), activate("a", "l"), register("b", "l")):
                await writer.submit(each)
            command = commands.NominateBackup(deployment="b")
            await writer.submit(submission(command, key="k"))
            again = await writer.submit(submission(command, key="k"))
            assert isinstance(again, Repeated)
            assert again.answer.replaced == "a"

    asyncio.run(scenario())


def test_a_failed_precondition_does_not_use_the_key_up(dsn: str):
    async def scenario() -> None:
        async with writing(dsn) as writer:
            await writer.submit(issue("l"))
            command = commands.ResizeLicense(license="l", slots=2)
            with pytest.raises(PreconditionFailedError) as failed:
                await writer.submit(submission(command, key="k", if_match=frozenset({"7-valid"})))
            tag = failed.value.tag
            assert tag == "1-valid"
            again = submission(command, key="k", if_match=frozenset({tag}))
            assert isinstance(await writer.submit(again), Done)

    asyncio.run(scenario())


def test_a_repeat_gets_its_answer_though_it_has_changed_the_tag_that_it_asks_for(dsn: str):
    async def scenario() -> None:
        async with writing(dsn) as writer:
            await writer.submit(issue("l"))
            command = commands.ResizeLicense(license="l", slots=2)
            asked = submission(command, key="k", if_match=frozenset({"1-valid"}))
            assert isinstance(await writer.submit(asked), Done)
            assert isinstance(await writer.submit(asked), Repeated)

    asyncio.run(scenario())


def test_a_dry_run_records_nothing_and_sees_the_ledger(dsn: str):
    async def scenario() -> None:
        async with writing(dsn) as here, writing(dsn) as there:
            for each in (issue("l"), activate("a", "l"), register("b", "l"), register("c", "l")):
                await here.submit(each)
            await there.submit(nominate("c"))
            foreseen = await here.foresee(nominate("b"))
            assert isinstance(foreseen, Done)
            nominated = foreseen.recorded[0].event
            assert isinstance(nominated, BackupNominated)
            assert nominated.replaced == "c"
            done = await here.submit(nominate("b"))
            assert isinstance(done, Done)
            assert done.recorded == foreseen.recorded

    asyncio.run(scenario())


def test_who_follows_is_told_before_who_asked(dsn: str):
    told: list[tuple[int, Sequence[Recorded]]] = []

    async def scenario() -> None:
        async with writing(dsn, committed=lambda h, events: told.append((h, events))) as writer:
            outcome = await writer.submit(issue("l"))
            assert isinstance(outcome, Done)
            assert told == [(0, list(outcome.recorded))]
            await writer.submit(issue("l"))
            await writer.submit(issue("l"))
            assert [head for head, _ in told] == [0, 1]  # the second refusal was not recorded

    asyncio.run(scenario())


def test_what_is_committed_is_not_carried_out_again_when_telling_of_it_fails(dsn: str):
    def fail(_head: int, _events: Sequence[Recorded]) -> None:
        raise ZeroDivisionError

    async def scenario() -> list[Recorded]:
        async with writing(dsn, committed=fail) as writer:
            results = await asyncio.gather(
                *map(writer.submit, (issue("l"), issue("m"))), return_exceptions=True
            )
            assert [type(result) for result in results] == [ZeroDivisionError] * 2
            async with writer._pool.connection() as connection:
                return await recorded_events(connection)

    events = asyncio.run(scenario())
    assert [event.stream for event in events] == ["license:l", "license:m"]


def test_a_client_that_goes_away_leaves_the_others_alone(dsn: str):
    async def scenario() -> list[Recorded]:
        async with writing(dsn) as writer:
            impatient = asyncio.create_task(writer.submit(issue("l")))
            patient = asyncio.create_task(writer.submit(issue("m")))
            await asyncio.sleep(0)  # both are queued
            impatient.cancel()
            assert isinstance(await patient, Done)
            async with writer._pool.connection() as connection:
                return await recorded_events(connection)

    assert {event.stream for event in asyncio.run(scenario())} == {"license:l", "license:m"}


def test_one_bad_command_does_not_take_the_others_with_it(dsn: str):
    class Impossible(commands.ResizeLicense, frozen=True, kw_only=True):
        def decide_on(self, license_: Any, now: Any) -> Any:
            raise ZeroDivisionError

    async def scenario() -> None:
        async with writing(dsn) as writer:
            await writer.submit(issue("l"))
            bad = submission(Impossible(license="l", slots=1))
            results = await asyncio.gather(
                *map(writer.submit, (resize("l", 2), bad, resize("l", 3))), return_exceptions=True
            )
            assert [type(result) for result in results] == [Done, ZeroDivisionError, Done]

    asyncio.run(scenario())


def test_a_cache_that_forgets_everything_costs_no_truth(dsn: str):
    async def scenario() -> None:
        async with writing(dsn, Cache(capacity=1)) as writer:
            await writer.submit(issue("l", slots=2))
            for name in ("a", "b"):
                assert isinstance(await writer.submit(activate(name, "l")), Done)
            assert code(await writer.submit(activate("c", "l"))) == "no-free-slot"

    asyncio.run(scenario())
