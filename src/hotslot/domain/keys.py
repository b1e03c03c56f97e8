"""API keys: their life, and the decisions on it."""

from datetime import datetime
from enum import StrEnum

import msgspec

from hotslot.domain import refusals
from hotslot.domain.events import KeyCreated, KeyRevoked, Recorded
from hotslot.domain.license import Decision


class KeyRole(StrEnum):
    """What an API key may do."""

    ADMIN = "admin"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    NODE = "node"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, known by the SHA-256 of its secret."""

    id: str
    role: KeyRole
    customer: str | None
    deployment: str | None
    sha256: str
    created_at: datetime
    revoked_at: datetime | None = None


def evolve(key: Key | None, recorded: Recorded) -> Key | None:
    """The key after one more event of its stream."""
    match recorded.event:
        case KeyCreated() as created:
            return Key(
                id=created.key,
                role=KeyRole(created.role),
                customer=created.customer,
                deployment=created.deployment,
                sha256=created.sha256,
                created_at=recorded.context.at,
            )
        case KeyRevoked():
            assert key is not None
            return msgspec.structs.replace(key, revoked_at=recorded.context.at)
        case event:
            raise AssertionError(event)


def create(existing: Key | None, created: KeyCreated) -> Decision:
    """Make a key under an id that was never used."""
    if existing is not None:
        return refusals.KeyAlreadyExists(key=created.key)
    return (created,)


def revoke(key: Key) -> Decision:
    """End a key for good."""
    return () if key.revoked_at is not None else (KeyRevoked(key=key.id),)
