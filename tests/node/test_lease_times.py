"""A lease ends when it ends: by either clock, and counted from when it was asked for."""

import asyncio

import pytest

from hotslot.node.lease_keeper import LeaseKeeper
from tests.node.keeping import Keeping


def leased(keeping: Keeping) -> LeaseKeeper:
    asyncio.run(keeping.keeper.renew_now())
    assert keeping.may_process(), keeping.keeper.failure
    return keeping.keeper


def test_it_ends_to_the_moment(keeping: Keeping):
    leased(keeping)

    keeping.clock.pass_(59.875)
    assert keeping.may_process()
    keeping.clock.pass_(0.125)
    assert not keeping.may_process()
    assert keeping.keeper.standing().role == "unlicensed"


def test_it_counts_from_when_it_was_asked_for(keeping: Keeping):
    async def slow() -> None:
        keeping.clock.pass_(9)

    keeping.backend.before_answer = slow
    leased(keeping)

    keeping.clock.pass_(50.875)
    assert keeping.may_process()
    keeping.clock.pass_(0.125)
    assert not keeping.may_process()


def test_an_answer_that_was_on_its_way_for_too_long_gives_nothing(keeping: Keeping):
    keeping.backend.seconds = 5

    async def slow() -> None:
        keeping.clock.pass_(5)

    keeping.backend.before_answer = slow
    asyncio.run(keeping.keeper.renew_now())

    assert not keeping.may_process()
    assert "on its way for longer" in str(keeping.keeper.failure)


def test_a_clock_set_back_does_not_prolong_it(keeping: Keeping):
    leased(keeping)

    keeping.clock.pass_(30)
    assert keeping.may_process()
    keeping.clock.wall_now -= 86_400
    assert keeping.may_process()
    keeping.clock.pass_(30)
    assert not keeping.may_process()


def test_a_suspension_and_a_clock_set_back_after_it_do_not_prolong_it(keeping: Keeping):
    """Each clock alone shows less than what has passed."""
    leased(keeping)

    keeping.clock.wall_now += 40  # suspended: the steady clock stands still
    assert keeping.may_process()
    keeping.clock.wall_now -= 40
    keeping.clock.pass_(19)
    assert keeping.may_process()
    keeping.clock.pass_(1)
    assert not keeping.may_process()


def test_a_suspended_machine_learns_by_its_wall_clock(keeping: Keeping):
    leased(keeping)

    keeping.clock.wall_now += 60

    assert not keeping.may_process()


def test_what_has_ended_does_not_begin_again(keeping: Keeping):
    leased(keeping)

    keeping.clock.wall_now += 60
    assert not keeping.may_process()
    keeping.clock.wall_now -= 60
    assert not keeping.may_process()


@pytest.mark.parametrize("wrong_by", [-10 * 365 * 86_400, 10 * 365 * 86_400])
def test_the_clocks_of_node_and_backend_need_not_agree(keeping: Keeping, wrong_by: float):
    keeping.clock.wall_now += wrong_by
    leased(keeping)

    keeping.clock.pass_(59)
    assert keeping.may_process()
    keeping.clock.pass_(1)
    assert not keeping.may_process()


def test_a_renewal_prolongs_it(keeping: Keeping):
    leased(keeping)

    keeping.clock.pass_(40)
    leased(keeping)
    keeping.clock.pass_(59)
    assert keeping.may_process()
    keeping.clock.pass_(1)
    assert not keeping.may_process()


def test_a_clock_that_was_far_ahead_for_a_while_harms_no_later_lease(keeping: Keeping):
    keeping.clock.wall_now += 86_400
    leased(keeping)
    keeping.clock.wall_now -= 86_400
    leased(keeping)

    keeping.clock.pass_(59)
    assert keeping.may_process()
    keeping.clock.pass_(1)
    assert not keeping.may_process()


def test_an_instance_without_a_lease_may_be_administered_and_nothing_else(keeping: Keeping):
    standing = keeping.keeper.standing()

    assert standing.role == "unlicensed"
    assert standing.rights == {"settings.modify", "settings.import", "administer"}


# After a restart


def test_a_restart_keeps_it_until_its_end(keeping: Keeping):
    leased(keeping)
    keeping.clock.pass_(30)

    keeping.start()

    assert keeping.may_process()
    assert keeping.keeper.standing().term == keeping.backend.term
    keeping.clock.pass_(29)
    assert keeping.may_process()
    keeping.clock.pass_(1)
    assert not keeping.may_process()


@pytest.mark.parametrize("boot", ["a boot", "another boot"])
def test_what_ended_while_the_process_was_away_has_ended(keeping: Keeping, boot: str):
    leased(keeping)
    keeping.clock.pass_(60)
    keeping.clock.boot = boot

    keeping.start()

    assert not keeping.may_process()


def test_a_clock_set_back_while_the_process_was_away_does_not_prolong_it(keeping: Keeping):
    leased(keeping)
    keeping.clock.pass_(50)
    keeping.clock.wall_now -= 86_400

    keeping.start()

    keeping.clock.pass_(9)
    assert keeping.may_process()
    keeping.clock.pass_(1)
    assert not keeping.may_process()


@pytest.mark.parametrize("boot", ["another boot", None])
@pytest.mark.parametrize("shows", [-0.5, 0, 1, 30])
def test_a_reboot_ends_it_whatever_the_wall_clock_shows(
    keeping: Keeping, boot: str | None, shows: float
):
    leased(keeping)
    keeping.clock.boot, keeping.clock.elapsed_now = boot, 1.0
    keeping.clock.wall_now += shows

    keeping.start()

    assert not keeping.may_process()
    assert "the machine was started again" in keeping.keeper.standing().why


def test_a_look_that_was_never_kept_prolongs_nothing(keeping: Keeping):
    """A clock set back over a reboot shows a time after the last one that was kept."""
    leased(keeping)
    keeping.clock.pass_(19)
    assert keeping.may_process()  # looked at, and not saved
    keeping.clock.boot, keeping.clock.elapsed_now = "another boot", 1.0
    keeping.clock.wall_now -= 18

    keeping.start()
    keeping.clock.pass_(41)

    assert not keeping.may_process()


def test_where_boots_can_not_be_told_apart_the_steady_clock_counts_all_the_same(keeping: Keeping):
    """Within one process there is but one boot."""
    keeping.clock.boot = None
    leased(keeping)
    keeping.clock.wall_now -= 86_400

    keeping.clock.pass_(59)
    assert keeping.may_process()
    keeping.clock.pass_(1)
    assert not keeping.may_process()


@pytest.mark.parametrize(
    ("boot", "elapsed"),
    [
        (None, +1),  # two machines, or two boots, that can't be told apart
        ("a boot", -1),  # a count that ran backwards is another machine's
    ],
)
def test_a_count_that_tells_nothing_is_not_trusted(
    keeping: Keeping, boot: str | None, elapsed: float
):
    keeping.clock.boot = boot
    leased(keeping)
    keeping.clock.elapsed_now += elapsed
    keeping.clock.wall_now -= 1

    keeping.start()

    assert not keeping.may_process()
