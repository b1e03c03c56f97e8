"""Nominations that wait until nobody who processed before can do so any more."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from tests.api.calls import Caller, done, eventually, refused
from tests.api.test_leases import events_of, time_of

Unique = Callable[[str], str]


class World(NamedTuple):
    """A license with one active deployment and backups."""

    api: Caller
    license: str
    active: str
    backups: list[str]

    def waits_for(self, deployment: str) -> str | None:
        """Take a lease; returns whom it waits for. It has the right to process, or waits."""
        lease = done(self.api.lease(deployment))
        awaited = lease["waits_for"]
        assert ("process" in lease["rights"]) == (awaited is None)
        return None if awaited is None else str(awaited["deployment"])

    def serves(self, deployment: str) -> bool:
        """Whether the deployment is shown as one that processes, everywhere."""
        shown = bool(self.api.deployment(deployment)["capabilities"]["process"])
        probe = self.api.http.get(f"/v1/deployments/{deployment}/active")
        assert probe.json()["capabilities"]["process"] == shown
        assert probe.status_code == (200 if shown else 503)
        return shown


@pytest.fixture
def world(api: Caller, unique: Unique) -> World:
    license_id, active = api.issued(id=unique("waiting"), slots=2), unique("a")
    done(api.activate(active, license_id))
    backups = [unique(name) for name in "bcd"]
    for backup in backups:
        done(api.register(backup, license_id))
    return World(api, license_id, active, backups)


def nominate(world: World, deployment: str, *, replaces: str | None = None) -> Any:
    return done(world.api.nominate(deployment, wait_for_release=True, replaces=replaces))


def test_it_waits_until_the_former_has_stood_down(world: World):
    a, (b, *_) = world.active, world.backups
    held = done(world.api.lease(a))
    nominated = nominate(world, b)
    assert nominated["deployment"]["role"] == "active"
    assert not nominated["deployment"]["capabilities"]["process"]
    assert nominated["deployment"]["capabilities"]["engines.deploy"]
    assert not world.serves(b)
    lease = done(world.api.lease(b))
    assert lease["waits_for"] == {"deployment": a, "until": held["expires_at"]}
    assert (lease["role"], "process" in lease["rights"]) == ("active", False)
    assert events_of(world.api, b) == []
    refused(world.api.lease(a, processing=True), 409, "not-licensed")
    assert world.waits_for(b) == a
    refused(world.api.lease(a, processing=False), 409, "not-licensed")
    assert world.serves(b)
    assert world.waits_for(b) is None
    assert events_of(world.api, b) == [("deployment.took-over", lease["term"])]
    assert world.waits_for(b) is None


def test_it_waits_until_the_last_lease_of_the_former_is_over(world: World):
    a, (b, *_) = world.active, world.backups
    done(world.api.change(world.license, "lease-duration", seconds=1))
    ends = time_of(done(world.api.lease(a))["expires_at"])
    nominate(world, b)
    eventually(lambda: world.waits_for(b) is None)
    assert time_of(done(world.api.lease(b))["issued_at"]) > ends
    assert datetime.now(UTC) > ends


def test_a_longer_lease_from_before_is_waited_for_too(world: World):
    a, (b, *_) = world.active, world.backups
    long = done(world.api.lease(a))
    done(world.api.change(world.license, "lease-duration", seconds=1))
    short = done(world.api.lease(a))
    assert time_of(short["expires_at"]) < time_of(long["expires_at"])
    nominate(world, b)
    assert done(world.api.lease(b))["waits_for"]["until"] == long["expires_at"]


def test_who_never_had_a_lease_is_not_waited_for(world: World):
    b = world.backups[0]
    assert nominate(world, b)["deployment"]["capabilities"]["process"]
    assert world.serves(b)
    assert world.waits_for(b) is None


def test_who_was_a_backup_is_not_waited_for(world: World):
    _, (b, c, _) = world.active, world.backups
    done(world.api.lease(c))
    done(world.api.unregister(c))
    nominate(world, b)
    assert world.waits_for(b) is None


def test_the_next_one_waits_for_the_first_though_the_second_never_processed(world: World):
    a, (b, c, _) = world.active, world.backups
    done(world.api.lease(a))
    nominate(world, b)
    assert world.waits_for(b) == a
    nominate(world, c, replaces=b)
    assert world.waits_for(c) == a
    refused(world.api.lease(b, processing=False), 409, "not-licensed")
    assert world.waits_for(c) == a
    refused(world.api.lease(a, processing=False), 409, "not-licensed")
    assert world.waits_for(c) is None


def test_it_waits_for_all_who_processed_before(world: World):
    """The second one did not wait for the first, so there are two now."""
    a, (b, c, _) = world.active, world.backups
    done(world.api.lease(a))
    done(world.api.nominate(b))
    assert world.waits_for(b) is None
    nominate(world, c, replaces=b)
    assert world.waits_for(c) == b
    refused(world.api.lease(b, processing=False), 409, "not-licensed")
    assert world.waits_for(c) == a
    refused(world.api.lease(a, processing=False), 409, "not-licensed")
    assert world.waits_for(c) is None


def test_it_does_not_wait_for_those_who_hold_a_slot(world: World):
    a, (b, c, _) = world.active, world.backups
    done(world.api.unregister(c))
    done(world.api.activate(c, world.license))
    done(world.api.lease(a))
    done(world.api.lease(c))
    nominate(world, b, replaces=a)
    assert world.waits_for(b) == a
    refused(world.api.lease(a, processing=False), 409, "not-licensed")
    assert world.waits_for(b) is None


def test_it_does_not_wait_for_those_who_came_after_it(world: World):
    a, (b, c, _) = world.active, world.backups
    done(world.api.lease(a))
    nominate(world, b)
    done(world.api.unregister(c))
    done(world.api.activate(c, world.license))
    done(world.api.lease(c))
    done(world.api.deactivate(c))
    assert world.waits_for(b) == a


def test_once_it_processes_nothing_holds_it_back(world: World):
    """A failover on the other slot does not take the right from one that has it."""
    a, (b, c, d) = world.active, world.backups
    done(world.api.unregister(c))
    done(world.api.activate(c, world.license))
    done(world.api.lease(c))
    nominate(world, b, replaces=a)
    assert world.waits_for(b) is None
    done(world.api.nominate(d, replaces=c))
    assert world.waits_for(b) is None
    assert world.serves(b)


def test_leases_of_another_license_are_not_waited_for(world: World, unique: Unique):
    a = world.active
    done(world.api.lease(a))
    done(world.api.deactivate(a))
    elsewhere, backup = world.api.issued(id=unique("elsewhere")), unique("elsewhere")
    done(world.api.activate(a, elsewhere))
    done(world.api.register(backup, elsewhere))
    nominate(world, backup)
    assert world.waits_for(backup) is None


def test_standing_down_ends_every_lease_of_the_former(world: World):
    """It was active twice, and the lease of the first time is the longer one."""
    a, (b, *_) = world.active, world.backups
    done(world.api.lease(a))
    done(world.api.deactivate(a))
    done(world.api.activate(a, world.license))
    done(world.api.change(world.license, "lease-duration", seconds=1))
    done(world.api.lease(a))
    nominate(world, b)
    assert world.waits_for(b) == a
    refused(world.api.lease(a, processing=False), 409, "not-licensed")
    assert world.waits_for(b) is None


def test_what_was_nominated_is_told_again_as_it_was(world: World, unique: Unique):
    a, (b, *_) = world.active, world.backups
    done(world.api.lease(a))
    key = {"Idempotency-Key": unique("once")}
    first = done(world.api.nominate(b, headers=key, wait_for_release=True))
    again = done(world.api.nominate(b, headers=key, wait_for_release=True))
    assert again["deployment"] == first["deployment"] | {"as_of": again["deployment"]["as_of"]}
    assert not again["deployment"]["capabilities"]["process"]


def test_what_was_told_of_an_earlier_role_has_nothing_to_do_with_the_present_wait(
    world: World, unique: Unique
):
    a, (b, c, _) = world.active, world.backups
    key = {"Idempotency-Key": unique("once")}
    first = done(world.api.nominate(b, headers=key))
    done(world.api.nominate(c, replaces=b))
    done(world.api.lease(c))
    done(world.api.register(b, world.license))
    nominate(world, b, replaces=c)
    assert not world.serves(b)
    again = done(world.api.nominate(b, headers=key))
    assert again["deployment"]["capabilities"] == first["deployment"]["capabilities"]
    assert first["replaced"]["id"] == a


def test_a_dry_run_says_that_it_would_wait(world: World):
    a, (b, *_) = world.active, world.backups
    done(world.api.lease(a))
    told = done(world.api.nominate(b, dry_run=True, wait_for_release=True))
    assert not told["deployment"]["capabilities"]["process"]
    told = done(world.api.nominate(b, dry_run=True))
    assert told["deployment"]["capabilities"]["process"]
    assert world.serves(a)


def test_asking_for_what_it_is_already_does_not_show_it_as_serving(world: World):
    a, (b, *_) = world.active, world.backups
    done(world.api.lease(a))
    nominate(world, b)
    assert not done(world.api.activate(b, world.license))["capabilities"]["process"]


def test_a_license_that_is_suspended_meanwhile_gives_it_nothing(world: World):
    a, (b, *_) = world.active, world.backups
    done(world.api.lease(a))
    nominate(world, b)
    done(world.api.change(world.license, "suspension"))
    refused(world.api.lease(b), 403, "license-suspended")
    done(world.api.change(world.license, "reinstatement"))
    assert world.waits_for(b) == a
