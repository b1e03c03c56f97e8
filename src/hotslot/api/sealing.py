"""Closes a secret so that only the client that was given it can have it again.

A request that is repeated under its Idempotency-Key gets its first answer, and that may hold a new
key. The secret is kept encrypted under the credential and the Idempotency-Key of the request, and
neither of them is stored.
"""

import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12  # as AES-GCM wants it (NIST SP 800-38D, 5.2.1.1)


def _cipher(credential: str, idempotency_key: str) -> AESGCM:
    # HKDF, RFC 5869. The credential is random and long, so no salt is needed.
    kdf = HKDF(SHA256(), length=32, salt=None, info=b"hotslot answer " + idempotency_key.encode())
    return AESGCM(kdf.derive(credential.encode()))


def seal(secret: str, credential: str, idempotency_key: str) -> bytes:
    """Close a secret."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    cipher = _cipher(credential, idempotency_key)
    return nonce + cipher.encrypt(nonce, secret.encode(), None)


def unseal(sealed: bytes, credential: str, idempotency_key: str) -> str:
    """Open a secret.

    Raises:
        cryptography.exceptions.InvalidTag: credential or key are not those it was closed with.

    """
    cipher = _cipher(credential, idempotency_key)
    return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None).decode()
