"""How events change the slots tables: one function an event.

A role's beginning and end are read off the license's stream; `deployment.*` events say the same
from the deployment's side.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, LiteralString

from psycopg import Cursor

from hotslot.domain.events import (
    AuditExported,
    BackupNominated,
    BackupRegistered,
    BackupUnregistered,
    CommandRefused,
    DeploymentActivated,
    DeploymentBound,
    DeploymentDeactivated,
    DeploymentPromoted,
    DeploymentReleased,
    DeploymentStoodDown,
    DeploymentTookOver,
    Event,
    KeyCreated,
    KeyRevoked,
    LicenseFileIssued,
    LicenseImported,
    LicenseIssued,
    LicenseLeaseChanged,
    LicenseReinstated,
    LicenseRenewed,
    LicenseResized,
    LicenseRevoked,
    LicenseSuspended,
    Recorded,
    Role,
)
from hotslot.ledger.schema import schema_of
from projections.projection import ProjectionError
from projections.slots.fold import Fold, Touched


class SlotsProjection:
    """Tenures, and licenses as they were from each position on."""

    name: ClassVar[str] = "slots"
    version: ClassVar[int] = 1
    tables: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "licenses": ("license",),
        "states": ("license", "position"),
        "tenures": ("license", "from_position"),
        "free_seats": ("license", "role", "seat"),
    }
    schema: ClassVar[LiteralString] = schema_of("projections.slots")

    def apply(self, cursor: Cursor[Any], batch: Sequence[Recorded]) -> None:
        fold = Fold(cursor, touched_by(batch))
        for recorded in batch:
            handler = HANDLERS.get(type(recorded.event))
            if handler is None:
                raise ProjectionError(f"slots has no answer to a {recorded.event.type} event.")
            handler(fold, recorded, recorded.event)
        fold.write()


def license_issued(fold: Fold, recorded: Recorded, event: LicenseIssued) -> None:
    """A license begins, with no deployment."""
    fold.issued(recorded, event)
    fold.changed(event.license, recorded.position)


def license_imported(fold: Fold, recorded: Recorded, event: LicenseImported) -> None:
    """A license begins, or has the terms of a newer file."""
    if fold.knows(event.license):
        state = fold.state(event.license)
        state.slots, state.expires_at = event.slots, event.expires_at
    else:
        fold.issued(recorded, event)
    fold.changed(event.license, recorded.position)


def license_renewed(fold: Fold, recorded: Recorded, event: LicenseRenewed) -> None:
    """Another end of validity."""
    fold.state(event.license).expires_at = event.expires_at
    fold.changed(event.license, recorded.position)


def license_resized(fold: Fold, recorded: Recorded, event: LicenseResized) -> None:
    """Another number of slots."""
    fold.state(event.license).slots = event.slots
    fold.changed(event.license, recorded.position)


def license_lease_changed(fold: Fold, recorded: Recorded, event: LicenseLeaseChanged) -> None:
    """Nothing of what is shown, but the license is another one for `If-Match`."""
    fold.changed(event.license, recorded.position)


def license_suspended(fold: Fold, recorded: Recorded, event: LicenseSuspended) -> None:
    """The license is suspended."""
    fold.state(event.license).suspended = True
    fold.changed(event.license, recorded.position)


def license_reinstated(fold: Fold, recorded: Recorded, event: LicenseReinstated) -> None:
    """The license is no longer suspended."""
    fold.state(event.license).suspended = False
    fold.changed(event.license, recorded.position)


def license_revoked(fold: Fold, recorded: Recorded, event: LicenseRevoked) -> None:
    """The license is revoked."""
    fold.state(event.license).revoked = True
    fold.changed(event.license, recorded.position)


def deployment_activated(fold: Fold, recorded: Recorded, event: DeploymentActivated) -> None:
    """An active tenure begins."""
    state = fold.state(event.license)
    state.used += 1
    state.term = event.term
    fold.begin(
        recorded,
        event,
        license_id=event.license,
        deployment=event.deployment,
        role=Role.ACTIVE,
        mode=event.mode,
        term=event.term,
    )
    fold.changed(event.license, recorded.position)


def deployment_deactivated(fold: Fold, recorded: Recorded, event: DeploymentDeactivated) -> None:
    """An active tenure ends."""
    state = fold.state(event.license)
    state.used -= 1
    state.term = event.term
    seat = fold.end(recorded, event, event.license, event.deployment, Role.ACTIVE)
    fold.free(event.license, Role.ACTIVE, seat)
    fold.changed(event.license, recorded.position)


def backup_registered(fold: Fold, recorded: Recorded, event: BackupRegistered) -> None:
    """A backup tenure begins."""
    fold.state(event.license).backup_count += 1
    fold.begin(
        recorded,
        event,
        license_id=event.license,
        deployment=event.deployment,
        role=Role.BACKUP,
        mode=event.mode,
        term=event.term,
        standby_for=event.standby_for,
    )
    fold.changed(event.license, recorded.position)


def backup_unregistered(fold: Fold, recorded: Recorded, event: BackupUnregistered) -> None:
    """A backup tenure ends."""
    fold.state(event.license).backup_count -= 1
    seat = fold.end(recorded, event, event.license, event.deployment, Role.BACKUP)
    fold.free(event.license, Role.BACKUP, seat)
    fold.changed(event.license, recorded.position)


def backup_nominated(fold: Fold, recorded: Recorded, event: BackupNominated) -> None:
    """The tenures of the backup and of the one it replaces end; an active one begins."""
    state = fold.state(event.license)
    state.backup_count -= 1
    state.term = event.term
    backup_seat = fold.end(recorded, event, event.license, event.deployment, Role.BACKUP)
    fold.free(event.license, Role.BACKUP, backup_seat)
    seat = None
    if event.replaced is None:
        state.used += 1
    else:
        seat = fold.end(recorded, event, event.license, event.replaced, Role.ACTIVE)
    fold.begin(
        recorded,
        event,
        license_id=event.license,
        deployment=event.deployment,
        role=Role.ACTIVE,
        mode=event.mode,
        term=event.term,
        seat=seat,
    )
    fold.changed(event.license, recorded.position)


def nothing_changed(fold: Fold, recorded: Recorded, event: Event) -> None:
    """The event says nothing about slots that another one doesn't."""


Handler = Callable[[Fold, Recorded, Any], None]

HANDLERS: dict[type[Event], Handler] = {
    LicenseIssued: license_issued,
    LicenseFileIssued: nothing_changed,
    LicenseImported: license_imported,
    LicenseRenewed: license_renewed,
    LicenseResized: license_resized,
    LicenseLeaseChanged: license_lease_changed,
    LicenseSuspended: license_suspended,
    LicenseReinstated: license_reinstated,
    LicenseRevoked: license_revoked,
    DeploymentActivated: deployment_activated,
    DeploymentDeactivated: deployment_deactivated,
    BackupRegistered: backup_registered,
    BackupUnregistered: backup_unregistered,
    BackupNominated: backup_nominated,
    CommandRefused: nothing_changed,
    DeploymentBound: nothing_changed,
    DeploymentPromoted: nothing_changed,
    DeploymentReleased: nothing_changed,
    DeploymentTookOver: nothing_changed,
    DeploymentStoodDown: nothing_changed,
    KeyCreated: nothing_changed,
    KeyRevoked: nothing_changed,
    AuditExported: nothing_changed,
}
"""What each event does. An event without an entry stops the projection."""

IGNORED = {event for event, handler in HANDLERS.items() if handler is nothing_changed}


def touched_by(batch: Sequence[Recorded]) -> Touched:
    """What the functions above will ask of the tables."""
    touched = Touched()
    for recorded in batch:
        match event := recorded.event:
            case DeploymentActivated(license=license_id):
                touched.begun[license_id, Role.ACTIVE] += 1
            case BackupRegistered(license=license_id):
                touched.begun[license_id, Role.BACKUP] += 1
            case DeploymentDeactivated() | BackupUnregistered():
                touched.ended.add(event.deployment)
            case BackupNominated(license=license_id, replaced=replaced):
                touched.ended.add(event.deployment)
                if replaced is None:
                    touched.begun[license_id, Role.ACTIVE] += 1
                else:
                    touched.ended.add(replaced)
        if type(event) not in IGNORED:
            touched.licenses.add(event.license)  # type: ignore[attr-defined]
    return touched
