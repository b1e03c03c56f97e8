"""License: its state, how events change it, and its decisions.

A decision is a plain function from state to events, or a refusal. No events means that what was
asked for is already so.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from hotslot.domain import refusals
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import (
    BackupNominated,
    BackupRegistered,
    BackupUnregistered,
    CommandRefused,
    DeploymentActivated,
    DeploymentBound,
    DeploymentDeactivated,
    DeploymentPromoted,
    DeploymentReleased,
    Event,
    LicenseIssued,
    LicenseReinstated,
    LicenseRenewed,
    LicenseResized,
    LicenseRevoked,
    LicenseSuspended,
    Mode,
    Recorded,
    Role,
)
from hotslot.domain.refusals import Refusal

Decision = tuple[Event, ...] | Refusal


class Status(StrEnum):
    """Whether a license gives rights; only `valid` does."""

    VALID = "valid"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Holding(msgspec.Struct, frozen=True):
    """A slot that an active deployment holds, and the event that gave it."""

    mode: Mode
    since: datetime
    position: int


class License(msgspec.Struct, frozen=True, kw_only=True):
    """What a license is now. The backups are counted, not listed: they are without bound."""

    id: str
    product: str
    customer: str
    slots: int
    expires_at: datetime | None
    activation_key_sha256: str
    suspended: bool = False
    revoked: bool = False
    term: int = 0
    active: dict[str, Holding] = {}
    backup_count: int = 0
    position: int
    """Position of the last event that changed the license; a refusal changes nothing."""

    def status(self, now: datetime) -> Status:
        """The status at a time. Expiry comes by time alone, without an event."""
        return status(
            revoked=self.revoked, suspended=self.suspended, expires_at=self.expires_at, now=now
        )

    def tag(self, now: datetime) -> str:
        """Name this state of the license: two states with one tag are the same."""
        return tag(self.position, self.status(now))


def tag(position: int, status: Status) -> str:
    """The tag of a license whose last change is at `position`; the status can change without."""
    return f"{position}-{status}"


def status(*, revoked: bool, suspended: bool, expires_at: datetime | None, now: datetime) -> Status:
    """The status that follows from a license's marks at a time."""
    if revoked:
        return Status.REVOKED
    if suspended:
        return Status.SUSPENDED
    if expires_at is not None and expires_at <= now:
        return Status.EXPIRED
    return Status.VALID


def evolve(license_: License | None, recorded: Recorded) -> License | None:  # noqa: C901, PLR0911, PLR0912 - one case an event
    """The license after one more event of its stream."""
    event, position = recorded.event, recorded.position
    if isinstance(event, CommandRefused):
        return license_
    if isinstance(event, LicenseIssued):
        return License(
            id=event.license,
            product=event.product,
            customer=event.customer,
            slots=event.slots,
            expires_at=event.expires_at,
            activation_key_sha256=event.activation_key_sha256,
            position=position,
        )
    assert license_ is not None, event
    replace = msgspec.structs.replace
    match event:
        case LicenseRenewed():
            return replace(license_, expires_at=event.expires_at, position=position)
        case LicenseResized():
            return replace(license_, slots=event.slots, position=position)
        case LicenseSuspended():
            return replace(license_, suspended=True, position=position)
        case LicenseReinstated():
            return replace(license_, suspended=False, position=position)
        case LicenseRevoked():
            return replace(license_, revoked=True, position=position)
        case DeploymentActivated():
            holding = Holding(event.mode, recorded.context.at, position)
            active = {**license_.active, event.deployment: holding}
            return replace(license_, active=active, term=event.term, position=position)
        case DeploymentDeactivated():
            active = _without(license_.active, event.deployment)
            return replace(license_, active=active, term=event.term, position=position)
        case BackupRegistered():
            count = license_.backup_count + 1
            return replace(license_, backup_count=count, position=position)
        case BackupUnregistered():
            count = license_.backup_count - 1
            return replace(license_, backup_count=count, position=position)
        case BackupNominated():
            holding = Holding(event.mode, recorded.context.at, position)
            active = {**_without(license_.active, event.replaced), event.deployment: holding}
            return replace(
                license_,
                active=active,
                backup_count=license_.backup_count - 1,
                term=event.term,
                position=position,
            )
        case _:
            raise AssertionError(event)


def _without(active: dict[str, Holding], deployment: str | None) -> dict[str, Holding]:
    return {held: holding for held, holding in active.items() if held != deployment}


def issue(existing: License | None, issued: LicenseIssued) -> Decision:
    """Issue a license under an id that was never used."""
    if existing is not None:
        return refusals.LicenseAlreadyIssued(license=issued.license)
    return (issued,)


def renew(license_: License, expires_at: datetime | None) -> Decision:
    """Move the end of validity, to any time; None is never."""
    if license_.revoked:
        return refusals.LicenseRevoked(license=license_.id)
    if license_.expires_at == expires_at:
        return ()
    return (LicenseRenewed(license=license_.id, expires_at=expires_at),)


def resize(license_: License, slots: int) -> Decision:
    """Change the number of slots, never below what is used."""
    if license_.revoked:
        return refusals.LicenseRevoked(license=license_.id)
    if slots < len(license_.active):
        return refusals.SlotsInUse(
            license=license_.id,
            used=len(license_.active),
            slots=slots,
            holders=tuple(license_.active),
        )
    if license_.slots == slots:
        return ()
    return (LicenseResized(license=license_.id, slots=slots),)


def suspend(license_: License) -> Decision:
    """Take all rights away until the license is reinstated."""
    if license_.revoked:
        return refusals.LicenseRevoked(license=license_.id)
    return () if license_.suspended else (LicenseSuspended(license=license_.id),)


def reinstate(license_: License) -> Decision:
    """End a suspension."""
    if license_.revoked:
        return refusals.LicenseRevoked(license=license_.id)
    return (LicenseReinstated(license=license_.id),) if license_.suspended else ()


def revoke(license_: License) -> Decision:
    """Take all rights away for good."""
    return () if license_.revoked else (LicenseRevoked(license=license_.id),)


def activate(license_: License, deployment: Deployment, mode: Mode, now: datetime) -> Decision:
    """Give the deployment a slot."""
    if _is_already(license_, deployment, Role.ACTIVE, mode):
        return ()
    if refusal := _no_rights(license_, now) or _bound_elsewhere(license_, deployment):
        return refusal
    if deployment.role is Role.BACKUP:
        return refusals.BackupCannotActivate(deployment=deployment.id, license=license_.id)
    if deployment.role is Role.UNLICENSED and len(license_.active) >= license_.slots:
        return refusals.NoFreeSlot(
            deployment=deployment.id,
            license=license_.id,
            slots=license_.slots,
            holders=tuple(license_.active),
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
    if refusal := _no_rights(license_, now) or _bound_elsewhere(license_, deployment):
        return refusal
    if deployment.role is Role.ACTIVE:
        return refusals.ActiveCannotBeBackup(deployment=deployment.id, license=license_.id)
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


def nominate(
    license_: License | None, deployment: Deployment, replaces: str | None, now: datetime
) -> Decision:
    """Make the backup active and release the active deployment that it replaces, in one step."""
    if license_ is None or deployment.role is not Role.BACKUP:
        return refusals.NotABackup(
            deployment=deployment.id, role=deployment.role, command="nominate"
        )
    if refusal := _no_rights(license_, now):
        return refusal
    if deployment.mode is not Mode.ONLINE:
        return refusals.OfflineBackupCannotBeNominated(
            deployment=deployment.id, actives=tuple(license_.active)
        )
    replaced = replaced_by(license_, deployment, replaces)
    if isinstance(replaced, Refusal):
        return replaced
    term = license_.term + 1
    events: tuple[Event, ...] = (
        BackupNominated(
            license=license_.id,
            deployment=deployment.id,
            mode=deployment.mode,
            replaced=replaced,
            term=term,
        ),
        DeploymentPromoted(
            deployment=deployment.id, license=license_.id, mode=deployment.mode, term=term
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


def _no_rights(license_: License, now: datetime) -> Refusal | None:
    match license_.status(now):
        case Status.REVOKED:
            return refusals.LicenseRevoked(license=license_.id)
        case Status.SUSPENDED:
            return refusals.LicenseSuspended(license=license_.id)
        case Status.EXPIRED:
            assert license_.expires_at is not None
            return refusals.LicenseExpired(license=license_.id, expires_at=license_.expires_at)
        case Status.VALID:
            return None


def _bound_elsewhere(license_: License, deployment: Deployment) -> Refusal | None:
    if deployment.license is None or deployment.license == license_.id:
        return None
    return refusals.BoundToAnotherLicense(
        deployment=deployment.id, license=deployment.license, role=deployment.role
    )
