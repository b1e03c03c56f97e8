"""Short words for the events and commands that the tests are told in: license `lic`, of `acme`."""

from datetime import UTC, datetime
from typing import TypeVar

from hotslot.domain import commands
from hotslot.domain.deployment import Duty, Owed
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
    FileEvent,
    LicenseFileIssued,
    LicenseImported,
    LicenseIssued,
    Mode,
    Role,
)
from hotslot.domain.license_file import LicenseFile, Presented

ONLINE, OFFLINE = Mode.ONLINE, Mode.OFFLINE
KEY_DIGEST = "ab" * 32
SIGNING_KEY = "signing-key"
FILED = datetime(2030, 1, 1, tzinfo=UTC)

Told = TypeVar("Told", bound=FileEvent)


def issued(
    license_id: str = "lic",
    *,
    slots: int = 1,
    customer: str = "acme",
    expires_at: datetime | None = None,
) -> LicenseIssued:
    return LicenseIssued(
        license=license_id,
        product="scanner",
        customer=customer,
        slots=slots,
        expires_at=expires_at,
        activation_key_sha256=KEY_DIGEST,
    )


def activated(
    deployment: str, *, term: int = 1, mode: Mode = ONLINE, license_id: str = "lic"
) -> tuple[Event, ...]:
    """The deployment took a slot."""
    return (
        DeploymentActivated(license=license_id, deployment=deployment, mode=mode, term=term),
        DeploymentBound(
            deployment=deployment,
            license=license_id,
            role=Role.ACTIVE,
            mode=mode,
            standby_for=None,
            term=term,
        ),
    )


def deactivated(deployment: str, *, term: int, license_id: str = "lic") -> tuple[Event, ...]:
    """The deployment gave its slot back."""
    return (
        DeploymentDeactivated(license=license_id, deployment=deployment, term=term),
        DeploymentReleased(deployment=deployment, license=license_id, cause="deactivated"),
    )


def registered(
    deployment: str,
    *,
    standby_for: str | None = None,
    term: int = 0,
    mode: Mode = ONLINE,
    license_id: str = "lic",
) -> tuple[Event, ...]:
    """The deployment became a backup."""
    return (
        BackupRegistered(
            license=license_id,
            deployment=deployment,
            mode=mode,
            standby_for=standby_for,
            term=term,
        ),
        DeploymentBound(
            deployment=deployment,
            license=license_id,
            role=Role.BACKUP,
            mode=mode,
            standby_for=standby_for,
            term=term,
        ),
    )


def unregistered(deployment: str, *, license_id: str = "lic") -> tuple[Event, ...]:
    """The backup gave up its role."""
    return (
        BackupUnregistered(license=license_id, deployment=deployment),
        DeploymentReleased(deployment=deployment, license=license_id, cause="unregistered"),
    )


def nominated(
    deployment: str, *, replaced: str | None, term: int, since: int = 1, waits: bool = False
) -> tuple[Event, ...]:
    """The backup became active; the former one, if any, active `since` a term, was released."""
    released = (
        ()
        if replaced is None
        else (
            DeploymentReleased(
                deployment=replaced, license="lic", cause="replaced", replaced_by=deployment
            ),
        )
    )
    return (
        BackupNominated(
            license="lic",
            deployment=deployment,
            mode=ONLINE,
            replaced=replaced,
            replaced_term=None if replaced is None else since,
            term=term,
            asked_at=None,
            wait_for_release=waits,
        ),
        DeploymentPromoted(
            deployment=deployment,
            license="lic",
            mode=ONLINE,
            term=term,
            waits_for=replaced if waits else None,
            waits_for_term=since if waits else None,
        ),
        *released,
    )


def file(
    license_id: str = "lic",
    *,
    product: str = "scanner",
    customer: str = "acme",
    slots: int = 1,
    issued_at: datetime = FILED,
    expires_at: datetime | None = None,
    deployment: str | None = None,
) -> LicenseFile:
    """What a license file says."""
    return LicenseFile(
        license=license_id,
        product=product,
        customer=customer,
        slots=slots,
        issued_at=issued_at,
        expires_at=expires_at,
        deployment=deployment,
    )


def own(shown: LicenseFile) -> Presented:
    """The file, signed by this server."""
    return Presented(shown, SIGNING_KEY, own=True)


def trusted(
    shown: LicenseFile, key: str = SIGNING_KEY, vendor: frozenset[str] | None = None
) -> Presented:
    """The file, signed by a vendor that this server trusts, who has these keys."""
    return Presented(shown, key, own=False, vendor=vendor)


def imported(shown: LicenseFile, key: str = SIGNING_KEY) -> LicenseImported:
    """The license came in the file."""
    return _told(LicenseImported, shown, key)


def file_issued(shown: LicenseFile) -> LicenseFileIssued:
    """The file was made."""
    return _told(LicenseFileIssued, shown)


def _told(kind: type[Told], shown: LicenseFile, key: str = SIGNING_KEY) -> Told:
    return kind(
        license=shown.license,
        product=shown.product,
        customer=shown.customer,
        slots=shown.slots,
        expires_at=shown.expires_at,
        issued_at=shown.issued_at,
        deployment=shown.deployment,
        key=key,
        digest=shown.digest(),
    )


def issue_file(license_id: str = "lic", *, deployment: str | None = None) -> commands.IssueFile:
    return commands.IssueFile(license=license_id, deployment=deployment, key=SIGNING_KEY)


def activate(
    deployment: str,
    *,
    license_id: str = "lic",
    mode: Mode = ONLINE,
    shown: Presented | None = None,
    key_digest: str | None = None,
) -> commands.Activate:
    """In offline mode it is with a file of the license, as this server made it."""
    return commands.Activate(
        deployment=deployment,
        license=license_id if shown is None else shown.file.license,
        file=own(file(license_id)) if mode is OFFLINE else shown,
        activation_key_sha256=key_digest,
    )


def register(
    deployment: str,
    *,
    license_id: str = "lic",
    mode: Mode = ONLINE,
    standby_for: str | None = None,
    shown: Presented | None = None,
    key_digest: str | None = None,
) -> commands.RegisterBackup:
    """In offline mode it is with a file of the license, as this server made it."""
    return commands.RegisterBackup(
        deployment=deployment,
        license=license_id if shown is None else shown.file.license,
        file=own(file(license_id)) if mode is OFFLINE else shown,
        standby_for=standby_for,
        activation_key_sha256=key_digest,
    )


def deactivate(deployment: str) -> commands.Deactivate:
    return commands.Deactivate(deployment=deployment)


def unregister(deployment: str) -> commands.UnregisterBackup:
    return commands.UnregisterBackup(deployment=deployment)


def nominate(
    deployment: str, replaces: str | None = None, *, wait_for_release: bool = False
) -> commands.NominateBackup:
    return commands.NominateBackup(
        deployment=deployment, replaces=replaces, wait_for_release=wait_for_release
    )


def takes_over(deployment: str, term: int) -> commands.ConfirmRole:
    owed = Owed(Duty.TAKE_OVER, "lic", term)
    return commands.ConfirmRole(deployment=deployment, owed=owed)


def stands_down(deployment: str, term: int) -> commands.ConfirmRole:
    owed = Owed(Duty.STAND_DOWN, "lic", term)
    return commands.ConfirmRole(deployment=deployment, owed=owed)
