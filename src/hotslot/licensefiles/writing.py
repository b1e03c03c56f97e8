"""How a license file is written: YAML that a person can read, and every reader takes alike."""

from hotslot.domain.license_file import LicenseFile
from hotslot.licensefiles.keys import SigningKey
from hotslot.licensefiles.signature import ALGORITHM, write_value

_HEAD = """\
# A license file of Hotslot. Hand it on as it is: its signature covers every
# value in it, and a file with a changed value is refused.
"""
_MAX_SHORT = 0xFFFF


def write_license_file(file: LicenseFile, key: SigningKey) -> str:
    """The text of the file, signed with that key: always the same for the same file and key."""
    lines = []
    for name, value in file.content().items():
        if isinstance(value, list):
            lines += [f"{name}:", *(f"  - {_quoted(item)}" for item in value)]
        else:
            lines.append(f"{name}: {_quoted(value)}")
    lines += [
        "signature:",
        f"  algorithm: {_quoted(ALGORITHM)}",
        f"  key: {_quoted(key.id)}",
        f"  value: {_quoted(write_value(key.sign(file.signed_bytes())))}",
    ]
    return _HEAD + "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A double-quoted YAML scalar, on one line, that no reader takes for anything but text."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '\\"':
        return f"\\{character}"
    # What can't be seen is written out: line ends of other alphabets, marks that turn the
    # direction of writing, and so on.
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04X}" if code <= _MAX_SHORT else f"\\U{code:08X}"
