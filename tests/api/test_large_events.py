"""An event that is too large for the log is refused at the command."""

from collections.abc import Callable, Iterator

import pytest

from tests.api.calls import Caller, done, eventually, problem
from tests.serving import serving

ROOM = 1500
# Nothing that the API takes comes near the real limit: this server has a smaller one.
SERVER_WITH_LITTLE_ROOM = f"""
from hotslot.ledger import plan
plan.MAX_LEAF_BYTES = {ROOM}
from hotslot.cli.main import run
run()
"""


@pytest.fixture(scope="module")
def api(new_database: Callable[[], str]) -> Iterator[Caller]:
    program = ("-c", SERVER_WITH_LITTLE_ROOM)
    with serving(new_database(), program=program) as server, server.client() as http:  # type: ignore[arg-type]
        yield Caller(http)


def test_nothing_is_recorded_and_the_answer_says_what_to_do(api: Caller):
    license_id = api.issued()
    before = api.head()

    answer = api.change(license_id, "resize", slots=2, reason="é" * 900)

    told = problem(answer, 413, "event-too-large")
    assert "license.resized would take" in told["detail"]
    assert "Nothing was recorded. Say it in fewer words" in told["detail"]
    assert api.head() == before
    assert done(api.change(license_id, "resize", slots=2, reason="é" * 100))["slots"]["total"] == 2


def test_a_command_of_two_events_records_neither(api: Caller):
    license_id = api.issued()
    before = api.head()
    problem(
        api.register("nobody", license_id, standby_for="d", reason="é" * 900),
        413,
        "event-too-large",
    )
    assert api.head() == before


def test_the_same_idempotency_key_works_in_fewer_words(api: Caller):
    license_id = api.issued()
    key = {"Idempotency-Key": "k"}
    problem(
        api.change(license_id, "resize", key, slots=2, reason="é" * 900), 413, "event-too-large"
    )
    done(api.change(license_id, "resize", key, slots=2, reason="fewer"))
    eventually(lambda: api.license(license_id)["slots"]["total"] == 2)
