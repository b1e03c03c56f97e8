"""A lease, and the signed token that it is given as."""

from datetime import datetime

import jwt
import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hotslot.domain.events import Role
from hotslot.licensefiles import SigningKey

ISSUER = "hotslot"
AUDIENCE = "hotslot-node"
ALGORITHM = "EdDSA"


class Awaited(msgspec.Struct, frozen=True):
    """Whose lease has to end first, and when it does unless that one stops before."""

    deployment: str
    until: datetime


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment may do until a time."""

    deployment: str
    license: str
    role: Role
    rights: tuple[str, ...]
    term: int
    position: int
    """The last event of the ledger when it was given."""
    issued_at: datetime
    expires_at: datetime
    waits_for: Awaited | None


class Signer:
    """Makes tokens with one key."""

    def __init__(self, key: SigningKey) -> None:
        self._headers = {"kid": key.id}
        self._key = load_pem_private_key(key.private_pem(), None)

    def token(self, lease: Lease) -> str:
        """The lease as a JSON Web Token, signed with Ed25519."""
        issued = lease.issued_at.timestamp()
        # As a difference of numbers, the length is exact: rounding each would make it longer.
        length = (lease.expires_at - lease.issued_at).total_seconds()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": lease.deployment,
            "license": lease.license,
            "role": lease.role,
            "rights": lease.rights,
            "term": lease.term,
            "position": lease.position,
            "iat": issued,
            "exp": issued + length,
        }
        return jwt.encode(claims, self._key, ALGORITHM, self._headers)  # type: ignore[arg-type]
