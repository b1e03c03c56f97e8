"""License: its state, how events change it, and its decisions.

A decision is a plain function from state to events, or a refusal. No events means that what was
asked for is already so.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from hotslot.domain import refusals
from hotslot.domain.events import (
    BackupNominated,
    BackupRegistered,
    BackupUnregistered,
    CommandRefused,
    DeploymentActivated,
    DeploymentDeactivated,
    Event,
    LicenseFileIssued,
    LicenseImported,
    LicenseIssued,
    LicenseLeaseChanged,
    LicenseReinstated,
    LicenseRenewed,
    LicenseResized,
    LicenseRevoked,
    LicenseSuspended,
    Mode,
    Recorded,
)
from hotslot.domain.refusals import Refusal

DEFAULT_LEASE_SECONDS = 60

Decision = tuple[Event, ...] | Refusal


class Status(StrEnum):
    """Whether a license gives rights; only `valid` does."""

    VALID = "valid"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Holding(msgspec.Struct, frozen=True, gc=False):
    """A slot that an active deployment holds, and the event that gave it."""

    mode: Mode
    since: datetime
    position: int
    term: int


class License(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a license is now. The backups are counted, not listed: they are without bound."""

    id: str
    product: str
    customer: str
    slots: int
    expires_at: datetime | None
    activation_key_sha256: str | None
    """None for a license that came in a file: there is no key to it here."""
    suspended: bool = False
    revoked: bool = False
    term: int = 0
    active: dict[str, Holding] = {}
    backup_count: int = 0
    lease_seconds: int = DEFAULT_LEASE_SECONDS
    """How long a lease of one of its deployments lasts."""
    imported_file_of: datetime | None = None
    """Time of issue of the file that the license came in; None when it was issued here."""
    imported_key: str | None = None
    """Id of the key that signed that file."""
    imported_for: str | None = None
    """The one deployment that that file may activate; None is any."""
    last_file: LicenseFileIssued | None = None
    """The last license file that was made of it."""
    position: int
    """Position of the last event that changed the license; refusals and files change nothing."""

    @property
    def is_imported(self) -> bool:
        """Whether another server issued the license, and a license file brought it here."""
        return self.imported_file_of is not None

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
    if isinstance(event, LicenseImported):
        return with_file(license_, event, position)
    if isinstance(event, CommandRefused):
        return license_
    assert license_ is not None, event
    replace = msgspec.structs.replace
    match event:  # what happens most often stands first
        case BackupNominated():
            holding = Holding(event.mode, recorded.context.at, position, event.term)
            active = {**_without(license_.active, event.replaced), event.deployment: holding}
            return replace(
                license_,
                active=active,
                backup_count=license_.backup_count - 1,
                term=event.term,
                position=position,
            )
        case BackupRegistered():
            count = license_.backup_count + 1
            return replace(license_, backup_count=count, position=position)
        case BackupUnregistered():
            count = license_.backup_count - 1
            return replace(license_, backup_count=count, position=position)
        case DeploymentActivated():
            holding = Holding(event.mode, recorded.context.at, position, event.term)
            active = {**license_.active, event.deployment: holding}
            return replace(license_, active=active, term=event.term, position=position)
        case DeploymentDeactivated():
            active = _without(license_.active, event.deployment)
            return replace(license_, active=active, term=event.term, position=position)
        case LicenseFileIssued():
            return replace(license_, last_file=event)
        case LicenseRenewed():
            return replace(license_, expires_at=event.expires_at, position=position)
        case LicenseResized():
            return replace(license_, slots=event.slots, position=position)
        case LicenseLeaseChanged():
            return replace(license_, lease_seconds=event.seconds, position=position)
        case LicenseSuspended():
            return replace(license_, suspended=True, position=position)
        case LicenseReinstated():
            return replace(license_, suspended=False, position=position)
        case LicenseRevoked():
            return replace(license_, revoked=True, position=position)
        case _:
            raise AssertionError(event)


def with_file(license_: License | None, imported: LicenseImported, position: int) -> License:
    """The license as a file brings it: new, or with other terms than before."""
    if license_ is None:
        return License(
            id=imported.license,
            product=imported.product,
            customer=imported.customer,
            slots=imported.slots,
            expires_at=imported.expires_at,
            activation_key_sha256=None,
            imported_file_of=imported.issued_at,
            imported_key=imported.key,
            imported_for=imported.deployment,
            position=position,
        )
    return msgspec.structs.replace(
        license_,
        slots=imported.slots,
        expires_at=imported.expires_at,
        imported_file_of=imported.issued_at,
        imported_key=imported.key,
        imported_for=imported.deployment,
        position=position,
    )


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
        return _revoked(license_)
    if license_.is_imported:
        return refusals.LicenseIssuedElsewhere(license=license_.id)
    if license_.expires_at == expires_at:
        return ()
    return (LicenseRenewed(license=license_.id, expires_at=expires_at),)


def resize(license_: License, slots: int) -> Decision:
    """Change the number of slots, never below what is used."""
    if license_.revoked:
        return _revoked(license_)
    if license_.is_imported:
        return refusals.LicenseIssuedElsewhere(license=license_.id)
    if refusal := slots_in_use(license_, slots):
        return refusal
    if license_.slots == slots:
        return ()
    return (LicenseResized(license=license_.id, slots=slots),)


def slots_in_use(license_: License, slots: int) -> Refusal | None:
    """A refusal to have so few slots, when more are used."""
    if slots >= len(license_.active):
        return None
    return refusals.SlotsInUse(
        license=license_.id,
        used=len(license_.active),
        slots=slots,
        holders=tuple(license_.active),
    )


def set_lease(license_: License, seconds: int) -> Decision:
    """Have leases last so long from now on; those that were given run out as they are."""
    if license_.revoked:
        return _revoked(license_)
    if license_.lease_seconds == seconds:
        return ()
    return (LicenseLeaseChanged(license=license_.id, seconds=seconds),)


def suspend(license_: License) -> Decision:
    """Take all rights away until the license is reinstated."""
    if license_.revoked:
        return _revoked(license_)
    return () if license_.suspended else (LicenseSuspended(license=license_.id),)


def reinstate(license_: License) -> Decision:
    """End a suspension."""
    if license_.revoked:
        return _revoked(license_)
    return (LicenseReinstated(license=license_.id),) if license_.suspended else ()


def revoke(license_: License) -> Decision:
    """Take all rights away for good."""
    return () if license_.revoked else (LicenseRevoked(license=license_.id),)


def no_rights(license_: License, now: datetime) -> Refusal | None:
    """A refusal when the license gives no rights at this time."""
    match license_.status(now):
        case Status.REVOKED:
            return _revoked(license_)
        case Status.SUSPENDED:
            return refusals.LicenseSuspended(license=license_.id)
        case Status.EXPIRED:
            assert license_.expires_at is not None
            return refusals.LicenseExpired(
                license=license_.id,
                expires_at=license_.expires_at,
                imported=license_.is_imported,
            )
        case Status.VALID:
            return None


def _revoked(license_: License) -> Refusal:
    return refusals.LicenseRevoked(license=license_.id, imported=license_.is_imported)
