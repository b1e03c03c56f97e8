"""What calls give: frozen structs in the shapes of the API.

Times are aware datetimes in UTC. Fields that a newer server adds are passed over, and names of
roles, modes, statuses and rights are text, so that a new one breaks nobody.
"""

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

T = TypeVar("T")


class Remedy(Struct, frozen=True):
    """What to do instead of what was refused: a stable name, and a sentence for people."""

    action: str
    description: str


class Answered(Struct, frozen=True, kw_only=True):
    """What a command is answered with.

    `log_index` is a receipt: the index in the log of the last event that the command recorded. None
    where it recorded nothing, and of a read.
    """

    log_index: int | None = None


class Slots(Struct, frozen=True):
    """How many deployments may be active on a license at once, and are; backups use no slot."""

    total: int
    used: int
    free: int


class ActiveHolder(Struct, frozen=True):
    """A deployment that holds a slot, since an event at a position of the ledger."""

    deployment: str
    mode: str
    since: datetime
    position: int


class BackupHolder(Struct, frozen=True):
    """A hot backup, since an event at a position; `standby_for` is whom it would replace."""

    deployment: str
    mode: str
    since: datetime
    position: int
    standby_for: str | None


class License(Answered, frozen=True, kw_only=True):
    """A license and who holds what on it.

    `status` is valid, expired, suspended or revoked; `expires_at` is None when it never expires.
    `term` rises whenever the set of active deployments changes. `backups` has the first 100 of
    `backup_count`. `position` is that of the last event that changed the license, and `as_of` the
    position that was asked about, None for now.
    """

    id: str
    product: str
    customer: str
    status: str
    expires_at: datetime | None
    term: int
    slots: Slots
    active: tuple[ActiveHolder, ...]
    backups: tuple[BackupHolder, ...]
    backup_count: int
    position: int
    as_of: int | None = None


class IssuedLicense(License, frozen=True, kw_only=True):
    """A license that was just issued, with its activation key, which is shown this once."""

    activation_key: str

    def __repr__(self) -> str:
        return f"IssuedLicense(id={self.id!r}, activation_key=<not shown>)"


class LeaseSeen(Struct, frozen=True):
    """The last lease that a deployment took; `stale` when it ran out without another."""

    seen_at: datetime
    expires_at: datetime
    stale: bool


class Deployment(Answered, frozen=True, kw_only=True):
    """A deployment, its role (active, backup or unlicensed) and its rights.

    `license`, `mode` (online or offline), `since`, `term` and `position` are None while it holds
    no role; `lease` is None when it never took one. `capabilities` says of each right, such as
    `process` or `engines.download`, whether the deployment has it.
    """

    id: str
    role: str
    license: str | None
    mode: str | None
    standby_for: str | None
    since: datetime | None
    term: int | None
    position: int | None
    capabilities: dict[str, bool]
    as_of: int | None = None
    lease: LeaseSeen | None = None

    def may(self, right: str) -> bool:
        """Whether it has a right, such as `process`; one that the server doesn't name it has not.

        What an instance decides on while the network may fail is its lease, not this.
        """
        return self.capabilities.get(right, False)


class Nomination(Answered, frozen=True):
    """A nomination that was carried out, or, as a dry run, what it would be.

    `replaced` is the former active deployment; None when a free slot was taken.
    """

    deployment: Deployment
    replaced: Deployment | None
    license: License
    position: int
    dry_run: bool


class Awaited(Struct, frozen=True):
    """Whose lease has to be over before this deployment may process, and when it is at the latest.

    `until` is None when that is not known.
    """

    deployment: str
    until: datetime | None = None


class Lease(Answered, frozen=True, kw_only=True):
    """A lease: what a deployment may do until `expires_at`, and the signed `token` that says so.

    Whoever relies on it verifies the token with the keys of `jwks()`: a JWT with EdDSA, issued by
    `hotslot` for `hotslot-node`. `term` is a fencing token: a shared resource refuses lower ones.
    """

    token: str
    deployment: str
    role: str
    license: str
    rights: frozenset[str]
    term: int
    position: int
    issued_at: datetime
    expires_at: datetime
    waits_for: Awaited | None = None

    def __repr__(self) -> str:
        return (
            f"Lease(deployment={self.deployment!r}, role={self.role!r}, term={self.term}, "
            f"expires_at={self.expires_at.isoformat()}, token=<not shown>)"
        )


class Holder(Struct, frozen=True):
    """A deployment in its role on a license, since an event at a position."""

    deployment: str
    role: str
    mode: str
    since: datetime
    position: int
    standby_for: str | None


class Moment(Struct, frozen=True):
    """The event that began or ended a tenure."""

    position: int
    at: datetime
    type: str


class Tenure(Struct, frozen=True):
    """A stretch of time in which a deployment held a role; `to` is None while it lasts."""

    license: str
    deployment: str
    role: str
    mode: str
    standby_for: str | None
    term: int
    from_: Moment = field(name="from")
    to: Moment | None


class Actor(Struct, frozen=True):
    """Who asked: a `key` or an `activation-key` with its id, or the `system`."""

    kind: str
    id: str


class Entry(Struct, frozen=True):
    """One entry of the audit trail: an event, refusals (`outcome` refused) included.

    `index` counts the entries from 0 without gaps; `data` is the event as it was recorded.
    """

    index: int
    position: int
    at: datetime
    type: str
    license: str | None
    deployment: str | None
    actor: Actor
    request_id: str
    reason: str | None
    outcome: str
    data: dict[str, Any]
    stream: str
    stream_version: int


class FieldChange(Struct, frozen=True):
    """A field of a license, such as `slots.total`, that has another value; None is none."""

    field: str
    before: str | int | None
    after: str | int | None


class HeldRole(Struct, frozen=True):
    """A role that a deployment held on a license, since an event at a position."""

    role: str
    mode: str
    since: datetime
    position: int
    standby_for: str | None


class RoleChange(Struct, frozen=True):
    """A deployment that holds another role, or the same one anew; None is none on this license."""

    deployment: str
    before: HeldRole | None
    after: HeldRole | None


class Difference(Struct, frozen=True, kw_only=True):
    """A license as of the positions `from_` and `to`, and what changed from the one to the other.

    `before` is None when the license had not been issued by then. `entries` is how many entries the
    trail has about it after `from_`, up to and with `to`, and there are more if `more_entries`.
    `next` is the cursor of the next part of `deployments`, None on the last.
    """

    license: str
    from_: int = field(name="from")
    to: int
    before: License | None
    after: License
    changes: tuple[FieldChange, ...]
    deployments: tuple[RoleChange, ...]
    entries: int
    more_entries: bool
    next: str | None


class LicenseAfter(Struct, frozen=True, kw_only=True):
    """A license as an event left it; `active` names the first 100 of `slots.used`."""

    license: str
    status: str
    expires_at: datetime | None
    term: int
    slots: Slots
    active: tuple[str, ...]
    backup_count: int


class Step(Struct, frozen=True):
    """An entry of the audit trail, and its license after it; None for what is about no license."""

    entry: Entry
    after: LicenseAfter | None


class Procedure(Struct, frozen=True):
    """The steps in which an offline backup took over, tied by their reason or trace id."""

    kind: str
    license: str
    former: str
    deployment: str
    reason: str | None
    trace_id: str | None
    began_at: datetime
    ended_at: datetime
    entries: tuple[Entry, ...]


class RefusedBefore(Struct, frozen=True):
    """What was refused on the license shortly before a failover."""

    at: datetime
    command: str
    deployment: str | None
    code: str
    detail: str


class Failover(Struct, frozen=True, kw_only=True):
    """A nomination, and how long it took until the new one served and the former was silent.

    `serving_at` is when the new one first had the right to process. `silent_at` is when the former
    one was known to process no more, and `silent_by` from what: it `stood-down`, or its
    `lease-expired`; with `no-lease` it never had one with that right, so nothing is known.
    `overlap_seconds` is the time in which both could have processed. Each is None while not known.
    `refusals` are those on the license in the ten minutes before.
    """

    position: int
    license: str
    nominated: str
    former: str | None
    term: int
    asked_at: datetime
    recorded_at: datetime
    serving_at: datetime | None
    silent_at: datetime | None
    silent_by: str | None
    overlap_seconds: float | None
    wait_for_release: bool
    reason: str | None
    actor: Actor
    refusals: tuple[RefusedBefore, ...]


class Key(Answered, frozen=True, kw_only=True):
    """An API key, without its secret. `revoked_at` is None while it is in force."""

    id: str
    role: str
    customer: str | None
    deployment: str | None
    created_at: datetime
    revoked_at: datetime | None


class CreatedKey(Key, frozen=True, kw_only=True):
    """An API key that was just made, with its secret `key`, which is shown this once."""

    key: str

    def __repr__(self) -> str:
        return f"CreatedKey(id={self.id!r}, role={self.role!r}, key=<not shown>)"


class SigningKey(Struct, frozen=True):
    """The public half (PEM) of a key that signs license files, or did.

    `status` is signing, verifying or revoked; `created_at` is None where it is not known.
    """

    id: str
    algorithm: str
    created_at: datetime | None
    status: str
    public_key: str


class InclusionProof(Struct, frozen=True, kw_only=True):
    """What proves that an entry is in the log over which a checkpoint was signed.

    `entry` is the leaf, whose bytes in UTF-8 are hashed; `checkpoint` is a signed note over `size`
    entries, and `hashes` lead from the leaf to its root (RFC 9162).
    """

    index: int
    leaf_hash: bytes
    size: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    entry: str


class ConsistencyProof(Struct, frozen=True, rename={"older": "from", "newer": "to"}):
    """What proves that the log of `newer` entries began as that of `older` ones (RFC 9162)."""

    older: int
    newer: int
    hashes: tuple[bytes, ...]


class Readiness(Struct, frozen=True):
    """That the server is ready, the ledger's last position, and how far each view has read it."""

    status: str
    ledger: int
    projections: dict[str, int]


class Page(Struct, Generic[T], frozen=True):
    """A part of a list; `next` is the cursor of the part after it, None on the last."""

    items: tuple[T, ...]
    next: str | None
