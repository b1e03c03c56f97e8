"""The worked example of docs/license-files.md holds, also for a verifier that is not ours."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hotslot.licensefiles import (
    KeyFolder,
    SigningKey,
    read_license_file,
    tree,
    write_license_file,
)
from hotslot.licensefiles import schema as fields
from tests.licensefiles.material import FILE as OTHER_FILE
from tests.licensefiles.material import NONE, key

PAGE = (Path(__file__).parents[2] / "docs" / "license-files.md").read_text("utf-8")


def block(language: str) -> str:
    """The one block of that language on the page."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def cell(name: str) -> str:
    """What the example's tables say."""
    (found,) = re.findall(rf"(?m)^\| {name} \| `([^`]+)` \|$", PAGE)
    return str(found)


FILE = block("yaml")
PEM = block("pem")
SIGNED = block("text").removesuffix("\n").encode()
SCRIPT = block("python")


def test_the_signature_fits_the_bytes():
    """With primitives only."""
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(cell("private key")))
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(cell("public key")))
    signature = bytes.fromhex(cell("signature"))

    public.verify(signature, SIGNED)
    assert private.public_key() == public
    assert private.sign(SIGNED) == signature
    assert hashlib.sha256(SIGNED).hexdigest() == cell("digest")
    assert f"{len(SIGNED)} of them" in PAGE
    assert PEM.encode() == SigningKey(private).public_pem().encode()


def test_the_bytes_are_those_of_the_file():
    """With a reader of YAML that takes every scalar for text."""
    content: dict[str, Any] = yaml.load(FILE, Loader=yaml.BaseLoader)
    block = content.pop("signature")
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    assert f"hotslot-license-file/1\n{text}".encode() == SIGNED
    assert base64.b64decode(block["value"]).hex() == cell("signature")
    assert block["key"] == cell("id")


def test_we_write_and_read_just_that(tmp_path: Path):
    (tmp_path / "vendor.pem").write_text(PEM)
    vendor = KeyFolder(tmp_path / "vendor.pem").read()
    signing = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(cell("private key"))))

    presented = read_license_file(FILE, NONE, vendor)

    assert presented.key == cell("id")
    assert presented.file.signed_bytes() == SIGNED
    assert presented.file.digest() == cell("digest")
    assert write_license_file(presented.file, signing) == FILE


def verify(tmp_path: Path, file: str, pem: str = PEM) -> subprocess.CompletedProcess[str]:
    for name, text in (("verify.py", SCRIPT), ("license.yml", file), ("vendor.pem", pem)):
        (tmp_path / name).write_text(text, "utf-8")
    return subprocess.run(
        [sys.executable, "-I", "verify.py", "license.yml", "vendor.pem"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_program_on_the_page_verifies_it(tmp_path: Path):
    done = verify(tmp_path, FILE)
    assert (done.returncode, done.stdout) == (0, f"{cell('digest')}\n"), done.stderr


def test_the_program_on_the_page_takes_every_key_of_the_vendor(tmp_path: Path):
    """What `hotslot keys export-signing` prints after a rotation."""
    signed_by_another = write_license_file(OTHER_FILE, key(2))
    for pem in (PEM + key(2).public_pem(), key(2).public_pem() + PEM):
        for file in (FILE, signed_by_another):
            done = verify(tmp_path, file, pem)
            assert done.returncode == 0, done.stderr
    assert "signed by another key" in verify(tmp_path, FILE, key(2).public_pem()).stderr


def test_the_program_on_the_page_is_nothing_of_ours():
    imported = set(re.findall(r"(?m)^(?:import|from) (\w+)", SCRIPT))
    known = {"base64", "cryptography", "hashlib", "json", "pathlib", "sys", "yaml"}
    assert imported == known
    assert "hotslot." not in SCRIPT


def test_the_program_on_the_page_refuses_another(tmp_path: Path):
    for changed, words in (
        (FILE.replace('slots: "2"', 'slots: "3"'), "InvalidSignature"),
        (FILE.replace(cell("id"), cell("id")[::-1]), "signed by another key"),
        (FILE.replace("file/1", "file/2"), "another format"),
    ):
        assert changed != FILE
        done = verify(tmp_path, changed)
        assert done.returncode != 0
        assert words in done.stderr


def test_the_page_names_every_field_and_limit():
    assert set(re.findall(r"(?m)^\| `([a-z_]+)` \| ", PAGE)) == {
        *fields.REQUIRED,
        *fields.OPTIONAL,
        *("signature", "algorithm", "key", "value"),
    }
    assert f"more than {tree.MAX_BYTES // 1024} KiB ({tree.MAX_BYTES:,} bytes)" in PAGE
    assert f"more than {tree.MAX_DEPTH} levels or {tree.MAX_NODES} values" in PAGE
    assert f"more than {tree.MAX_BRACKETS} of `[` and `{{`" in PAGE
