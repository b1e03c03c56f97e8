"""The catalogue: every event that the ledger can hold.

An event is one immutable fact. Its type is a stable name, stored with it and never derived from a
module path. `docs/events.md` is generated from the docstrings and field descriptions below.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta


class Role(StrEnum):
    """What a deployment is to its license."""

    UNLICENSED = "unlicensed"
    ACTIVE = "active"
    BACKUP = "backup"


class Mode(StrEnum):
    """How a role was obtained: over the network, or with a license file."""

    ONLINE = "online"
    OFFLINE = "offline"


LicenseId = Annotated[str, Meta(description="The license.")]
DeploymentId = Annotated[str, Meta(description="The deployment.")]
ModeField = Annotated[Mode, Meta(description="How the role was obtained: `online` or `offline`.")]
Term = Annotated[int, Meta(description="The license's term from this event on.")]
StandbyFor = Annotated[
    str | None, Meta(description="The active deployment that this backup stands by for, if named.")
]


class Actor(msgspec.Struct, frozen=True, gc=False):
    """Who asked: `kind` is `key`, `activation-key` or `system`."""

    kind: str
    id: str


class Context(msgspec.Struct, frozen=True, gc=False):
    """The circumstances that every event carries."""

    at: Annotated[datetime, Meta(description="When it was decided, UTC, in microseconds.")]
    actor: Annotated[Actor, Meta(description="Who asked.")]
    request_id: Annotated[str, Meta(description="The request that led to it.")]
    trace_id: Annotated[
        str | None, Meta(description="W3C trace id of the request, if it carried one.")
    ] = None
    source: Annotated[str | None, Meta(description="Address that the request came from.")] = None
    reason: Annotated[str | None, Meta(description="The reason that a person gave.")] = None


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One immutable fact."""

    type: ClassVar[str]
    shape: ClassVar[int] = 1
    """Raised when the fields change; hotslot.ledger.mapper lifts what was stored before."""


class LicenseIssued(Event, frozen=True, kw_only=True):
    """The vendor issued a license."""

    type = "license.issued"
    license: LicenseId
    product: Annotated[str, Meta(description="What the license is for.")]
    customer: Annotated[str, Meta(description="Who holds it.")]
    slots: Annotated[int, Meta(description="How many deployments may be active at once.")]
    expires_at: Annotated[datetime | None, Meta(description="End of validity; null is never.")]
    activation_key_sha256: Annotated[
        str, Meta(description="SHA-256 of the activation key, in hex. The key itself is not kept.")
    ]


class FileEvent(Event, frozen=True, kw_only=True):
    """What happened to a license file, and all that the file says."""

    license: LicenseId
    product: Annotated[str, Meta(description="What the license is for, as the file says.")]
    customer: Annotated[str, Meta(description="Who holds it, as the file says.")]
    slots: Annotated[int, Meta(description="The slots that the file gives.")]
    expires_at: Annotated[datetime | None, Meta(description="End of validity; null is never.")]
    issued_at: Annotated[datetime, Meta(description="The time of issue that the file bears.")]
    deployment: Annotated[
        str | None, Meta(description="The one deployment that the file may activate, if any.")
    ]
    key: Annotated[str, Meta(description="Id of the key that signed the file.")]
    digest: Annotated[str, Meta(description="SHA-256 of the signed bytes of the file, in hex.")]


class LicenseFileIssued(FileEvent, frozen=True, kw_only=True):
    """A license file was made, for a site without a connection."""

    type = "license.file-issued"


class LicenseImported(FileEvent, frozen=True, kw_only=True):
    """A license came in a file that a trusted vendor signed: new here, or newer than before."""

    type = "license.imported"


class LicenseRenewed(Event, frozen=True, kw_only=True):
    """The end of validity was moved."""

    type = "license.renewed"
    license: LicenseId
    expires_at: Annotated[datetime | None, Meta(description="The new end; null is never.")]


class LicenseResized(Event, frozen=True, kw_only=True):
    """The number of slots was changed."""

    type = "license.resized"
    license: LicenseId
    slots: Annotated[int, Meta(description="How many deployments may be active from now on.")]


class LicenseLeaseChanged(Event, frozen=True, kw_only=True):
    """Leases under the license last longer or shorter from now on."""

    type = "license.lease-changed"
    license: LicenseId
    seconds: Annotated[int, Meta(description="How long a lease lasts, in seconds.")]


class LicenseSuspended(Event, frozen=True, kw_only=True):
    """The license gives no rights until it is reinstated."""

    type = "license.suspended"
    license: LicenseId


class LicenseReinstated(Event, frozen=True, kw_only=True):
    """A suspension ended."""

    type = "license.reinstated"
    license: LicenseId


class LicenseRevoked(Event, frozen=True, kw_only=True):
    """The license gives no rights any more. Final."""

    type = "license.revoked"
    license: LicenseId


class DeploymentActivated(Event, frozen=True, kw_only=True):
    """A deployment took a slot and became active."""

    type = "license.deployment-activated"
    license: LicenseId
    deployment: DeploymentId
    mode: ModeField
    term: Term


class DeploymentDeactivated(Event, frozen=True, kw_only=True):
    """An active deployment gave its slot back."""

    type = "license.deployment-deactivated"
    license: LicenseId
    deployment: DeploymentId
    term: Term


class BackupRegistered(Event, frozen=True, kw_only=True):
    """A deployment became a hot backup. It takes no slot."""

    type = "license.backup-registered"
    license: LicenseId
    deployment: DeploymentId
    mode: ModeField
    standby_for: StandbyFor
    term: Annotated[int, Meta(description="The license's term at this time; unchanged by it.")]


class BackupUnregistered(Event, frozen=True, kw_only=True):
    """A backup gave up its role and is like a fresh installation."""

    type = "license.backup-unregistered"
    license: LicenseId
    deployment: DeploymentId


class BackupNominated(Event, frozen=True, kw_only=True):
    """A backup became active; the deployment that it replaces lost its slot in the same step."""

    type = "license.backup-nominated"
    shape = 2
    license: LicenseId
    deployment: Annotated[str, Meta(description="The backup that is active from now on.")]
    mode: ModeField
    replaced: Annotated[
        str | None,
        Meta(description="The former active deployment; null when a free slot was taken."),
    ]
    replaced_term: Annotated[
        int | None,
        Meta(description="The term of the role that the former one lost; null where none did."),
    ]
    term: Term
    asked_at: Annotated[
        datetime | None,
        Meta(description="When the request came in; null in events from before it was kept."),
    ]
    wait_for_release: Annotated[
        bool, Meta(description="Whether the new one processes only when the former has ended.")
    ]


class CommandRefused(Event, frozen=True, kw_only=True):
    """A rule turned a command down.

    It stands on the stream of the license that was asked for, or on the deployment's where no
    license was concerned.
    """

    type = "license.command-refused"
    command: Annotated[str, Meta(description="The command, such as `activate`.")]
    code: Annotated[str, Meta(description="The refusal's code: see the refusal catalogue.")]
    license: Annotated[str | None, Meta(description="The license concerned, if any.")]
    deployment: Annotated[str | None, Meta(description="The deployment concerned, if any.")]
    asked: Annotated[dict[str, Any], Meta(description="What was asked, without secrets.")]
    detail: Annotated[str, Meta(description="The explanation that was given.")]


class DeploymentBound(Event, frozen=True, kw_only=True):
    """The deployment was bound to a license, in a role."""

    type = "deployment.bound"
    deployment: DeploymentId
    license: LicenseId
    role: Annotated[Role, Meta(description="`active` or `backup`.")]
    mode: ModeField
    standby_for: StandbyFor
    term: Annotated[int, Meta(description="The license's term when the role began.")]


class DeploymentPromoted(Event, frozen=True, kw_only=True):
    """The deployment, a backup until now, is active."""

    type = "deployment.promoted"
    shape = 2
    deployment: DeploymentId
    license: LicenseId
    mode: ModeField
    term: Term
    waits_for: Annotated[
        str | None, Meta(description="The one whose end it waits for before it processes, if any.")
    ]
    waits_for_term: Annotated[
        int | None, Meta(description="The term of the role that it waits for the end of.")
    ]


class DeploymentReleased(Event, frozen=True, kw_only=True):
    """The deployment holds no role any more."""

    type = "deployment.released"
    deployment: DeploymentId
    license: LicenseId
    cause: Annotated[str, Meta(description="`deactivated`, `unregistered` or `replaced`.")]
    replaced_by: Annotated[
        str | None, Meta(description="The nominated backup that took its place, if one did.")
    ] = None


class DeploymentTookOver(Event, frozen=True, kw_only=True):
    """The deployment took its first lease with the right to process since it became active."""

    type = "deployment.took-over"
    deployment: DeploymentId
    license: LicenseId
    term: Annotated[int, Meta(description="The term of the role that it serves in.")]


class DeploymentStoodDown(Event, frozen=True, kw_only=True):
    """The deployment was heard of again after it lost an active role, and processes no more."""

    type = "deployment.stood-down"
    deployment: DeploymentId
    license: Annotated[str, Meta(description="The license of the role that it lost.")]
    term: Annotated[int, Meta(description="The term of the role that it lost.")]


class KeyCreated(Event, frozen=True, kw_only=True):
    """An API key was made."""

    type = "key.created"
    key: Annotated[str, Meta(description="The key's id, which is no secret.")]
    role: Annotated[str, Meta(description="`admin`, `operator`, `auditor` or `node`.")]
    customer: Annotated[str | None, Meta(description="The one customer it may act for, if any.")]
    deployment: Annotated[
        str | None, Meta(description="The one deployment it may act for (role `node`).")
    ]
    sha256: Annotated[str, Meta(description="SHA-256 of the key, in hex. The key is not kept.")]


class KeyRevoked(Event, frozen=True, kw_only=True):
    """An API key was revoked. Final."""

    type = "key.revoked"
    key: Annotated[str, Meta(description="The key's id.")]


class AuditExported(Event, frozen=True, kw_only=True):
    """Whoever holds an API key read the record in bulk. Once an hour at most for each key."""

    type = "audit.exported"
    key: Annotated[str, Meta(description="The API key that was used.")]
    via: Annotated[
        str, Meta(description="`entries`: the log's tiles; `trail`: many pages of the trail.")
    ]
    position: Annotated[int, Meta(description="The ledger's last position when it was noted.")]


CATALOGUE: dict[str, type[Event]] = {
    kind.type: kind
    for kind in (
        LicenseIssued,
        LicenseFileIssued,
        LicenseImported,
        LicenseRenewed,
        LicenseResized,
        LicenseLeaseChanged,
        LicenseSuspended,
        LicenseReinstated,
        LicenseRevoked,
        DeploymentActivated,
        DeploymentDeactivated,
        BackupRegistered,
        BackupUnregistered,
        BackupNominated,
        CommandRefused,
        DeploymentBound,
        DeploymentPromoted,
        DeploymentReleased,
        DeploymentTookOver,
        DeploymentStoodDown,
        KeyCreated,
        KeyRevoked,
        AuditExported,
    )
}
"""Every event by its stable name."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event as it stands in the ledger."""

    position: int
    stream: str
    version: int
    context: Context
    event: Event


def license_stream(license_id: str) -> str:
    """The stream that holds a license's history."""
    return f"license:{license_id}"


def deployment_stream(deployment_id: str) -> str:
    """The stream that holds what a deployment was bound to."""
    return f"deployment:{deployment_id}"


def key_stream(key_id: str) -> str:
    """The stream that holds an API key's life."""
    return f"key:{key_id}"


def audit_stream(key_id: str) -> str:
    """The stream that holds what was read in bulk with an API key."""
    return f"audit:{key_id}"
