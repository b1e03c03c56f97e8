"""Deployment: what one product instance is bound to."""

from datetime import datetime
from enum import StrEnum

import msgspec

from hotslot.domain.events import (
    CommandRefused,
    DeploymentBound,
    DeploymentPromoted,
    DeploymentReleased,
    DeploymentStoodDown,
    DeploymentTookOver,
    Event,
    Mode,
    Recorded,
    Role,
)


class Duty(StrEnum):
    """What a deployment confirms, by a lease, after its role changed."""

    TAKE_OVER = "take-over"
    STAND_DOWN = "stand-down"


class Owed(msgspec.Struct, frozen=True, gc=False):
    """A duty that a deployment has not confirmed yet, and the active role that it is about."""

    duty: Duty
    license: str
    term: int


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """Whose end a nominated deployment waits for, before it processes."""

    deployment: str
    term: int


class Deployment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The present role of a deployment; `unlicensed` is that of a fresh installation."""

    id: str
    role: Role = Role.UNLICENSED
    license: str | None = None
    mode: Mode | None = None
    standby_for: str | None = None
    since: datetime | None = None
    term: int | None = None
    former_license: str | None = None
    """The license of the last role, after a release: who may still see the deployment."""
    owes: Owed | None = None
    waits_for: Waiting | None = None

    @property
    def home(self) -> str | None:
        """The license that the deployment belongs to, or belonged to last."""
        return self.license or self.former_license


def evolve(deployment: Deployment, recorded: Recorded) -> Deployment:
    """The deployment after one more event of its stream."""
    event = recorded.event
    match event:
        case DeploymentBound():
            return Deployment(
                id=deployment.id,
                role=event.role,
                license=event.license,
                mode=event.mode,
                standby_for=event.standby_for,
                since=recorded.context.at,
                term=event.term,
                owes=_taking_over(event) if event.role is Role.ACTIVE else deployment.owes,
            )
        case DeploymentPromoted():
            return Deployment(
                id=deployment.id,
                role=Role.ACTIVE,
                license=event.license,
                mode=event.mode,
                since=recorded.context.at,
                term=event.term,
                owes=_taking_over(event),
                waits_for=_waiting(event),
            )
        case DeploymentReleased():
            return Deployment(
                id=deployment.id,
                since=recorded.context.at,
                former_license=event.license,
                owes=_standing_down(deployment),
            )
        case DeploymentTookOver() | DeploymentStoodDown():
            return msgspec.structs.replace(deployment, owes=None)
        case CommandRefused():
            return deployment
        case _:
            raise AssertionError(event)


def confirm(deployment: Deployment, owed: Owed) -> tuple[Event, ...]:
    """Have the deployment confirm what it owes, unless it did, or owes something else by now."""
    if deployment.owes != owed:
        return ()
    kind = DeploymentTookOver if owed.duty is Duty.TAKE_OVER else DeploymentStoodDown
    return (kind(deployment=deployment.id, license=owed.license, term=owed.term),)


def _taking_over(event: DeploymentBound | DeploymentPromoted) -> Owed:
    return Owed(Duty.TAKE_OVER, event.license, event.term)


def _standing_down(released: Deployment) -> Owed | None:
    """Only who was active, and may have served, has to stop."""
    if released.role is not Role.ACTIVE:
        return released.owes
    assert released.license is not None
    assert released.term is not None
    return Owed(Duty.STAND_DOWN, released.license, released.term)


def _waiting(event: DeploymentPromoted) -> Waiting | None:
    if event.waits_for is None or event.waits_for_term is None:
        return None
    return Waiting(event.waits_for, event.waits_for_term)
