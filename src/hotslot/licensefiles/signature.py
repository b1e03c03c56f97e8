"""The signature block of a license file, and whether its signature can be trusted."""

import base64
import re

import msgspec

from hotslot.domain import refusals
from hotslot.licensefiles.errors import UnreadableLicenseFileError, UntrustedLicenseFileError
from hotslot.licensefiles.keys import Keys
from hotslot.licensefiles.tree import Tree

ALGORITHM = "ed25519"

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{43}")
_VALUE = re.compile(r"[A-Za-z0-9+/]{86}==")


class Signature(msgspec.Struct, frozen=True):
    """A signature as it stands in a file: nothing is known of its worth yet."""

    key: str
    value: bytes

    def verify(self, message: bytes, own: Keys, trusted: Keys) -> bool:
        """Return whether one of our own keys made it, or else one that we trust.

        Raises:
            UntrustedLicenseFileError: the key is not known or was revoked, or did not make it.

        """
        found = [key for keys in (own, trusted) if (key := keys.find(self.key))]
        if not found:
            raise UntrustedLicenseFileError(refusals.LicenseFileKeyUnknown(key=self.key))
        if any(key.status == "revoked" for key in found):
            raise UntrustedLicenseFileError(refusals.LicenseFileKeyRevoked(key=self.key))
        if not found[0].verify(self.value, message):
            raise UntrustedLicenseFileError(refusals.LicenseFileSignatureInvalid())
        return own.find(self.key) is not None


def read_signature(block: Tree | None) -> Signature:
    """The signature in the block of that name.

    Raises:
        UnreadableLicenseFileError: the block is missing or not of the form that it has.

    """
    if block is None:
        raise UnreadableLicenseFileError("it is not signed: the field `signature` is missing")
    if not isinstance(block, dict) or block.keys() != {"algorithm", "key", "value"}:
        raise UnreadableLicenseFileError(
            "its `signature` does not consist of `algorithm`, `key` and `value`"
        )
    if block["algorithm"] != ALGORITHM:
        raise UnreadableLicenseFileError(
            f"its signature has another algorithm than {ALGORITHM!r}, the only one there is"
        )
    key, value = block["key"], block["value"]
    if not isinstance(key, str) or not _KEY_ID.fullmatch(key):
        raise UnreadableLicenseFileError("the `key` of its signature is no key id")
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise UnreadableLicenseFileError(
            "the `value` of its signature is not 88 characters of base64"
        )
    decoded = base64.b64decode(value, validate=True)
    # The last digit stands for two bits and has room for six: one form only is the right one.
    if write_value(decoded) != value:
        raise UnreadableLicenseFileError("the `value` of its signature is not canonical base64")
    return Signature(key, decoded)


def write_value(signature: bytes) -> str:
    """The signature as it stands in a file."""
    return base64.b64encode(signature).decode()
