"""A folder of keys: made, rotated and revoked by files alone, so that a person can follow it.

- `*.pem` is a key. A private one may sign; public ones, and private ones, verify.
- The private key whose file's name is last signs. The others go on verifying what they signed.
- `*.pem.revoked` is a key that was revoked: what it signed is refused.
- In a folder of trusted keys, each subfolder holds the keys of one vendor, and the files beside
  the subfolders are one more vendor's.

Files whose names begin with a dot are passed over: they are being written.
"""

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hotslot.licensefiles.errors import KeyFolderError
from hotslot.licensefiles.keys import Keys, KeyStatus, ListedKey, SigningKey, key_id, public_pem
from hotslot.licensefiles.pem import read_pem

_SUFFIX = ".pem"
_REVOKED = ".revoked"
_SUFFIXES = (_SUFFIX, _SUFFIX + _REVOKED)
_NAME = "%Y%m%dT%H%M%S.%fZ"
_GENERATED = re.compile(r"([0-9]{8}T[0-9]{6}\.[0-9]{6}Z)-[A-Za-z0-9_-]{43}\.pem(?:\.revoked)?")
_MAX_BYTES = 64 * 1024
_ATTEMPTS = 5


class _Found(msgspec.Struct, frozen=True):
    """A key in a file."""

    path: Path
    id: str
    public: Ed25519PublicKey
    private: Ed25519PrivateKey | None

    @property
    def revoked(self) -> bool:
        return self.path.name.endswith(_REVOKED)

    @property
    def created_at(self) -> datetime | None:
        match = _GENERATED.fullmatch(self.path.name)
        try:
            return match and datetime.strptime(match[1], _NAME).replace(tzinfo=UTC)
        except ValueError:  # digits that are no time
            return None


class KeyFolder:
    """The keys in a folder, or in one PEM file.

    Nothing is kept in memory: every `read` shows what is on disk then. A path where nothing is
    holds no keys, unless it is `required`. Where `trusted` keys of vendors are, there have to be
    some, and subfolders tell the vendors apart.
    """

    def __init__(self, path: Path, *, required: bool = False, trusted: bool = False) -> None:
        self.path = path
        self._required = required or trusted
        self._trusted = trusted

    def read(self) -> Keys:
        """All keys that are there.

        Raises:
            KeyFolderError: a file can't be read, holds no Ed25519 key, or is open to others; or
                there is no trusted key at all, or it is unclear whose one is.

        """
        try:
            folders = self._folders()
            found = self._find(folders)
        except OSError as error:
            raise KeyFolderError.of_system(self.path, error) from error
        if self._trusted and not found:
            raise KeyFolderError(
                f"There is no key in {self.path}. Put the vendor's public key there: the names of "
                f"key files must end in {_SUFFIX}."
            )
        signing = _signing(found)
        # A key may be there twice, as a private and as a public one. Revoked once is revoked.
        by_id: dict[str, list[_Found]] = {}
        for each in found:
            by_id.setdefault(each.id, []).append(each)
        return Keys(
            None if signing is None or signing.private is None else SigningKey(signing.private),
            tuple(_listed(same, signing) for same in by_id.values()),
            _vendors(folders, found),
        )

    def generate(self, now: datetime) -> ListedKey:
        """Make a key that signs from now on; the folder is made if need be.

        Two that are made at once are both there, and one of them signs.

        Raises:
            KeyFolderError: it can't be written, or would not be the one that signs.

        """
        try:
            if self.path.is_file():
                raise KeyFolderError(
                    f"{self.path} is a single file. Name a folder to have keys made and rotated "
                    "in it (HOTSLOT_SIGNING_KEYS, --signing-keys)."
                )
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            signing = _signing(self._find([self.path]))
            key = SigningKey.generate()
            name = f"{_after(signing, now).astimezone(UTC).strftime(_NAME)}-{key.id}{_SUFFIX}"
            if signing is not None and name < signing.path.name:
                raise KeyFolderError(
                    f"A new key would not sign: by its name, {signing.path} comes last. Rename "
                    f"that file so that it comes before {name}."
                )
            self._write(name, key.private_pem())
        except OSError as error:
            raise KeyFolderError.of_system(self.path, error) from error
        return self._listed(key.id)

    def revoke(self, kid: str) -> ListedKey:
        """Have everything that this key signed refused from now on. Once revoked, it stays so.

        Raises:
            KeyFolderError: there is no such key, or its file can't be renamed.

        """
        try:
            same = [each for each in self._find([self.path]) if each.id == kid]
            for path in {each.path for each in same if not each.revoked}:
                if path == self.path:
                    raise KeyFolderError(
                        f"{path} is a single file, and no key can be revoked in it. Take the "
                        "file away, or name a folder (HOTSLOT_SIGNING_KEYS, --signing-keys)."
                    )
                self._refuse_if_shared(path, kid)
                target = path.with_name(f"{path.name}{_REVOKED}")
                if target.exists():
                    raise KeyFolderError(
                        f"{target} is there already. Rename one of the two, and revoke then."
                    )
                with contextlib.suppress(FileNotFoundError):  # somebody else was first
                    path.rename(target)
            if same:
                self._sync()
        except OSError as error:
            raise KeyFolderError.of_system(self.path, error) from error
        return self._listed(kid)

    def _folders(self) -> list[Path]:
        """The folders where keys are, the main one first."""
        if not self._trusted or not self.path.is_dir():
            return [self.path]
        return [
            self.path,
            *sorted(
                path
                for path in self.path.iterdir()
                if path.is_dir() and not _is_hidden(path) and not path.name.endswith(_SUFFIXES)
            ),
        ]

    def _find(self, folders: list[Path]) -> list[_Found]:
        """Every key in these folders, in the order of the files' names."""
        for _ in range(_ATTEMPTS):
            try:
                return [key for path in self._paths(folders) for key in _keys(path)]
            except FileNotFoundError:
                continue  # renamed since it was listed: somebody is revoking a key
        raise KeyFolderError(
            f"A file in {self.path} leads nowhere: see whether there is a broken link in it."
        )

    def _paths(self, folders: list[Path]) -> list[Path]:
        if not self.path.exists():
            revoked = self.path.with_name(f"{self.path.name}{_REVOKED}")
            if revoked.is_file():
                return [revoked]  # the one file that was named, renamed as it is in a folder
            if self._required:
                raise KeyFolderError(
                    f"There is nothing at {self.path}, where keys should be. Correct the path, or "
                    "put the keys there."
                )
            return []
        if not self.path.is_dir():
            return [self.path]
        return [path for folder in folders for path in _files(folder)]

    def _listed(self, kid: str) -> ListedKey:
        key = self.read().find(kid)
        if key is None:
            raise KeyFolderError(
                f"There is no key {kid} in {self.path}. `hotslot keys list-signing` shows those "
                "that are there."
            )
        return key

    def _refuse_if_shared(self, path: Path, kid: str) -> None:
        if any(each.id != kid for each in _keys(path)):
            raise KeyFolderError(
                f"{path} holds other keys besides {kid}, and they would be revoked with it. Put "
                "each key into a file of its own."
            )

    def _write(self, name: str, pem: bytes) -> None:
        """Write a file that is never seen half written, and that nobody else can read."""
        handle, temporary = tempfile.mkstemp(prefix=f".{name}-", dir=self.path)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(handle)
            Path(temporary).rename(self.path / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        self._sync()

    def _sync(self) -> None:
        """See to it that a rename outlasts a power cut."""
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _files(folder: Path) -> list[Path]:
    _refuse_if_others_may_write(folder)
    return sorted(
        path for path in folder.iterdir() if path.name.endswith(_SUFFIXES) and not _is_hidden(path)
    )


def _vendors(folders: list[Path], found: list[_Found]) -> tuple[frozenset[str], ...]:
    """The ids of each folder's keys, where there is more than one folder."""
    if len(folders) == 1:
        return ()
    places: dict[str, Path] = {}
    for key in found:
        if places.setdefault(key.id, key.path).parent != key.path.parent:
            raise KeyFolderError(
                f"{places[key.id]} and {key.path} hold the same key, {key.id}, and so it is "
                "unclear which vendor's it is. Keep it in that vendor's folder only."
            )
    return tuple(
        frozenset(key.id for key in found if key.path.parent == folder) for folder in folders
    )


def _keys(path: Path) -> Iterator[_Found]:
    state = path.stat()
    if not stat.S_ISREG(state.st_mode) or state.st_size > _MAX_BYTES:
        raise KeyFolderError(f"{path} is no file of keys. Take it away, or rename it.")
    _refuse_if_others_may_write(path)
    try:
        keys = read_pem(path.read_bytes())
    except ValueError as error:
        raise KeyFolderError(
            f"{path} cannot be used as a key: {error}. Replace it, or take it away."
        ) from None
    for key in keys:
        if isinstance(key, Ed25519PrivateKey):
            _refuse_if_others_may_read(path)
            yield _Found(path, key_id(key.public_key()), key.public_key(), key)
        else:
            yield _Found(path, key_id(key), key, None)


def _refuse_if_others_may_read(path: Path) -> None:
    state = path.stat()
    # A file of another owner that we are let read by our group is how secrets are mounted.
    ours = state.st_uid == os.geteuid()
    if state.st_mode & (0o077 if ours else 0o007):
        raise KeyFolderError(
            f"{path} is a private key that other users may read. Keep it to yourself "
            f"(chmod 600 {path}), and make another if somebody may have read it."
        )


def _refuse_if_others_may_write(path: Path) -> None:
    if path.stat().st_mode & 0o022:
        raise KeyFolderError(
            f"Other users may write to {path}, and so could put a key of theirs there. Close it "
            f"(chmod go-w {path}), and see whether its keys are yours."
        )


def _signing(found: list[_Found]) -> _Found | None:
    revoked = {each.id for each in found if each.revoked}
    private = [each for each in found if each.private is not None and each.id not in revoked]
    return private[-1] if private else None


def _after(signing: _Found | None, now: datetime) -> datetime:
    """Now, or just after the last key was made when the clock was set back since."""
    last = None if signing is None else signing.created_at
    return now if last is None or last < now else last + timedelta(microseconds=1)


def _listed(same: list[_Found], signing: _Found | None) -> ListedKey:
    status: KeyStatus = "verifying"
    if any(each.revoked for each in same):
        status = "revoked"
    elif signing is not None and same[0].id == signing.id:
        status = "signing"
    times = [each.created_at for each in same if each.created_at is not None]
    return ListedKey(
        id=same[0].id,
        created_at=min(times, default=None),
        status=status,
        pem=public_pem(same[0].public),
    )
