"""What is written can be read by people, by us, and by every reader of YAML."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from hotslot.domain.license_file import LicenseFile, Presented
from hotslot.licensefiles import Keys, read_license_file, write_license_file
from tests.licensefiles.material import (
    CONTENT,
    FILE,
    KEY,
    NONE,
    OWN,
    key,
    license_files,
    listed,
    patient,
    signature_of,
)


@patient
@given(license_files)
def test_what_is_written_is_read_again(file: LicenseFile):
    text = write_license_file(file, KEY)
    for source in (text, text.encode()):
        presented = read_license_file(source, OWN, NONE)
        assert presented == Presented(file, KEY.id, own=True)
        assert presented.file.digest() == file.digest()


@patient
@given(license_files)
def test_a_reader_of_yaml_that_guesses_types_sees_the_same(file: LicenseFile):
    read = yaml.safe_load(write_license_file(file, KEY))
    assert read == {**file.content(), "signature": signature_of(file.content())}


@patient
@given(license_files, st.integers(2, 9))
def test_the_key_that_signed_is_named(file: LicenseFile, number: int):
    other = key(number)
    trusted = Keys(None, (listed(key(1)), listed(other)))
    presented = read_license_file(write_license_file(file, other), NONE, trusted)
    assert presented == Presented(file, other.id, own=False)


@patient
@given(license_files)
def test_a_line_holds_one_value_and_nothing_unseen(file: LicenseFile):
    text = write_license_file(file, KEY)
    fields = [line for line in text.split("\n") if not line.startswith("#")]
    assert len(fields) == len(file.content()) + len(file.content()["rights"]) + 4 + 1
    assert text.replace("\n", "").isprintable()


def test_written_twice_it_is_the_same():
    assert write_license_file(FILE, KEY) == write_license_file(FILE, KEY)


def test_a_person_can_read_it():
    text = write_license_file(FILE, KEY)
    assert 'customer: "Ünïted Åcme"\nslots: "2"\n' in text
    assert 'rights:\n  - "process"\n  - "engines.download"\n' in text
    assert yaml.safe_load(text) == {**CONTENT, "signature": signature_of(CONTENT)}
