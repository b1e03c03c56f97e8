"""The replay: what the domain decides passes, and each rule that is broken is found.

The logs here are signed as they stand: nothing but the rules of the product is wrong with them.
"""

import random
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hotslot.domain import commands, events
from hotslot.domain.events import CATALOGUE
from hotslot.ledger import mapper
from hotslot_verify.verify import SHAPES
from tests.verify.conftest import Verify
from tests.verify.logs import (
    START,
    History,
    activate,
    changed,
    issue,
    nominate,
    register,
    story,
)
from tests.verify.replaying import offline, replay, types


def test_a_story_passes(verify: Verify):
    report = verify(story().leaves)

    assert (report.problems, report.notices) == ([], [])
    assert len(set(types(story().leaves))) >= 11


def test_every_event_of_the_product_is_known_with_its_fields():
    for name, kind in CATALOGUE.items():
        names = SHAPES[name, str(kind.shape)].groupindex
        assert tuple(names) == kind.__struct_fields__, name
    assert {type_ for type_, _ in SHAPES} == set(CATALOGUE)
    assert {key for key in mapper.UPCASTS if (key[0], str(key[1])) not in SHAPES} == set()


LICENSES, DEPLOYMENTS = ["l", "m"], ["a", "b", "c"]
AN_EVENT = st.tuples(
    st.integers(0, 13), st.sampled_from(LICENSES), st.sampled_from(DEPLOYMENTS), st.booleans()
)


def command(kind: int, license_id: str, deployment: str, flag: bool) -> commands.Command:
    """One command of any kind."""
    file = offline(own=True, slots=2) if flag else None
    return [
        activate(deployment, license_id),
        commands.Activate(deployment=deployment, license="l", file=file),
        register(deployment, license_id, standby_for="a" if flag else None),
        commands.RegisterBackup(deployment=deployment, license="l", file=file),
        nominate(deployment, "a" if flag else None, wait=flag),
        nominate(deployment, wait=not flag),
        commands.Deactivate(deployment=deployment),
        commands.UnregisterBackup(deployment=deployment),
        commands.ResizeLicense(license=license_id, slots=1 + flag),
        commands.RenewLicense(license=license_id, expires_at=START + timedelta(days=1 + flag)),
        commands.SuspendLicense(license=license_id),
        commands.ReinstateLicense(license=license_id),
        commands.SetLease(license=license_id, seconds=30 + flag),
        commands.IssueFile(license=license_id, deployment=None, key="k"),
    ][kind]


@settings(max_examples=150, deadline=None)
@given(st.lists(AN_EVENT, max_size=60))
def test_whatever_the_domain_decides_passes(asked: list[tuple[int, str, str, bool]]):
    """No false alarm: a rule of the verifier that the product does not have fails here."""
    history = History().do(issue("l")).do(issue("m"))
    for each in asked:
        history.do(command(*each))
    assert not replay(history.leaves).follow


def test_many_commands_in_a_row_pass():
    """Long enough for many swaps on the same license, with what follows a change of role."""
    chance = random.Random(7)
    history = History().do(issue("l")).do(issue("m"))
    for _ in range(2000):
        history.do(
            command(
                chance.randrange(14),
                chance.choice("lm"),
                chance.choice("abc"),
                chance.random() < 0.5,
            )
        )
        for each in DEPLOYMENTS:
            owed = getattr(history.states.get(f"deployment:{each}"), "owes", None)
            if owed is not None and chance.random() < 0.2:
                history.do(commands.ConfirmRole(deployment=each, owed=owed))
    assert {"deployment.took-over", "deployment.stood-down"} <= set(types(history.leaves))
    assert not replay(history.leaves).follow


def test_keys_and_reads_in_bulk_pass():
    made = events.KeyCreated(key="k", role="admin", customer=None, deployment=None, sha256="0")
    read = events.AuditExported(key="k", via="entries", position=1)
    history = History().record(made).record(read).record(read).record(events.KeyRevoked(key="k"))

    assert replay(history.leaves).unknown == {}


def test_events_of_the_first_shape_pass():
    """As they were stored before they said who waits for whom."""
    first = {
        "license.backup-nominated": ("replaced_term", "asked_at", "wait_for_release"),
        "deployment.promoted": ("waits_for", "waits_for_term"),
    }

    def lower(entry: dict[str, Any]) -> None:
        for name in first.get(entry["type"], ()):
            entry["event"]["v"] = 1
            del entry["event"]["data"][name]

    replay([changed(each, lower) for each in story().leaves])
