"""A backend that gives what a test wants it to: leases good and bad, refusals, silence."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hotslot.client import Lease, Refused
from hotslot.licensefiles.keys import key_id

ALL_RIGHTS = [
    "process",
    "engines.download",
    "engines.upload",
    "engines.deploy",
    "settings.modify",
    "settings.import",
    "administer",
]
BACKUP_RIGHTS = ALL_RIGHTS[1:]
START = 1_700_000_000.0
"""The backend's own clock: another than the node's, and the node must not care."""


def refused(code: str, detail: str = "It is so.", status: int = 409) -> Refused:
    """A refusal as the client raises it."""
    return Refused({"code": code, "detail": detail, "status": status})


@dataclass
class StubBackend:
    """What the backend knows of one deployment, and the calls that it was asked."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    license: str = "acme"
    role: str = "active"
    rights: list[str] = field(default_factory=lambda: list(ALL_RIGHTS))
    term: int = 3
    position: int = 17
    seconds: float = 60.0
    now: float = START
    waits_for: dict[str, str] | None = None
    has_credential: bool = True
    trouble: list[Exception] = field(default_factory=list)
    """Raised instead of an answer, in turn."""
    refuses: Exception | None = None
    """Raised instead of every answer."""
    asked: list[bool] = field(default_factory=list)
    """What each lease call said about processing."""
    jwks_calls: int = 0
    before_answer: Callable[[], Awaitable[None]] | None = None

    def as_backup(self) -> None:
        self.role, self.rights = "backup", list(BACKUP_RIGHTS)

    def claims(self, deployment: str, **changed: Any) -> dict[str, Any]:
        self.now += 0.001
        claims = {
            "iss": "hotslot",
            "aud": "hotslot-node",
            "sub": deployment,
            "license": self.license,
            "role": self.role,
            "rights": self.rights,
            "term": self.term,
            "position": self.position,
            "iat": self.now,
            "exp": self.now + self.seconds,
        }
        return {name: value for name, value in (claims | changed).items() if value is not ...}

    def token(
        self,
        deployment: str,
        *,
        signed_by: Ed25519PrivateKey | None = None,
        kid: str | None = None,
        **changed: Any,
    ) -> str:
        return jwt.encode(
            self.claims(deployment, **changed),
            signed_by or self.key,
            algorithm="EdDSA",
            headers={"kid": kid or key_id((signed_by or self.key).public_key())},
        )

    def answer(self, deployment: str) -> dict[str, Any]:
        """The answer of the lease call, as JSON."""
        at = "2023-11-14T22:13:20.000000Z"
        said: dict[str, Any] = {
            "deployment": deployment,
            "role": self.role,
            "license": self.license,
        }
        said |= {"rights": self.rights, "term": self.term, "position": self.position}
        said |= {"issued_at": at, "expires_at": at, "waits_for": self.waits_for}
        return {"token": self.token(deployment), **said}

    async def lease(self, deployment: str, *, processing: bool) -> Lease:
        self.asked.append(processing)
        answer = self.answer(deployment)
        if self.before_answer is not None:
            await self.before_answer()
        if self.trouble:
            raise self.trouble.pop(0)
        if self.refuses is not None:
            raise self.refuses
        return msgspec.convert(answer, Lease)

    async def jwks(self) -> dict[str, Any]:
        self.jwks_calls += 1
        raw = self.key.public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        kid = key_id(self.key.public_key())
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA"}]}


async def never() -> None:
    """An answer that does not come."""
    await asyncio.Event().wait()
