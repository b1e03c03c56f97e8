"""What a license file says, and the bytes that its signature covers.

How a file is written, signed and read is in `hotslot.licensefiles`; `docs/license-files.md` has the
format for other implementations.
"""

import hashlib
import json
from datetime import datetime

import msgspec

from hotslot.domain.events import FileEvent
from hotslot.domain.times import write_time

FORMAT = "hotslot-license-file/1"
"""The version of the format, and what is put before the signed bytes: a signature that was made
for something else never fits."""

NEVER = "never"
"""The expiry of a license that has none."""

RIGHTS = ("process", "engines.download", "engines.upload", "engines.deploy")
"""What an active deployment may do under a valid license. Format 1 knows no smaller set."""


class LicenseFile(msgspec.Struct, frozen=True, kw_only=True):
    """A license as the vendor states it, at a time, for whoever has no connection."""

    license: str
    product: str
    customer: str
    slots: int
    issued_at: datetime
    expires_at: datetime | None
    deployment: str | None = None
    """The one deployment that the file may activate; None is any."""

    def content(self) -> dict[str, str | list[str]]:
        """Everything in the file but the signature, in the file's order: text, and lists of it."""
        expires_at = NEVER if self.expires_at is None else write_time(self.expires_at)
        content: dict[str, str | list[str]] = {
            "format": FORMAT,
            "license": self.license,
            "product": self.product,
            "customer": self.customer,
            "slots": str(self.slots),
            "issued_at": write_time(self.issued_at),
            "expires_at": expires_at,
            "rights": list(RIGHTS),
        }
        if self.deployment is not None:
            content["deployment"] = self.deployment
        return content

    def signed_bytes(self) -> bytes:
        """What the signature covers."""
        return signed_bytes(self.content())

    def digest(self) -> str:
        """SHA-256 of the signed bytes, in hex: the same however the file is laid out."""
        return hashlib.sha256(self.signed_bytes()).hexdigest()


def signed_bytes(content: object) -> bytes:
    """The format's name on a line, then the content as canonical JSON.

    For objects with ASCII names, lists and text this is the form of RFC 8785.

    Raises:
        UnicodeEncodeError: a text holds half of a surrogate pair.

    """
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{FORMAT}\n{canonical}".encode()


def file_in(event: FileEvent) -> LicenseFile:
    """The file that an event tells of."""
    # The events have every field of a file, under its name.
    return LicenseFile(**{name: getattr(event, name) for name in LicenseFile.__struct_fields__})


class Presented(msgspec.Struct, frozen=True):
    """A license file whose signature was verified."""

    file: LicenseFile
    key: str
    """Id of the key that signed it."""
    own: bool
    """Signed by a key of this server, and not by a vendor's that it trusts."""
    vendor: frozenset[str] | None = None
    """Ids of all keys of the vendor that signed it, revoked ones too; None when the trusted keys
    are not told apart, and are a single vendor's."""
