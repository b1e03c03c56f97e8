"""License files: a license as YAML that a person can read, signed to be trusted offline.

`docs/license-files.md` explains the format for other implementations. The parts:

- `keys` are what signs and verifies; `pem` reads them, and `key_folder` keeps, rotates and revokes
  them in files.
- `writing` makes the text of a file.
- `reading` is its reverse, in three steps: `tree` takes the YAML apart under limits, `signature`
  finds out whether it can be trusted, and only then `schema` says what it means.
"""

from hotslot.licensefiles.errors import (
    KeyFolderError,
    UnreadableLicenseFileError,
    UntrustedLicenseFileError,
)
from hotslot.licensefiles.key_folder import KeyFolder
from hotslot.licensefiles.keys import Keys, ListedKey, SigningKey, jwks
from hotslot.licensefiles.reading import read_license_file
from hotslot.licensefiles.writing import write_license_file

__all__ = [
    "KeyFolder",
    "KeyFolderError",
    "Keys",
    "ListedKey",
    "SigningKey",
    "UnreadableLicenseFileError",
    "UntrustedLicenseFileError",
    "jwks",
    "read_license_file",
    "write_license_file",
]
