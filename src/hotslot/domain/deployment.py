"""Deployment: what one product instance is bound to."""

from datetime import datetime
from typing import assert_never

import msgspec

from hotslot.domain.events import (
    CommandRefused,
    DeploymentBound,
    DeploymentPromoted,
    DeploymentReleased,
    Mode,
    Recorded,
    Role,
)

DeploymentEvent = DeploymentBound | DeploymentPromoted | DeploymentReleased | CommandRefused


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
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

    @property
    def home(self) -> str | None:
        """The license that the deployment belongs to, or belonged to last."""
        return self.license or self.former_license


def evolve(deployment: Deployment, recorded: Recorded) -> Deployment:
    """The deployment after one more event of its stream."""
    event = recorded.event
    assert isinstance(event, DeploymentEvent), event
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
            )
        case DeploymentPromoted():
            return Deployment(
                id=deployment.id,
                role=Role.ACTIVE,
                license=event.license,
                mode=event.mode,
                since=recorded.context.at,
                term=event.term,
            )
        case DeploymentReleased():
            return Deployment(
                id=deployment.id,
                since=recorded.context.at,
                former_license=event.license,
            )
        case CommandRefused():
            return deployment
        case _:
            assert_never(event)
