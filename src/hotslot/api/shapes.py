"""The JSON shapes of the answers. The OpenAPI document is made from them."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from hotslot.domain.events import Actor, Role
from hotslot.domain.license import Status
from hotslot.domain.remedies import Remedy
from hotslot.domain.times import write_time

Time = Annotated[
    str, Meta(description="RFC 3339, UTC, microseconds.", extra_json_schema={"format": "date-time"})
]
Hash = Annotated[str, Meta(description="A SHA-256 in base64.")]
Position = Annotated[int, Meta(description="A place in the one order of the ledger.")]
AsOf = Annotated[
    int | None, Meta(description="The position that the answer is as of; null for now.")
]


def write_time_or_null(value: datetime | None) -> str | None:
    """A time that may be missing, as the API writes it."""
    return None if value is None else write_time(value)


class Slots(Struct):
    """The slots of a license; backups use none."""

    total: int
    used: int
    free: int


class ActiveHolder(Struct):
    """A deployment that holds a slot, since an event at a position."""

    deployment: str
    mode: str
    since: Time
    position: Position


class BackupHolder(Struct):
    """A hot backup, since an event at a position."""

    deployment: str
    mode: str
    since: Time
    position: Position
    standby_for: str | None


class License(Struct, kw_only=True):
    """A license and who holds what on it; `backups` has the first 100 of `backup_count`."""

    id: str
    product: str
    customer: str
    status: Status
    expires_at: Time | None
    term: int
    slots: Slots
    active: list[ActiveHolder]
    backups: list[BackupHolder]
    backup_count: int
    position: Position
    as_of: Position | None = None


class IssuedLicense(License, kw_only=True):
    """A license that was just issued, with its activation key, which is shown this once."""

    activation_key: str


class Licenses(Struct):
    """A page of licenses; `next` is the cursor of the next page, null on the last."""

    licenses: list[License]
    next: str | None
    as_of: AsOf = None


class Capabilities(
    msgspec.Struct,
    rename={
        "engines_download": "engines.download",
        "engines_upload": "engines.upload",
        "engines_deploy": "engines.deploy",
        "settings_modify": "settings.modify",
        "settings_import": "settings.import",
    },
):
    """What a deployment may do now."""

    process: bool
    engines_download: bool
    engines_upload: bool
    engines_deploy: bool
    settings_modify: bool
    settings_import: bool
    administer: bool


class LeaseSeen(Struct):
    """When a deployment took its newest lease, and when that one ends; `stale` if it has."""

    seen_at: Time
    expires_at: Time
    stale: bool


class Awaited(Struct):
    """Who processed before and may do so still: until then, unless it says that it has stopped."""

    deployment: str
    until: Time


class Lease(Struct, kw_only=True):
    """A lease; `token` says the same, signed, as a JSON Web Token."""

    token: Annotated[str, Meta(description="Signed with a key of `/.well-known/jwks.json`.")]
    deployment: str
    role: Annotated[Role, Meta(description="`active` or `backup`.")]
    license: str
    rights: Annotated[
        list[str], Meta(description="The names of the capabilities that are true while it lasts.")
    ]
    term: Annotated[int, Meta(description="With the license, the fencing number.")]
    position: Annotated[int, Meta(description="The last event when it was given.")]
    issued_at: Time
    expires_at: Time
    waits_for: Awaited | None


class Deployment(Struct, kw_only=True):
    """A deployment, its role and its rights."""

    id: str
    role: str
    license: str | None
    mode: str | None
    standby_for: str | None
    since: Time | None
    term: int | None
    position: Position | None
    capabilities: Capabilities
    lease: Annotated[
        LeaseSeen | msgspec.UnsetType,
        Meta(description="Its newest lease on this license, if it ever took one."),
    ] = msgspec.UNSET
    as_of: Position | None = None


class Nomination(Struct):
    """A nomination that was carried out, or, as a dry run, what it would be."""

    deployment: Deployment
    replaced: Deployment | None
    license: License
    position: Position
    dry_run: bool


class Holder(Struct):
    """A deployment in its role on a license."""

    deployment: str
    role: str
    mode: str
    since: Time
    position: Position
    standby_for: str | None
    lease: Annotated[
        LeaseSeen | msgspec.UnsetType,
        Meta(description="Its newest lease on this license, if it ever took one; only as of now."),
    ] = msgspec.UNSET


class Holders(Struct):
    """A page of deployments that hold a role on a license."""

    deployments: list[Holder]
    next: str | None
    as_of: AsOf = None


class Moment(Struct):
    """The event that began or ended a tenure."""

    position: Position
    at: Time
    type: str


class Tenure(Struct, rename={"from_": "from"}):
    """A stretch of time in which a deployment held a role; `to` is null while it lasts."""

    license: str
    deployment: str
    role: str
    mode: str
    standby_for: str | None
    term: int
    from_: Moment
    to: Moment | None


class Tenures(Struct):
    """A page of tenures, oldest first."""

    tenures: list[Tenure]
    next: str | None
    as_of: AsOf = None


class Key(Struct, kw_only=True):
    """An API key, without its secret."""

    id: str
    role: str
    customer: str | None
    deployment: str | None
    created_at: Time
    revoked_at: Time | None


class CreatedKey(Key, kw_only=True):
    """An API key that was just made, with its secret, which is shown this once."""

    key: str


class Keys(Struct):
    """A page of API keys."""

    keys: list[Key]
    next: str | None
    as_of: AsOf = None


class Signature(Struct):
    """Ed25519, by a key of `/v1/signing-keys`; docs/license-files.md says of which bytes."""

    algorithm: Literal["ed25519"]
    key: str
    value: str


class LicenseFile(Struct, kw_only=True):
    """A license file: YAML in which every value is text."""

    format: Literal["hotslot-license-file/1"]
    license: str
    product: str
    customer: str
    slots: Annotated[str, Meta(pattern="^[0-9]+$")]
    issued_at: Time
    expires_at: Annotated[str, Meta(description="As `issued_at`, or `never`.")]
    rights: list[str]
    deployment: Annotated[
        str | msgspec.UnsetType, Meta(description="The one that it may activate, if any.")
    ] = msgspec.UNSET
    signature: Signature


class SigningKey(Struct):
    """A key that signs license files, or did; `created_at` is null where it is not known."""

    id: str
    algorithm: Literal["ed25519"]
    created_at: Time | None
    status: Literal["signing", "verifying", "revoked"]
    public_key: Annotated[str, Meta(description="SubjectPublicKeyInfo in PEM.")]


class SigningKeys(Struct):
    """All keys of license files; one of them signs, the others only verify, unless revoked."""

    keys: list[SigningKey]


class WebKey(Struct):
    """A public key as RFC 8037 has it."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: Annotated[str, Meta(description="The thumbprint of RFC 7638.")]
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class WebKeys(Struct):
    """The keys of license files that are in force, as RFC 7517 has it."""

    keys: list[WebKey]


class Entry(Struct):
    """One entry of the audit trail: an event, refusals included."""

    index: int
    position: Position
    at: Time
    type: str
    license: str | None
    deployment: str | None
    actor: Actor
    request_id: str
    reason: str | None
    outcome: str
    data: msgspec.Raw
    stream: str
    stream_version: int


class Entries(Struct):
    """A page of the audit trail, newest last."""

    entries: list[Entry]
    next: str | None
    as_of: AsOf = None


class InclusionProof(Struct):
    """What proves that an entry is in the record, with the entry itself and a checkpoint."""

    index: int
    leaf_hash: Hash
    size: Annotated[int, Meta(description="Entries that the checkpoint is over.")]
    hashes: list[Hash]
    checkpoint: Annotated[str, Meta(description="A signed note.")]
    entry: Annotated[str, Meta(description="The leaf: its bytes in UTF-8 are what is hashed.")]


class ConsistencyProof(Struct, rename={"from_": "from"}):
    """What proves that the record of one size began as that of a smaller one."""

    from_: int
    to: int
    hashes: list[Hash]


class Problem(Struct, kw_only=True, omit_defaults=True):
    """What went wrong, as RFC 9457 has it; a refusal names its remedies in the order to try."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    remedies: list[Remedy] | msgspec.UnsetType = msgspec.UNSET
    errors: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
