"""When a lease is asked for again, and for how long an answer is waited for."""

import random

from hypothesis import given
from hypothesis import strategies as st

from hotslot.node import pace

LIVES = st.floats(0.5, 3600)
CHANCE = st.sampled_from([min, max, random.uniform])


@given(LIVES, CHANCE)
def test_about_a_third(seconds: float, chance: pace.Chance):
    wait = pace.after_success(seconds, waiting=False, chance=chance)

    assert 0.29 * seconds < wait < 0.37 * seconds


@given(LIVES, CHANCE)
def test_soon_when_waiting_for_the_former_one(seconds: float, chance: pace.Chance):
    assert pace.after_success(seconds, waiting=True, chance=chance) <= min(1.1, 0.37 * seconds)


@given(st.integers(1, 10_000), LIVES, CHANCE)
def test_a_failure_leaves_time_for_more_tries(failures: int, seconds: float, chance: pace.Chance):
    assert 0 < pace.after_failure(failures, seconds, chance=chance) <= seconds / 6


@given(st.integers(1, 50), LIVES)
def test_each_failure_makes_the_wait_longer_or_keeps_it(failures: int, seconds: float):
    waits = [pace.after_failure(n, seconds, chance=max) for n in (failures, failures + 1)]

    assert waits == sorted(waits)
    assert waits[0] < pace.after_failure(20, seconds, chance=max) or failures > 3


@given(st.floats(0.001, 3600))
def test_patience_ends_before_the_lease(left: float):
    assert 0 < pace.patience(left) <= left


def test_without_a_lease_there_is_time():
    assert pace.patience(0) == pace.patience(-5) == 10


def test_instances_do_not_stay_together():
    waits = {pace.after_success(60, waiting=False, chance=random.uniform) for _ in range(20)}
    retries = {pace.after_failure(9, 60, chance=random.uniform) for _ in range(20)}

    assert len(waits) == len(retries) == 20
