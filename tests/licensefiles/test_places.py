"""Keys that a server has lost are not taken for keys that it never had."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hotslot.api.license_files import LicenseFiles
from hotslot.api.problems import ProblemError
from hotslot.domain import refusals
from hotslot.licensefiles import (
    KeyFolder,
    Keys,
    UntrustedLicenseFileError,
    write_license_file,
)
from tests.licensefiles.folders import put
from tests.licensefiles.material import FILE, KEY

GOOD = write_license_file(FILE, KEY)


def problem(asked: Coroutine[Any, Any, object]) -> tuple[int, str]:
    with pytest.raises(ProblemError) as caught:
        asyncio.run(asked)
    return caught.value.status, caught.value.code


UNREADABLE = (503, "license-file-keys-unreadable")


def test_signing_keys_that_vanished(tmp_path: Path):
    folder = tmp_path / "keys"
    put(folder / "a.pem", KEY.private_pem())
    files = LicenseFiles(signing=folder)
    assert asyncio.run(files.read(GOOD)).own
    folder.rename(tmp_path / "elsewhere")
    assert problem(files.read(GOOD)) == UNREADABLE
    assert problem(files.signing_key()) == UNREADABLE
    (tmp_path / "elsewhere").rename(folder)
    assert asyncio.run(files.signing_key()).id == KEY.id


def test_signing_keys_that_were_never_made(tmp_path: Path):
    files = LicenseFiles(signing=tmp_path / "keys")
    assert asyncio.run(files.own_keys()) == Keys()
    with pytest.raises(UntrustedLicenseFileError) as caught:
        asyncio.run(files.read(GOOD))
    assert caught.value.refusal == refusals.LicenseFileKeyUnknown(key=KEY.id)
    assert problem(files.signing_key()) == (503, "no-signing-key")
    made = KeyFolder(tmp_path / "keys").generate(datetime.now(UTC))
    assert asyncio.run(files.signing_key()).id == made.id


def test_trusted_keys_that_vanished(tmp_path: Path):
    file = put(tmp_path / "trusted" / "vendor-a" / "vendor.pem", KEY.public_pem())
    files = LicenseFiles(trusted=tmp_path / "trusted")
    presented = asyncio.run(files.read(GOOD))
    assert (presented.own, presented.vendor) == (False, frozenset({KEY.id}))
    file.unlink()
    assert problem(files.read(GOOD)) == UNREADABLE
