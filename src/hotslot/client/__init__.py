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
    Entry,
    Failover,
    Holder,
    InclusionProof,
    IssuedLicense,
    Key,
    Lease,
    License,
    Nomination,
    Procedure,
    Readiness,
    Remedy,
    SigningKey,
    Tenure,
)

__all__ = [
    "Actor",
    "AsyncHotslot",
    "ConsistencyProof",
    "CreatedKey",
    "Deployment",
    "Entry",
    "Failover",
    "Holder",
    "Hotslot",
    "HotslotError",
    "InclusionProof",
    "IssuedLicense",
    "Key",
    "Lease",
    "License",
    "Nomination",
    "OutOfReach",
    "Procedure",
    "Readiness",
    "Refused",
    "Remedy",
    "SigningKey",
    "Tenure",
    "Unreadable",
]
