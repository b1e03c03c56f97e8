"""How a license file is read: nothing in it counts before its signature was verified."""

from hotslot.domain.license_file import Presented, signed_bytes
from hotslot.licensefiles.keys import Keys
from hotslot.licensefiles.schema import check_format, read_content
from hotslot.licensefiles.signature import read_signature
from hotslot.licensefiles.tree import read_tree


def read_license_file(text: str | bytes, own: Keys, trusted: Keys) -> Presented:
    """The file, whose signature one of our `own` keys made, or a `trusted` one of a vendor.

    A key that is among both counts as our own.

    Raises:
        UnreadableLicenseFileError: it is no license file of this format.
        UntrustedLicenseFileError: its signature can't be trusted.

    """
    content = read_tree(text)
    signature = read_signature(content.pop("signature", None))
    # Which bytes are signed is up to the format, and so it is looked at first.
    check_format(content)
    is_own = signature.verify(signed_bytes(content), own, trusted)
    vendor = None if is_own else trusted.vendor_of(signature.key)
    return Presented(read_content(content), signature.key, is_own, vendor)
