"""The key that signs checkpoints: found, made at the first start, and missed when it is lost."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import structlog
from psycopg import Connection

from hotslot.checkpoints.note import Verifier
from hotslot.checkpoints.store import LAST, LEDGER
from hotslot.licensefiles import KeyFolder, KeyFolderError, SigningKey

# Several servers that start together make one key: the lock is that of `store.TRY_LOCK`.
LOCK = "SELECT pg_advisory_xact_lock(7305816410938444)"

_log = structlog.get_logger(__name__)


class LogKeyError(Exception):
    """There is no key to sign checkpoints with, or it can't be read."""


class LogKeys:
    """The folder of the log's keys. It is read at each use: a rotation needs no restart."""

    def __init__(self, path: Path | None = None, origin: str | None = None) -> None:
        """Without a path there are no keys. `origin` None is the ledger's own."""
        self.origin = origin
        self._folder = None if path is None else KeyFolder(path, required=True)

    async def signing(self) -> SigningKey:
        """The key that signs now.

        Raises:
            LogKeyError: there is none, or it can't be read.

        """
        return await asyncio.to_thread(_signing, self._found())

    async def verifiers(self, origin: str) -> list[Verifier]:
        """The public keys of all that are not revoked, the newest first.

        Raises:
            LogKeyError: they can't be read.

        """
        return await asyncio.to_thread(_verifiers, self._found(), origin)

    async def hold(self, vkey: str, origin: str) -> bool:
        """Whether a verifier key is that of one of the keys, revoked or not.

        Raises:
            LogKeyError: they can't be read.

        """
        return vkey in map(str, await asyncio.to_thread(_listed, self._found(), origin))

    def _found(self) -> KeyFolder:
        if self._folder is None:
            raise LogKeyError("This process was given no keys of the log.")
        return self._folder


def ensure_key(dsn: str, path: Path, origin: str | None) -> Verifier | None:
    """Make the first key of a log that has none; returns it then.

    A key that signed is never replaced unasked: auditors would hold one that nothing fits anymore.
    The checkpoints must be installed. `origin` None is the ledger's own.

    Raises:
        LogKeyError: the key that has signed checkpoints is gone, or the folder can't be used.

    """
    folder = KeyFolder(path)
    with Connection.connect(dsn) as connection:
        connection.execute(LOCK)
        last = connection.execute(LAST).fetchone()
        former = None if last is None else str(last[4])
        name = origin or origin_of(str((connection.execute(LEDGER).fetchone() or ("",))[0]))
        try:
            signing = folder.read().signing
            if signing is None and former is None:
                folder.generate(datetime.now(UTC))
                return Verifier.of_pem(name, _signing(folder).public_pem())
        except KeyFolderError as error:
            raise LogKeyError(str(error)) from error
    if signing is None:
        raise LogKeyError(
            f"There is no private key in {path}, and the checkpoints of this ledger were signed "
            f"with one, last with {former}. Put that folder back from its backup, or name the "
            "place where it is. If the key is lost, make another with `hotslot keys "
            f"generate-signing --signing-keys {path}`, and tell every auditor of the new verifier "
            "key and why it changed: `hotslot audit key` shows it."
        )
    present = str(Verifier.of_pem(name, signing.public_pem()))
    if former is not None and former != present:
        tell_of_change(former, present)
    return None


def tell_of_change(former: str, present: str) -> None:
    """Log that checkpoints are signed by another key from now on."""
    _log.warning(
        "log-key-changed",
        former=former,
        present=present,
        detail="Auditors who hold the former key reject what the present one signs, until they "
        "are told of it. If nobody changed it, find out where this key comes from.",
    )


def origin_of(ledger: str) -> str:
    """The log's name unless told otherwise, by the ledger's UUID."""
    return f"hotslot/{ledger}"


def _verifiers(folder: KeyFolder, origin: str) -> list[Verifier]:
    return [key for key, status in _listed(folder, origin).items() if status != "revoked"]


def _listed(folder: KeyFolder, origin: str) -> dict[Verifier, str]:
    try:
        listed = folder.read().listed
    except KeyFolderError as error:
        raise LogKeyError(str(error)) from error
    return {Verifier.of_pem(origin, key.pem): key.status for key in listed[::-1]}


def _signing(folder: KeyFolder) -> SigningKey:
    try:
        key = folder.read().signing
    except KeyFolderError as error:
        raise LogKeyError(str(error)) from error
    if key is None:
        raise LogKeyError(f"There is no private key in {folder.path} that is not revoked.")
    return key
