"""The keys of license files, and files written and read with them, off the event loop."""

import asyncio
from pathlib import Path

import structlog

from hotslot.api.problems import ProblemError
from hotslot.domain.license_file import LicenseFile, Presented
from hotslot.licensefiles import (
    KeyFolder,
    KeyFolderError,
    Keys,
    SigningKey,
    UnreadableLicenseFileError,
    read_license_file,
    write_license_file,
)

_NO_KEYS = Keys()

_log = structlog.get_logger(__name__)


class LicenseFiles:
    """Both places of keys: those that sign here, and those of the vendors that are trusted.

    Keys are read from disk at each use, which is rare: a rotation needs no restart.
    """

    def __init__(self, signing: Path | None = None, trusted: Path | None = None) -> None:
        """Without a place there are no keys of that kind."""
        # Keys that were there and are gone are lost, or not mounted: not the same as having none.
        self._signing = None if signing is None else KeyFolder(signing, required=signing.exists())
        self._trusted = None if trusted is None else KeyFolder(trusted, trusted=True)
        # Parsing holds the interpreter: several at a time would hold up every other request.
        self._parsing = asyncio.Lock()

    async def own_keys(self) -> Keys:
        """The keys that sign here, or once did.

        Raises:
            ProblemError: 503 when they can't be read.

        """
        return await asyncio.to_thread(_keys_in, self._signing)

    async def signing_key(self) -> SigningKey:
        """The key that signs now.

        Raises:
            ProblemError: 503 when there is none, or it can't be read.

        """
        key = (await self.own_keys()).signing
        if key is None:
            raise ProblemError(
                503,
                "no-signing-key",
                "There is no signing key",
                "This server has no key to sign license files and leases with. Make one on its "
                "machine: hotslot keys generate-signing. It is used at once, without a restart.",
            )
        return key

    async def write(self, file: LicenseFile, key: SigningKey) -> str:
        """The text of a license file, signed."""
        return await asyncio.to_thread(write_license_file, file, key)

    async def read(self, text: str) -> Presented:
        """What a license file says, once its signature was verified.

        Raises:
            ProblemError: 422 for what is no license file; 503 when the keys can't be read.
            UntrustedLicenseFileError: it was tampered with, or its key doesn't count here.

        """
        async with self._parsing:
            try:
                return await asyncio.to_thread(self._read, text)
            except UnreadableLicenseFileError as error:
                raise ProblemError(
                    422,
                    "license-file-unreadable",
                    "The license file can't be read",
                    f"license_file: {error}",
                ) from None

    def _read(self, text: str) -> Presented:
        return read_license_file(text, _keys_in(self._signing), _keys_in(self._trusted))


def _keys_in(folder: KeyFolder | None) -> Keys:
    if folder is None:
        return _NO_KEYS
    try:
        return folder.read()
    except KeyFolderError as error:
        # Where keys lie is for whoever runs the server to know.
        _log.error("license-file-keys-unreadable", detail=str(error))
        raise ProblemError(
            503,
            "license-file-keys-unreadable",
            "The keys of license files can't be read",
            "The keys that license files are signed or verified with can't be read. The server's "
            "log says which, and why.",
        ) from None
