"""No single byte of a file can be changed so that the file says something else."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotslot.domain.license_file import LicenseFile
from hotslot.licensefiles import (
    UnreadableLicenseFileError,
    UntrustedLicenseFileError,
    read_license_file,
    write_license_file,
)
from tests.licensefiles.material import FILE, KEY, NONE, OWN, license_files, patient

TEXT = write_license_file(FILE, KEY).encode()


def outcome(changed: bytes, digest: str) -> str:
    try:
        presented = read_license_file(changed, OWN, NONE)
    except UnreadableLicenseFileError:
        return "unreadable"
    except UntrustedLicenseFileError as error:
        return error.refusal.code
    assert presented.file.digest() == digest, changed
    assert presented.key == KEY.id
    return "the same"


def outcomes(values: list[int]) -> Counter[str]:
    """What becomes of the file with each byte in turn replaced: by these, and by others near it."""
    found: Counter[str] = Counter()
    for position, byte in enumerate(TEXT):
        for value in {*values, byte ^ 1, byte ^ 32} - {byte}:
            changed = TEXT[:position] + bytes([value]) + TEXT[position + 1 :]
            found[outcome(changed, FILE.digest())] += 1
    return found


def all_kinds_were_seen(found: Counter[str]) -> bool:
    return {"the same", "unreadable", "license-file-signature-invalid"} < found.keys()


def test_every_byte_in_turn():
    found = outcomes([ord(" "), ord("\n"), 0xC3])
    assert all_kinds_were_seen(found), found


@pytest.mark.heavy
def test_every_byte_in_turn_by_every_other():
    found = outcomes(list(range(256)))
    assert found.total() == len(TEXT) * 255
    assert all_kinds_were_seen(found), found


@patient
@given(license_files, st.data())
def test_bytes_replaced_put_in_and_left_out(file: LicenseFile, data: st.DataObject):
    text = write_license_file(file, KEY).encode()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 3, len(text))))
    changed = text[:start] + data.draw(st.binary(max_size=3)) + text[end:]
    outcome(changed, file.digest())
