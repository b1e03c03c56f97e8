"""Trusted keys: there are some, and subfolders say which vendor's each one is."""

from pathlib import Path

import pytest

from hotslot.licensefiles import (
    KeyFolder,
    Keys,
    SigningKey,
    read_license_file,
    write_license_file,
)
from tests.licensefiles.folders import complaint, put
from tests.licensefiles.material import FILE, NONE, OWN, key

A, A_BEFORE, B, ROOT, ROOT_TOO = (key(number) for number in range(2, 7))


def ids(*keys: SigningKey) -> frozenset[str]:
    return frozenset(each.id for each in keys)


def trusted(path: Path) -> KeyFolder:
    return KeyFolder(path, trusted=True)


def vendor(signing: SigningKey, keys: Keys, own: Keys = NONE) -> frozenset[str] | None:
    """The vendor that a file of this key is said to be of."""
    return read_license_file(write_license_file(FILE, signing), own, keys).vendor


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path / "vendor-a" / "2026.pem", A.public_pem())
    put(tmp_path / "vendor-a" / "2025.pem.revoked", A_BEFORE.public_pem())
    put(tmp_path / "vendor-b" / "vendor.pem", B.public_pem())
    put(tmp_path / "vendor.pem", ROOT.public_pem())
    put(tmp_path / "another.pem", ROOT_TOO.public_pem())
    return tmp_path


def test_a_subfolder_is_a_vendor_with_its_revoked_keys_too(folder: Path):
    keys = trusted(folder).read()
    assert vendor(A, keys) == ids(A, A_BEFORE)
    assert vendor(B, keys) == ids(B)
    revoked = keys.find(A_BEFORE.id)
    assert revoked is not None
    assert revoked.status == "revoked"


def test_the_files_beside_subfolders_are_one_vendors(folder: Path):
    keys = trusted(folder).read()
    assert vendor(ROOT, keys) == vendor(ROOT_TOO, keys) == ids(ROOT, ROOT_TOO)


def test_without_subfolders_vendors_are_not_told_apart(tmp_path: Path):
    file = put(tmp_path / "vendor.pem", A.public_pem() + B.public_pem())
    put(tmp_path / ".half" / "vendor.pem", ROOT.public_pem())
    for path in (tmp_path, file):
        keys = trusted(path).read()
        assert vendor(A, keys) is None
        assert keys.find(ROOT.id) is None


def test_an_empty_subfolder_tells_vendors_apart_already(tmp_path: Path):
    """Its vendor's licenses are not for the taking once its keys are gone."""
    put(tmp_path / "vendor.pem", ROOT.public_pem())
    (tmp_path / "vendor-a").mkdir()
    assert vendor(ROOT, trusted(tmp_path).read()) == ids(ROOT)


def test_our_own_files_are_of_no_vendor(folder: Path):
    put(folder / "ours.pem", key(1).public_pem())
    assert vendor(key(1), trusted(folder).read(), OWN) is None


def test_deeper_and_elsewhere_no_subfolder_is_read(folder: Path):
    put(folder / "vendor-b" / "deep" / "b.pem", key(7).public_pem())
    assert trusted(folder).read().find(key(7).id) is None
    keys = KeyFolder(folder, required=True).read()
    assert {each.id for each in keys.listed} == ids(ROOT, ROOT_TOO)
    assert keys.vendors == ()


def test_a_key_is_one_vendors_only(folder: Path):
    """Else either could renew what the other one gave."""
    put(folder / "vendor-b" / "more.pem", A.public_pem())
    message = complaint(trusted(folder).read)
    for place in ("vendor-a/2026.pem", "vendor-b/more.pem"):
        assert str(folder / place) in message


def test_a_subfolder_is_not_for_others_to_write_to(folder: Path):
    (folder / "vendor-b").chmod(0o775)
    assert f"chmod go-w {folder / 'vendor-b'}" in complaint(trusted(folder).read)


def test_a_damaged_key_in_a_subfolder_is_named(folder: Path):
    file = put(folder / "vendor-b" / "more.pem", "hello")
    assert str(file) in complaint(trusted(folder).read)


@pytest.mark.parametrize("name", [None, "vendor.pub", "vendor-a/vendor.pem.txt"])
def test_trusted_keys_have_to_be_there(tmp_path: Path, name: str | None):
    if name is not None:
        put(tmp_path / name, A.public_pem())
    message = complaint(trusted(tmp_path).read)
    assert f"no key in {tmp_path}" in message
    assert "must end in .pem" in message
    assert f"nothing at {tmp_path}/no" in complaint(trusted(tmp_path / "no").read)


def test_a_revoked_key_is_one_that_is_there(tmp_path: Path):
    """What was activated goes on, and its files are refused as revoked, not as unknown."""
    put(tmp_path / "vendor.pem.revoked", A.public_pem())
    assert [each.status for each in trusted(tmp_path).read().listed] == ["revoked"]
