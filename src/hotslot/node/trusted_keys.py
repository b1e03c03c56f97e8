"""The keys that leases have to be signed with: carried here, or those of the first contact."""

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hotslot.licensefiles import KeyFolder, KeyFolderError, Keys
from hotslot.licensefiles.keys import key_id, public_pem
from hotslot.node.atomic_file import write_private
from hotslot.node.backend import LeaseSource
from hotslot.node.lease import LeaseRefusedError

_log = structlog.get_logger(__name__)


class TrustedKeys:
    """Public keys in a folder, read anew at each use: rotation and revocation need no restart."""

    def __init__(self, given: Path | None, own: Path) -> None:
        """With a `given` place its keys alone count. Else they are kept in the `own` folder.

        An empty folder of its own takes the keys that the backend shows first, and no others ever.

        Raises:
            KeyFolderError: keys are given, and can't be read.

        """
        self._path = given or own
        self._folder = KeyFolder(self._path, required=given is not None)
        self._takes_first = given is None
        if given is not None:
            self.read()

    def read(self) -> Keys:
        """All that are there now.

        Raises:
            KeyFolderError: they can't be read.

        """
        return self._folder.read()

    def find(self, kid: str) -> Ed25519PublicKey:
        """The key of this id.

        Raises:
            LeaseRefusedError: it is not trusted, or the keys can't be read.

        """
        try:
            keys = self.read()
        except KeyFolderError as error:
            raise LeaseRefusedError(f"the trusted keys can't be read: {error}") from None
        listed = keys.find(kid)
        if listed is None:
            raise LeaseRefusedError(
                f"it is signed with the key {kid}, which is not trusted here. If the vendor has a "
                f"new key, put its public half into {self._path}"
            )
        if listed.status == "revoked":
            raise LeaseRefusedError(f"it is signed with the key {kid}, which was revoked")
        key = load_pem_public_key(listed.pem.encode())
        assert isinstance(key, Ed25519PublicKey)
        return key

    async def find_or_take(self, kid: str, backend: LeaseSource) -> Ed25519PublicKey:
        """The key of this id; at the first contact, the backend is asked for its keys.

        Raises:
            LeaseRefusedError: it is not trusted, or the keys can't be read.
            Exception: whatever asking the backend raises.

        """
        if self._takes_first and await asyncio.to_thread(self._is_empty):
            await self._take(await backend.jwks())
        return await asyncio.to_thread(self.find, kid)

    def _is_empty(self) -> bool:
        try:
            return not self.read().listed
        except KeyFolderError:
            return False  # `find` says what is wrong

    async def _take(self, jwks: Mapping[str, Any]) -> None:
        keys = list(_keys(jwks))
        if not keys:
            raise LeaseRefusedError("the backend shows no key to verify leases with")
        try:
            await asyncio.to_thread(self._write, keys)
        except OSError as error:
            raise LeaseRefusedError(
                f"the backend's keys can't be kept in {self._path}: {error.strerror}"
            ) from None
        _log.info("keys-trusted-on-first-use", keys=[key_id(key) for key in keys])

    def _write(self, keys: list[Ed25519PublicKey]) -> None:
        self._path.mkdir(mode=0o700, exist_ok=True)
        # In one file: half of them would look like all of them after a crash.
        pem = "".join(public_pem(key) for key in keys)
        write_private(self._path / "first-contact.pem", pem.encode())


def _keys(jwks: Mapping[str, Any]) -> list[Ed25519PublicKey]:
    listed = jwks.get("keys")
    if not isinstance(listed, list):
        return []
    return [key for each in listed if (key := _key(each)) is not None]


def _key(jwk: object) -> Ed25519PublicKey | None:
    """The key, or None for one of another kind."""
    match jwk:
        case {"kty": "OKP", "crv": "Ed25519", "x": str(x)}:
            try:
                return Ed25519PublicKey.from_public_bytes(
                    base64.urlsafe_b64decode(x + "=" * (-len(x) % 4))
                )
            except ValueError:
                return None
    return None
