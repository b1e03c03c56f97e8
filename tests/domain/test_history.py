"""What holds after every event, whatever is asked in whatever order."""

from collections.abc import Sequence

from hypothesis import given as anything
from hypothesis import settings
from hypothesis import strategies as st

from hotslot.domain.commands import (
    Command,
    ReinstateLicense,
    ResizeLicense,
    RevokeLicense,
    SuspendLicense,
)
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import Mode, Role
from hotslot.domain.refusals import Refusal
from hotslot.domain.streams import State, evolve
from tests.domain.given import Given, given
from tests.domain.words import (
    activate,
    deactivate,
    issued,
    nominate,
    register,
    unregister,
)

LICENSES = ("one", "two")
DEPLOYMENTS = ("a", "b", "c", "d", "e")

_license = st.sampled_from(LICENSES)
_deployment = st.sampled_from(DEPLOYMENTS)
_mode = st.sampled_from([Mode.ONLINE, Mode.ONLINE, Mode.OFFLINE])
_other = st.none() | _deployment

_taking = st.builds(activate, _deployment, license_id=_license, mode=_mode)
_standing_by = st.builds(register, _deployment, license_id=_license, mode=_mode, standby_for=_other)
_swapping = st.builds(nominate, _deployment, _other)
_leaving = st.builds(deactivate, _deployment) | st.builds(unregister, _deployment)
_administering = st.builds(ResizeLicense, license=_license, slots=st.integers(1, 4)) | st.builds(
    lambda kind, license_id: kind(license=license_id),
    st.sampled_from([SuspendLicense, ReinstateLicense, ReinstateLicense, RevokeLicense]),
    _license,
)
# Those that matter most come most often: each is in the list as often as it is wanted.
_commands = st.lists(
    st.one_of(
        _taking, _taking, _standing_by, _standing_by, _swapping, _swapping, _leaving, _administering
    ),
    max_size=60,
)


def deployments(world: Given) -> list[Deployment]:
    return [state for state in world.states.values() if isinstance(state, Deployment)]


def check(world: Given, license_id: str) -> None:
    """The license and its deployments tell the same, and keep the rules."""
    license_ = world.license(license_id)
    bound = [each for each in deployments(world) if each.license == license_id]
    active = {each.id: each.mode for each in bound if each.role is Role.ACTIVE}
    backups = [each for each in bound if each.role is Role.BACKUP]
    assert len(license_.active) <= license_.slots
    assert {held: holding.mode for held, holding in license_.active.items()} == active
    assert license_.backup_count == len(backups)
    assert all(each.term is not None and each.term <= license_.term for each in bound)


def play(commands: Sequence[Command]) -> Given:
    """Ask for all of it in turn, and look after every command."""
    world = given(*(issued(license_id, slots=2) for license_id in LICENSES))
    for command in commands:
        terms = {each: world.license(each).term for each in LICENSES}
        told = world.when(command)
        if isinstance(told.decision, Refusal):
            assert told.record is None or told.record.code == told.decision.code
            continue
        world.record(*told.events)
        for license_id in LICENSES:
            check(world, license_id)
            assert world.license(license_id).term >= terms[license_id]
        # What was done once is quiet the second time, or refused as no longer possible.
        again = world.when(command).decision
        assert again == () or isinstance(again, Refusal)
    return world


@anything(_commands)
@settings(max_examples=150, deadline=None)
def test_slots_bindings_and_counts_hold_after_every_command(commands: list[Command]):
    play(commands)


@anything(_commands)
@settings(max_examples=50, deadline=None)
def test_the_history_told_over_again_leads_to_the_same_states(commands: list[Command]):
    world = play(commands)
    again: dict[str, State] = {}
    for recorded in world.history:
        again[recorded.stream] = evolve(again.get(recorded.stream), recorded)
    assert again == world.states


@anything(_commands)
@settings(max_examples=50, deadline=None)
def test_terms_count_the_changes_of_who_is_active(commands: list[Command]):
    world = play(commands)
    for license_id in LICENSES:
        terms = [0]
        for recorded in world.history:
            if recorded.stream != f"license:{license_id}":
                continue
            term = getattr(recorded.event, "term", None)
            if recorded.event.type == "license.backup-registered":
                assert term == terms[-1]
            elif term is not None:
                terms.append(term)
        assert terms == list(range(len(terms)))
