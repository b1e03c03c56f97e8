"""The Python client: `Hotslot`, and `AsyncHotslot` with the same methods for `await`.

It needs httpx and msgspec, and nothing else of Hotslot. docs/integrating.md shows it at work.
"""

from hotslot.client.awaiting import AsyncHotslot
from hotslot.client.blocking import Hotslot
from hotslot.client.errors import HotslotError, OutOfReach, Refused, Unreadable
from hotslot.client.results import (
    Actor,
    ConsistencyProof,
    CreatedKey,
    Deployment,
    Difference,
    Entry,
    Failover,
    FieldChange,
    HeldRole,
    Holder,
    InclusionProof,
    IssuedLicense,
    Key,
    Lease,
    License,
    LicenseAfter,
    Nomination,
    Procedure,
    Readiness,
    Remedy,
    RoleChange,
    SigningKey,
    Step,
    Tenure,
)

__all__ = [
    "Actor",
    "AsyncHotslot",
    "ConsistencyProof",
    "CreatedKey",
    "Deployment",
    "Difference",
    "Entry",
    "Failover",
    "FieldChange",
    "HeldRole",
    "Holder",
    "Hotslot",
    "HotslotError",
    "InclusionProof",
    "IssuedLicense",
    "Key",
    "Lease",
    "License",
    "LicenseAfter",
    "Nomination",
    "OutOfReach",
    "Procedure",
    "Readiness",
    "Refused",
    "Remedy",
    "RoleChange",
    "SigningKey",
    "Step",
    "Tenure",
    "Unreadable",
]
