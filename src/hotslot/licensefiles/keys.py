"""Ed25519 keys: what signs license files, and what they are verified with."""

import base64
import hashlib
import json
from datetime import datetime
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

KeyStatus = Literal["signing", "verifying", "revoked"]
"""`signing`: new files are signed with it. `verifying`: files that it signed still hold."""


class SigningKey:
    """A private key, and the id that its public key is known by."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.id = key_id(private.public_key())

    def __repr__(self) -> str:
        return f"SigningKey({self.id!r})"

    @classmethod
    def generate(cls) -> "SigningKey":
        """Make a new one."""
        return cls(Ed25519PrivateKey.generate())

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes: always the same for the same message."""
        return self._private.sign(message)

    def public_pem(self) -> str:
        """The public key, for others to verify with."""
        return public_pem(self._private.public_key())

    def private_pem(self) -> bytes:
        """The key itself (PKCS #8, not encrypted): a secret."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class ListedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key and what it is good for."""

    id: str
    created_at: datetime | None
    """When Hotslot made it; None for a key from elsewhere."""
    status: KeyStatus
    pem: str
    """The public key (SubjectPublicKeyInfo)."""

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made the signature of that message."""
        try:
            _loaded(self.pem).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Keys(msgspec.Struct, frozen=True):
    """The keys of one place, as they stood when it was read."""

    signing: SigningKey | None = None
    """The key that signs, if there is one."""
    listed: tuple[ListedKey, ...] = ()
    """All of them, revoked ones too, the oldest first."""
    vendors: tuple[frozenset[str], ...] = ()
    """The ids of each vendor's keys; none when all keys are a single vendor's."""

    def find(self, kid: str) -> ListedKey | None:
        """The key of this id."""
        return next((key for key in self.listed if key.id == kid), None)

    def vendor_of(self, kid: str) -> frozenset[str] | None:
        """The ids of all keys of this key's vendor, or None when they are not told apart."""
        return next((vendor for vendor in self.vendors if kid in vendor), None)


def jwks(keys: Keys) -> dict[str, list[dict[str, str]]]:
    """The keys as a JSON Web Key Set (RFC 7517, RFC 8037). Revoked ones are left out."""
    return {
        "keys": [
            {
                **_jwk(_loaded(key.pem)),
                "kid": key.id,
                "use": "sig",
                "alg": "EdDSA",
            }
            for key in keys.listed
            if key.status != "revoked"
        ]
    }


def key_id(public: Ed25519PublicKey) -> str:
    """The JWK thumbprint of RFC 7638: 43 characters of base64url."""
    canonical = json.dumps(_jwk(public), sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def public_pem(public: Ed25519PublicKey) -> str:
    """The key as SubjectPublicKeyInfo in PEM."""
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _loaded(pem: str) -> Ed25519PublicKey:
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, Ed25519PublicKey)
    return key


def _jwk(public: Ed25519PublicKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public.public_bytes_raw())}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
