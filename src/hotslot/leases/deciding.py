"""What a deployment may have a lease on, by the states of the ledger. Pure."""

from datetime import datetime

import msgspec

from hotslot.domain import refusals
from hotslot.domain.asker import Asker
from hotslot.domain.deployment import Deployment, Duty, Owed
from hotslot.domain.events import Role
from hotslot.domain.license import License, no_rights
from hotslot.domain.refusals import Refusal


class Asked(msgspec.Struct, frozen=True):
    """A deployment wants a lease."""

    deployment: str
    asker: Asker
    processing: bool | None
    """Whether it processes, or may still begin to by an earlier lease; None when it does not say.

    False from one that lost an active role means that it has stopped.
    """


class Serving(msgspec.Struct, frozen=True):
    """One who holds a slot."""

    deployment: str
    term: int


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A lease that may be given: what `leases.grant` takes."""

    deployment: str
    license: str
    term: int
    seconds: int
    license_ends: datetime | None
    process: bool
    serving: tuple[Serving, ...] | None
    """Who holds the license's slots, for one that may have to wait for others; else None."""


class Decision(msgspec.Struct, frozen=True):
    """A lease or a refusal, and what the deployment owed to confirm at that time."""

    result: Wanted | Refusal
    role: Role = Role.UNLICENSED
    owes: Owed | None = None
    stopped: bool = False
    """It owes to stand down, and says that it has."""


def decide(asked: Asked, deployment: Deployment, home: License | None, now: datetime) -> Decision:
    """Decide on a deployment and the license that it belongs to, or belonged to last."""
    if asked.asker.is_limited and (home is None or not asked.asker.may_see(home)):
        return Decision(refusals.UnknownDeployment(deployment=deployment.id))
    owes = deployment.owes
    return Decision(
        _result(deployment, home, now),
        deployment.role,
        owes,
        asked.processing is False and owes is not None and owes.duty is Duty.STAND_DOWN,
    )


def _result(deployment: Deployment, home: License | None, now: datetime) -> Wanted | Refusal:
    if home is None or deployment.license is None:
        return refusals.NotLicensed(deployment=deployment.id, former=deployment.former_license)
    if refusal := no_rights(home, now):
        return refusal
    assert deployment.term is not None
    return Wanted(
        deployment=deployment.id,
        license=home.id,
        term=deployment.term,
        seconds=home.lease_seconds,
        license_ends=home.expires_at,
        process=deployment.role is Role.ACTIVE,
        serving=serving(home) if may_wait(deployment) else None,
    )


def may_wait(deployment: Deployment) -> bool:
    """Whether it was nominated to wait, and is not known to have begun."""
    return deployment.waits_for is not None and deployment.owes is not None


def serving(license_: License) -> tuple[Serving, ...]:
    """Who holds the license's slots."""
    return tuple(Serving(held, holding.term) for held, holding in license_.active.items())
