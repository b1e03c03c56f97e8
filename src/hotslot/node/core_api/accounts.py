"""The users of an instance, and their passwords, hashed with scrypt."""

import hashlib
import hmac
import secrets
import time
from pathlib import Path
from typing import Literal

import msgspec
import structlog
from pydantic import SecretStr

from hotslot.node.atomic_file import write_private

ADMIN, READER = "admin", "reader"
VERSION = 1

# The cost that OWASP's cheat sheet on storing passwords has for 32 MiB.
_N, _R, _P = 1 << 15, 8, 3
_MEMORY = 64 << 20

_log = structlog.get_logger(__name__)


class User(msgspec.Struct, frozen=True):
    """Who asks, and whether they may change anything."""

    name: str
    kind: Literal["admin", "read-only"]


class _Hashed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    salt: bytes
    scrypt: bytes
    n: int
    r: int
    p: int

    @classmethod
    def of(cls, password: str) -> "_Hashed":
        salt = secrets.token_bytes(16)
        return cls(salt=salt, scrypt=_scrypt(password, salt, _N, _R, _P), n=_N, r=_R, p=_P)

    @classmethod
    def of_nothing(cls) -> "_Hashed":
        """What no password fits, and takes as long to find out."""
        random = secrets.token_bytes
        return cls(salt=random(16), scrypt=random(32), n=_N, r=_R, p=_P)

    def fits(self, password: str) -> bool:
        found = _scrypt(password, self.salt, self.n, self.r, self.p)
        return hmac.compare_digest(found, self.scrypt)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    admin: _Hashed


class Accounts:
    """One administrator, kept on disk, and while a password for it is set, one who only reads."""

    def __init__(
        self,
        path: Path,
        *,
        admin_password: SecretStr | None,
        reader_password: SecretStr | None,
    ) -> None:
        """Read who the administrator is. At the first start, and with another password, it is made.

        Raises:
            OSError: the file can't be read, written or put aside.

        """
        self._path = path
        self.new_password: str | None = None
        """The administrator's, when it was made up just now: show it, it is kept nowhere."""
        given = None if admin_password is None else admin_password.get_secret_value()
        admin = self._read()
        if admin is None or (given is not None and not admin.fits(given)):
            if given is None:
                given = self.new_password = secrets.token_urlsafe(18)
            admin = _Hashed.of(given)
            write_private(path, msgspec.json.encode(_File(VERSION, admin)))
        self._hashed = {ADMIN: (User(ADMIN, "admin"), admin)}
        if reader_password is not None:
            self._hashed[READER] = (
                User(READER, "read-only"),
                _Hashed.of(reader_password.get_secret_value()),
            )
        self._nobody = _Hashed.of_nothing()

    def check(self, name: str, password: str) -> User | None:
        """The user, if there is one of this name with this password. It takes a while: a thread."""
        user, hashed = self._hashed.get(name, (None, self._nobody))
        return user if hashed.fits(password) else None

    def _read(self) -> _Hashed | None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            file = msgspec.json.decode(data, type=_File)
            if file.version == VERSION:
                return file.admin
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        aside = self._path.with_name(f"{self._path.name}.broken-{time.time_ns()}")
        self._path.rename(aside)
        _log.error("users-damaged", file=str(aside), detail="The admin gets a new password.")
        return None


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=32)
