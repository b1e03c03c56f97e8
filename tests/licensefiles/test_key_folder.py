"""The folder of keys: made, rotated, revoked, and read with care."""

import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat

from hotslot.licensefiles import (
    KeyFolder,
    Keys,
    SigningKey,
    read_license_file,
    write_license_file,
)
from tests.licensefiles.folders import complaint, put, statuses
from tests.licensefiles.material import FILE, NONE, key

NOW = datetime(2026, 11, 22, 11, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(days=365)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "signing-keys"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_that_is_not_there_has_no_keys(folder: Path):
    assert KeyFolder(folder).read() == Keys()
    assert not folder.exists()


def test_unless_it_has_to_be_there(folder: Path):
    assert f"nothing at {folder}" in complaint(KeyFolder(folder, required=True).read)
    folder.mkdir(parents=True)
    assert KeyFolder(folder, required=True).read() == Keys()


def test_a_key_is_made_for_our_eyes_only(folder: Path):
    mask = os.umask(0)
    try:
        made = KeyFolder(folder).generate(NOW)
    finally:
        os.umask(mask)

    (file,) = folder.iterdir()
    assert file.name == f"20261122T110000.123456Z-{made.id}.pem"
    assert mode(file) == 0o600
    assert mode(folder) == 0o700
    assert file.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----\n")


def test_the_key_that_was_made_signs(folder: Path):
    made = KeyFolder(folder).generate(NOW)
    keys = KeyFolder(folder).read()
    assert keys.signing is not None
    assert (made.id, made.status, made.created_at) == (keys.signing.id, "signing", NOW)
    assert keys.listed == (made,)
    assert made.verify(keys.signing.sign(b"x"), b"x")
    assert made.pem == keys.signing.public_pem()


def test_a_new_key_signs_and_the_old_ones_still_verify(folder: Path):
    first = KeyFolder(folder).generate(NOW)
    before = KeyFolder(folder).read()
    assert before.signing is not None
    text = write_license_file(FILE, before.signing)
    second = KeyFolder(folder).generate(LATER)

    keys = KeyFolder(folder).read()
    assert keys.signing is not None
    assert keys.signing.id == second.id
    assert statuses(folder) == {first.id: "verifying", second.id: "signing"}
    assert read_license_file(text, keys, NONE).key == first.id


def test_made_in_an_instant_the_last_one_signs(folder: Path):
    """Also when the clock was set back meanwhile."""
    made = [KeyFolder(folder).generate(now).id for now in (LATER, LATER, NOW, LATER)]
    assert list(statuses(folder)) == made
    assert list(statuses(folder).values()) == ["verifying"] * 3 + ["signing"]


def test_a_key_that_would_not_sign_is_not_made(folder: Path):
    file = put(folder / "vendor.pem", key(1).private_pem())
    assert f"{file} comes last" in complaint(lambda: KeyFolder(folder).generate(NOW))
    assert list(folder.iterdir()) == [file]
    file.rename(folder / "1.pem")
    assert KeyFolder(folder).generate(NOW).status == "signing"


def test_many_that_are_made_at_once_are_all_there(folder: Path):
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(KeyFolder(folder).generate(NOW).id))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 8
    assert sorted(statuses(folder)) == sorted(made)
    assert list(statuses(folder).values()).count("signing") == 1


def test_a_revoked_key(folder: Path):
    first, second = KeyFolder(folder).generate(NOW), KeyFolder(folder).generate(LATER)

    revoked = KeyFolder(folder).revoke(second.id)

    assert (revoked.id, revoked.status, revoked.created_at) == (second.id, "revoked", LATER)
    assert statuses(folder) == {first.id: "signing", second.id: "revoked"}
    assert sorted(path.name.split("Z-")[1] for path in folder.iterdir()) == sorted(
        [f"{first.id}.pem", f"{second.id}.pem.revoked"]
    )
    assert KeyFolder(folder).revoke(second.id) == revoked


def test_when_all_are_revoked_none_signs(folder: Path):
    KeyFolder(folder).revoke(KeyFolder(folder).generate(NOW).id)
    assert KeyFolder(folder).read().signing is None
    assert KeyFolder(folder).generate(NOW).status == "signing"


def test_a_trusted_key_is_revoked_by_renaming_its_file(folder: Path):
    put(folder / "vendor.pem.revoked", key(1).public_pem())
    assert statuses(folder) == {key(1).id: "revoked"}


def test_a_key_that_is_not_there_cannot_be_revoked(folder: Path):
    KeyFolder(folder).generate(NOW)
    assert f"no key {key(1).id} in {folder}" in complaint(
        lambda: KeyFolder(folder).revoke(key(1).id)
    )


def test_all_copies_of_a_key_are_revoked(folder: Path):
    put(folder / "a.pem", key(1).private_pem())
    put(folder / "b.pem", key(1).public_pem())
    assert statuses(folder) == {key(1).id: "signing"}
    assert KeyFolder(folder).revoke(key(1).id).status == "revoked"
    assert sorted(path.name for path in folder.iterdir()) == ["a.pem.revoked", "b.pem.revoked"]


def test_one_revoked_copy_is_enough(folder: Path):
    put(folder / "a.pem", key(1).private_pem())
    put(folder / "b.pem.revoked", key(1).public_pem())
    assert statuses(folder) == {key(1).id: "revoked"}
    assert KeyFolder(folder).read().signing is None


def test_a_key_is_not_revoked_with_another(folder: Path):
    put(folder / "both.pem", key(1).public_pem() + key(2).public_pem())
    assert "holds other keys" in complaint(lambda: KeyFolder(folder).revoke(key(1).id))
    assert statuses(folder) == {key(1).id: "verifying", key(2).id: "verifying"}


def test_a_revoked_key_is_not_overwritten(folder: Path):
    put(folder / "a.pem", key(1).public_pem())
    put(folder / "a.pem.revoked", key(2).public_pem())
    assert "is there already" in complaint(lambda: KeyFolder(folder).revoke(key(1).id))
    assert statuses(folder) == {key(1).id: "verifying", key(2).id: "revoked"}


def test_the_last_private_key_by_name_signs(folder: Path):
    put(folder / "b.pem", key(1).private_pem())
    put(folder / "a.pem", key(2).private_pem())
    put(folder / "c.pem", key(3).public_pem())
    assert statuses(folder) == {
        key(2).id: "verifying",
        key(1).id: "signing",
        key(3).id: "verifying",
    }


def test_a_time_is_told_for_generated_names_only(folder: Path):
    put(folder / "a.pem", key(1).public_pem())
    put(folder / f"20261399T110000.123456Z-{key(2).id}.pem", key(2).public_pem())
    put(folder / f"20261122T110000.123456Z-{key(3).id}.pem", key(3).public_pem())
    times = {each.id: each.created_at for each in KeyFolder(folder).read().listed}
    assert times == {key(1).id: None, key(2).id: None, key(3).id: NOW}


def test_one_file(tmp_path: Path):
    file = put(tmp_path / "signing.key", key(1).private_pem())
    assert statuses(file) == {key(1).id: "signing"}
    assert "single file" in complaint(lambda: KeyFolder(file).generate(NOW))
    assert "single file" in complaint(lambda: KeyFolder(file).revoke(key(1).id))
    assert "no key" in complaint(lambda: KeyFolder(file).revoke(key(2).id))


@pytest.mark.parametrize("required", [False, True])
def test_one_file_that_was_revoked(tmp_path: Path, required: bool):
    """It is named as it was before it was renamed."""
    put(tmp_path / "vendor.pem.revoked", key(1).public_pem())
    file = KeyFolder(tmp_path / "vendor.pem", required=required)
    assert [(each.id, each.status) for each in file.read().listed] == [(key(1).id, "revoked")]


def test_one_file_of_many_public_keys(tmp_path: Path):
    """What `hotslot keys export-signing > vendor.pem` writes."""
    text = "# two keys\n" + key(1).public_pem() + key(2).public_pem().replace("\n", "\r\n")
    file = put(tmp_path / "vendor.pem", text, mode=0o644)
    assert statuses(file) == {key(1).id: "verifying", key(2).id: "verifying"}
    assert KeyFolder(file).read().signing is None


def test_other_files_are_passed_over(folder: Path):
    put(folder / "README", "hello", mode=0o644)
    put(folder / ".half-written.pem", "-----BEGIN")
    put(folder / ".20261122T110000.123456Z-x.pem-h3x0r", "-----BEGIN")
    assert KeyFolder(folder).read() == Keys()


def pkcs8(private: object, encryption: object = None) -> bytes:
    how = encryption or serialization.NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)  # type: ignore[attr-defined,no-any-return]


ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)
ENCRYPTED = pkcs8(ED25519, serialization.BestAvailableEncryption(b"secret"))
OPENSSH = ED25519.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, serialization.NoEncryption())
RSA_OF_OLD = RSA.private_bytes(
    Encoding.PEM, PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
RSA_PUBLIC = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
GOOD = pkcs8(ED25519)
CERTIFICATE = GOOD.replace(b"PRIVATE KEY", b"CERTIFICATE")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "no PEM block", id="empty"),
        pytest.param(b"hello\n", "no PEM block", id="text"),
        pytest.param(b"\x30\x2e\xff" * 16, "no PEM text", id="garbage"),
        pytest.param(pkcs8(RSA), "of another kind", id="RSA"),
        pytest.param(RSA_PUBLIC, "of another kind", id="RSA, public"),
        pytest.param(pkcs8(ec.generate_private_key(ec.SECP256R1())), "another kind", id="EC"),
        pytest.param(pkcs8(ed448.Ed448PrivateKey.generate()), "another kind", id="Ed448"),
        pytest.param(RSA_OF_OLD, "holds `RSA PRIVATE KEY`", id="RSA of old"),
        pytest.param(ENCRYPTED, "it is encrypted", id="encrypted"),
        pytest.param(OPENSSH, "the form of OpenSSH", id="OpenSSH"),
        pytest.param(CERTIFICATE, "a certificate", id="certificate"),
        pytest.param(GOOD[:-10], "cut short", id="cut short"),
        pytest.param(GOOD + GOOD[:40], "cut short", id="a second one cut short"),
        pytest.param(GOOD.replace(b"MC4C", b"MC4D"), "damaged", id="damaged"),
        pytest.param(GOOD.replace(b"PRIVATE", b"PUBLIC"), "damaged", id="a wrong label"),
        pytest.param(b"#" * 65_537, "is no file of keys", id="too large"),
    ],
)
@pytest.mark.parametrize("name", ["a.pem", "a.pem.revoked"])
def test_what_is_no_key_is_named(folder: Path, name: str, content: bytes, words: str):
    file = put(folder / name, content)

    for read in (KeyFolder(folder).read, KeyFolder(file).read):
        message = complaint(read)
        assert str(file) in message
        assert words in message
        assert not any(line in message for line in content.decode("latin-1").split()[3:-3])
    assert str(file) in complaint(lambda: KeyFolder(folder).generate(NOW))


@pytest.mark.parametrize("permissions", [0o644, 0o640, 0o604, 0o620, 0o601, 0o777])
def test_a_private_key_that_others_may_read_is_refused(folder: Path, permissions: int):
    file = put(folder / "a.pem", key(1).private_pem(), mode=permissions)
    assert str(file) in complaint(KeyFolder(folder).read)
    file.chmod(0o400)
    assert statuses(folder) == {key(1).id: "signing"}


def test_a_mounted_secret_may_be_read_by_its_group(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """It belongs to somebody else, who lets us read it by our group."""
    file = put(folder / "a.pem", key(1).private_pem(), mode=0o440)
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    assert statuses(folder) == {key(1).id: "signing"}
    file.chmod(0o444)
    assert "chmod 600" in complaint(KeyFolder(folder).read)


@pytest.mark.parametrize("by", [0o002, 0o020])
def test_whom_we_trust_is_not_for_others_to_say(folder: Path, by: int):
    file = put(folder / "vendor.pem", key(1).public_pem(), mode=0o644 | by)
    assert f"chmod go-w {file}" in complaint(KeyFolder(folder).read)
    file.chmod(0o644)
    folder.chmod(0o755 | by)
    assert f"chmod go-w {folder}" in complaint(KeyFolder(folder).read)
    folder.chmod(0o755)
    assert statuses(folder) == {key(1).id: "verifying"}


def test_what_is_no_file_is_not_waited_for(folder: Path):
    folder.mkdir(parents=True)
    os.mkfifo(folder / "a.pem", 0o600)
    assert "a.pem is no file of keys" in complaint(KeyFolder(folder).read)
    (folder / "a.pem").unlink()
    (folder / "b.pem").mkdir()
    assert "b.pem is no file of keys" in complaint(KeyFolder(folder).read)


def test_a_broken_link(folder: Path):
    folder.mkdir(parents=True)
    (folder / "a.pem").symlink_to(folder / "nothing")
    assert "leads nowhere" in complaint(KeyFolder(folder).read)


def test_a_link_is_followed(folder: Path):
    """Mounted secrets are links."""
    put(folder / "..data" / "a", key(1).private_pem())
    (folder / "a.pem").symlink_to(folder / "..data" / "a")
    assert statuses(folder) == {key(1).id: "signing"}


def test_a_folder_that_cannot_be_made(tmp_path: Path):
    blocked = put(tmp_path / "file", "x") / "keys"
    assert str(blocked) in complaint(lambda: KeyFolder(blocked).generate(NOW))


def test_no_key_is_left_behind_when_the_disk_is_full(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left on device" in complaint(lambda: KeyFolder(folder).generate(NOW))
    assert list(folder.iterdir()) == []


def test_a_key_that_is_revoked_while_we_read_is_read_as_revoked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    made = KeyFolder(folder).generate(NOW)
    (file,) = folder.iterdir()
    list_folder = Path.iterdir
    renamed = file.with_name(f"{file.name}.revoked")

    def revoked_meanwhile(path: Path):
        names = list(list_folder(path))
        if file.exists():
            file.rename(renamed)
        return iter(names)

    monkeypatch.setattr(Path, "iterdir", revoked_meanwhile)
    assert statuses(folder) == {made.id: "revoked"}


def test_private_keys_of_others_are_read(folder: Path):
    """PKCS #8 as `openssl genpkey -algorithm ed25519` writes it."""
    put(folder / "a.pem", GOOD)
    assert statuses(folder) == {SigningKey(ED25519).id: "signing"}
