"""Decisions on roles: who takes a slot, who stands by, and who takes over."""

from datetime import datetime

import msgspec

from hotslot.domain import refusals
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import (
    BackupNominated,
    BackupRegistered,
    BackupUnregistered,
    DeploymentActivated,
    DeploymentBound,
    DeploymentDeactivated,
    DeploymentPromoted,
    DeploymentReleased,
    Event,
    Mode,
    Role,
)
from hotslot.domain.license import Decision, License, no_rights
from hotslot.domain.refusals import Refusal


def activate(license_: License, deployment: Deployment, mode: Mode, now: datetime) -> Decision:
    """Give the deployment a slot."""
    if _is_already(license_, deployment, Role.ACTIVE, mode):
        return ()
    if refusal := no_rights(license_, now) or _bound_elsewhere(license_, deployment):
        return refusal
    if deployment.role is Role.BACKUP:
        assert deployment.mode is not None
        return refusals.BackupCannotActivate(
            deployment=deployment.id,
            license=license_.id,
            mode=deployment.mode,
            imported=license_.is_imported,
        )
    if deployment.role is Role.UNLICENSED and len(license_.active) >= license_.slots:
        return refusals.NoFreeSlot(
            deployment=deployment.id,
            license=license_.id,
            slots=license_.slots,
            holders=tuple(license_.active),
            imported=license_.is_imported,
        )
    given_back = _give_up(license_, deployment)
    term = license_.term + (2 if given_back else 1)
    return (
        *given_back,
        DeploymentActivated(license=license_.id, deployment=deployment.id, mode=mode, term=term),
        DeploymentBound(
            deployment=deployment.id,
            license=license_.id,
            role=Role.ACTIVE,
            mode=mode,
            standby_for=None,
            term=term,
        ),
    )


def deactivate(license_: License | None, deployment: Deployment) -> Decision:
    """Take the slot back, whatever the status of the license."""
    if license_ is None or deployment.role is not Role.ACTIVE:
        return refusals.NotActive(deployment=deployment.id, role=deployment.role)
    return _give_up(license_, deployment)


def register(
    license_: License, deployment: Deployment, mode: Mode, standby_for: str | None, now: datetime
) -> Decision:
    """Make the deployment a hot backup. Any number of them is allowed; none takes a slot."""
    if _is_already(license_, deployment, Role.BACKUP, mode) and (
        standby_for is None or standby_for == deployment.standby_for
    ):
        return ()
    if refusal := no_rights(license_, now) or _bound_elsewhere(license_, deployment):
        return refusal
    if deployment.role is Role.ACTIVE:
        return refusals.ActiveCannotBeBackup(
            deployment=deployment.id, license=license_.id, imported=license_.is_imported
        )
    return (
        *_give_up(license_, deployment),
        BackupRegistered(
            license=license_.id,
            deployment=deployment.id,
            mode=mode,
            standby_for=standby_for,
            term=license_.term,
        ),
        DeploymentBound(
            deployment=deployment.id,
            license=license_.id,
            role=Role.BACKUP,
            mode=mode,
            standby_for=standby_for,
            term=license_.term,
        ),
    )


def unregister(license_: License | None, deployment: Deployment) -> Decision:
    """Make the backup like a fresh installation, whatever the status of the license."""
    if license_ is None or deployment.role is not Role.BACKUP:
        return refusals.NotABackup(
            deployment=deployment.id, role=deployment.role, command="unregister"
        )
    return _give_up(license_, deployment)


class Nomination(msgspec.Struct, frozen=True, kw_only=True):
    """How a backup is to take over."""

    replaces: str | None = None
    """The active deployment to replace, where it is named."""
    wait_for_release: bool = False
    """Whether the new one processes only when the lease of the former is over."""
    asked_at: datetime | None = None
    """When the request came in."""


def nominate(
    license_: License | None, deployment: Deployment, nomination: Nomination, now: datetime
) -> Decision:
    """Make the backup active and release the active deployment that it replaces, in one step."""
    if license_ is None or deployment.role is not Role.BACKUP:
        return refusals.NotABackup(
            deployment=deployment.id, role=deployment.role, command="nominate"
        )
    if refusal := no_rights(license_, now):
        return refusal
    if deployment.mode is not Mode.ONLINE:
        named = deployment.standby_for if nomination.replaces is None else nomination.replaces
        return refusals.OfflineBackupCannotBeNominated(
            deployment=deployment.id,
            license=license_.id,
            actives=(named,) if named in license_.active else tuple(license_.active),
            bound_to=license_.imported_for,
        )
    replaced = replaced_by(license_, deployment, nomination.replaces)
    if isinstance(replaced, Refusal):
        return replaced
    term = license_.term + 1
    replaced_term = None if replaced is None else license_.active[replaced].term
    waits_for = replaced if nomination.wait_for_release else None
    events: tuple[Event, ...] = (
        BackupNominated(
            license=license_.id,
            deployment=deployment.id,
            mode=deployment.mode,
            replaced=replaced,
            replaced_term=replaced_term,
            term=term,
            asked_at=nomination.asked_at,
            wait_for_release=nomination.wait_for_release,
        ),
        DeploymentPromoted(
            deployment=deployment.id,
            license=license_.id,
            mode=deployment.mode,
            term=term,
            waits_for=waits_for,
            waits_for_term=replaced_term if waits_for else None,
        ),
    )
    if replaced is not None:
        events += (
            DeploymentReleased(
                deployment=replaced,
                license=license_.id,
                cause="replaced",
                replaced_by=deployment.id,
            ),
        )
    return events


def replaced_by(license_: License, backup: Deployment, named: str | None) -> str | Refusal | None:
    """Which active deployment a nomination of the backup replaces; None takes a free slot."""
    actives = tuple(license_.active)
    if named is not None:
        if named in license_.active:
            return named
        return refusals.ReplacedIsNotActive(
            deployment=backup.id, replaces=named, license=license_.id, actives=actives
        )
    if backup.standby_for in license_.active:
        return backup.standby_for
    if len(actives) > 1:
        return refusals.ActiveIsAmbiguous(deployment=backup.id, actives=actives)
    return actives[0] if actives else None


def _give_up(license_: License, deployment: Deployment) -> tuple[Event, ...]:
    """End the role that the deployment holds on the license; a change of mode begins with it."""
    match deployment.role:
        case Role.ACTIVE:
            term = license_.term + 1
            ended: Event = DeploymentDeactivated(
                license=license_.id, deployment=deployment.id, term=term
            )
            cause = "deactivated"
        case Role.BACKUP:
            ended = BackupUnregistered(license=license_.id, deployment=deployment.id)
            cause = "unregistered"
        case Role.UNLICENSED:
            return ()
    released = DeploymentReleased(deployment=deployment.id, license=license_.id, cause=cause)
    return ended, released


def _is_already(license_: License, deployment: Deployment, role: Role, mode: Mode) -> bool:
    return (deployment.license, deployment.role, deployment.mode) == (license_.id, role, mode)


def _bound_elsewhere(license_: License, deployment: Deployment) -> Refusal | None:
    if deployment.license is None or deployment.license == license_.id:
        return None
    return refusals.BoundToAnotherLicense(
        deployment=deployment.id, license=deployment.license, role=deployment.role
    )
