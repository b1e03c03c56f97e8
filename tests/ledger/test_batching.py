"""However submissions fall into batches, and whatever the cache has kept: the outcome is the same.

Each example is carried out one by one, at once, and at once with a cache that holds next to
nothing. The ids of each carry a mark of their own, so that they share a database.
"""

import asyncio
import contextlib
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotslot.domain.events import Recorded
from hotslot.ledger import mapper
from hotslot.ledger.cache import Cache
from hotslot.ledger.submission import (
    Done,
    IdempotencyKeyReusedError,
    PreconditionFailedError,
    Refused,
    Repeated,
    Submission,
)
from hotslot.ledger.tail import head
from hotslot.ledger.writer import Writer
from tests.ledger import writing
from tests.ledger.writing import recorded_events, submission

LICENSES, DEPLOYMENTS = st.sampled_from(["l", "m"]), st.sampled_from(["a", "b", "c"])
STEPS = st.one_of(
    st.tuples(st.just("issue"), LICENSES, st.integers(1, 2)),
    st.tuples(st.just("activate"), DEPLOYMENTS, LICENSES),
    st.tuples(st.just("deactivate"), DEPLOYMENTS),
    st.tuples(st.just("register"), DEPLOYMENTS, LICENSES, st.none() | DEPLOYMENTS),
    st.tuples(st.just("nominate"), DEPLOYMENTS, st.none() | DEPLOYMENTS),
    st.tuples(st.just("resize"), LICENSES, st.integers(1, 2)),
)
# The key under which a step is asked for, if any, and whether under the tag of a fresh license.
ASKED = st.tuples(
    STEPS, st.none() | st.sampled_from(["k1", "k2"]), st.sampled_from([None, None, "*", "1-valid"])
)
Step = tuple[tuple[Any, ...], str | None, str | None]

_marks = itertools.count(1)


def asked(step: Step, mark: str) -> Submission:
    (name, *arguments), key, tag = step
    make = getattr(writing, name)
    command = make(
        *(f"{mark}-{each}" if isinstance(each, str) else each for each in arguments)
    ).command
    return submission(
        command,
        key=None if key is None else f"{mark}-{key}",
        asked=repr((name, arguments)),
        if_match=None if tag is None else frozenset({tag}),
    )


class Bench(NamedTuple):
    """Three writers that are carried through every example, and the loop that they live in."""

    runner: asyncio.Runner
    one_by_one: Writer
    at_once: Writer
    forgetful: Writer


@pytest.fixture(scope="module")
def bench(shared_dsn: str) -> Iterator[Bench]:
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        caches = (Cache(), Cache(), Cache(capacity=1))
        writers = [
            runner.run(stack.enter_async_context(writing.writing(shared_dsn, cache)))
            for cache in caches
        ]
        yield Bench(runner, *writers)
        runner.run(stack.aclose())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(ASKED, min_size=2, max_size=14))
def test_batches_change_nothing(bench: Bench, steps: Sequence[Step]) -> None:
    run = bench.runner.run
    one_by_one, first = run(carried_out(bench.one_by_one, steps, at_once=False))
    at_once, second = run(carried_out(bench.at_once, steps, at_once=True))
    forgetful, third = run(carried_out(bench.forgetful, steps, at_once=True))
    assert at_once == one_by_one
    assert forgetful == one_by_one
    assert second == first
    assert third == first


async def carried_out(
    writer: Writer, steps: Sequence[Step], *, at_once: bool
) -> tuple[list[Any], list[Any]]:
    """What each step came to, and what the ledger holds of it; marks and positions taken off."""
    mark = f"x{next(_marks)}"
    submissions = [asked(step, mark) for step in steps]
    async with writer._pool.connection() as connection:
        start = await head(connection)
    if at_once:
        results = await asyncio.gather(*map(writer.submit, submissions), return_exceptions=True)
    else:
        results = []
        for each in submissions:
            results += await asyncio.gather(writer.submit(each), return_exceptions=True)
    async with writer._pool.connection() as connection:
        ledger = await recorded_events(connection, start)
    return [told(result, start, mark) for result in results], [
        (event.position - start, *unmarked(event, mark)) for event in ledger
    ]


def unmarked(event: Recorded, mark: str) -> tuple[Any, ...]:
    stored = re.sub(rf"\b{mark}-", "", mapper.encode(event.context, event.event).decode())
    return event.stream.replace(f"{mark}-", ""), event.version, event.event.type, stored


def told(result: Any, start: int, mark: str) -> tuple[Any, ...]:
    match result:
        case Done() | Refused():
            code = None if isinstance(result, Done) else result.explanation.code
            events = [unmarked(event, mark) for event in result.recorded]
            return type(result), code, events, result.head - start
        case Repeated():
            refusal = result.answer.refusal
            return Repeated, refusal.code if refusal else None, result.position - start
        case PreconditionFailedError():
            # The tag begins with a position.
            return PreconditionFailedError, None if result.tag is None else result.tag[-5:]
        case IdempotencyKeyReusedError():
            return (IdempotencyKeyReusedError,)
        case _:
            raise AssertionError(result) from result
