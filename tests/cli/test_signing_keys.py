"""The commands on signing keys: a folder of files, what they say, and what to do next."""

import json
import re
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hotslot.licensefiles import KeyFolder, SigningKey
from tests.command_line import Hotslot

ID = r"[A-Za-z0-9_-]{43}"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the commands find the keys, which is nowhere yet."""
    monkeypatch.setenv("HOTSLOT_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data" / "signing-keys"


@pytest.fixture
def keys(hotslot: Hotslot, folder: Path) -> Hotslot:
    """Runs `hotslot keys ...-signing`; what it says never has a private key in it."""

    def call(name: str, *arguments: str):
        ended = hotslot("keys", f"{name}-signing", *arguments)
        for said in (ended.out, ended.err):
            assert "PRIVATE" not in said
            for file in folder.glob("*.pem*"):
                assert file.read_text().splitlines()[1] not in said
        return ended

    return call


def made(keys: Hotslot) -> str:
    return str(json.loads(keys("generate", "--json").out)["id"])


def test_a_key_is_made_where_the_server_looks_for_it(keys: Hotslot, folder: Path) -> None:
    ended = keys("generate")
    assert ended.status == 0, ended.err
    signing = KeyFolder(folder).read().signing
    assert signing is not None
    assert signing.id in ended.out
    assert str(folder) in ended.out
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_after_the_first_key_it_says_how_to_carry_the_public_one(keys: Hotslot) -> None:
    said = keys("generate").out
    assert "hotslot keys export-signing > vendor.pem" in said
    assert "HOTSLOT_TRUSTED_KEYS" in said
    assert "revoke-signing" not in said


def test_after_another_key_it_says_how_to_retire_the_earlier_ones(keys: Hotslot) -> None:
    first, second = made(keys), made(keys)
    said = keys("generate").out
    assert "What was signed before still holds" in said
    assert "retire it: take its file away" in said
    assert "revoke-signing" not in said, "that is for stolen keys"
    for earlier in (first, second):
        assert f"  {earlier}\n" in said


def test_what_to_do_next_names_the_same_folder(keys: Hotslot, tmp_path: Path) -> None:
    elsewhere = tmp_path / "two words"
    said = keys("generate", "--signing-keys", str(elsewhere)).out
    assert f"hotslot keys export-signing --signing-keys '{elsewhere}' > vendor.pem" in said
    assert [path.suffix for path in elsewhere.iterdir()] == [".pem"]


def test_keys_are_listed_with_what_they_do(keys: Hotslot) -> None:
    revoked, verifying, signing = made(keys), made(keys), made(keys)
    keys("revoke", revoked)
    listed = {line.split()[0]: line.split()[1] for line in keys("list").out.splitlines()[2:]}
    assert listed == {revoked: "revoked", verifying: "verifying", signing: "signing"}


def test_keys_as_json_have_the_shape_of_the_api(keys: Hotslot) -> None:
    id_ = made(keys)
    (key,) = json.loads(keys("list", "--json").out)["keys"]
    assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{6}Z", key.pop("created_at"))
    assert key.pop("public_key") == keys("export").out
    assert key == {"id": id_, "algorithm": "ed25519", "status": "signing"}


def test_without_keys_it_says_how_to_make_one(keys: Hotslot, folder: Path) -> None:
    listed, exported = keys("list"), keys("export")
    assert (listed.status, exported.status, exported.out) == (0, 1, "")
    for said in (listed.out, exported.err):
        assert str(folder) in said
        assert "hotslot keys generate-signing" in said
    assert not folder.exists()


def test_all_public_keys_in_use_are_exported_or_one(
    keys: Hotslot, folder: Path, tmp_path: Path
) -> None:
    revoked, verifying, signing = made(keys), made(keys), made(keys)
    keys("revoke", revoked)
    carried = tmp_path / "vendor.pem"
    carried.write_text(keys("export").out)
    trusted = KeyFolder(carried).read()
    assert (trusted.signing, {key.id for key in trusted.listed}) == (None, {verifying, signing})
    carried.write_text(keys("export", verifying).out)
    assert [key.id for key in KeyFolder(carried).read().listed] == [verifying]


def test_a_revoked_key_is_not_exported(keys: Hotslot) -> None:
    id_ = made(keys)
    keys("revoke", id_)
    for ended in (keys("export"), keys("export", id_)):
        assert (ended.status, ended.out) == (1, "")


def test_a_revocation_is_carried_to_a_site_by_a_file(
    keys: Hotslot, folder: Path, tmp_path: Path
) -> None:
    """What is printed is typed as it stands there, and put beside the key."""
    stolen, other = made(keys), made(keys)
    site = tmp_path / "trusted"
    site.mkdir(mode=0o755)
    (site / "vendor.pem").write_text(keys("export").out)
    (site / "vendor.pem").chmod(0o644)
    said = keys("revoke", stolen).out
    command, _, name = next(
        line.strip() for line in said.splitlines() if "--revoked" in line
    ).partition(" > ")
    words = command.split()
    assert words[:3] == ["hotslot", "keys", "export-signing"]
    (site / name).write_text(keys("export", *words[3:]).out)
    (site / name).chmod(0o644)
    statuses = {key.id: key.status for key in KeyFolder(site, trusted=True).read().listed}
    assert statuses == {stolen: "revoked", other: "verifying"}
    assert keys("export", "--revoked").out == (site / name).read_text()


def test_a_key_in_use_is_not_exported_as_revoked(keys: Hotslot) -> None:
    id_ = made(keys)
    ended = keys("export", "--revoked", id_)
    assert (ended.status, ended.out) == (1, "")
    assert f"hotslot keys revoke-signing {id_}" in ended.err
    assert "no revoked signing key" in keys("export", "--revoked").err


def test_revoking_says_who_signs_then(keys: Hotslot) -> None:
    first, second = made(keys), made(keys)
    said = keys("revoke", second).out
    assert f"License files are signed by {first} from now on." in said
    assert "go on trusting it until you carry this to each" in said
    assert "No key signs now. Make one: hotslot keys generate-signing" in keys("revoke", first).out
    again = keys("revoke", first)
    assert (again.status, "nothing has changed" in again.out) == (0, True)
    assert json.loads(keys("revoke", second, "--json").out)["status"] == "revoked"


@pytest.mark.parametrize("command", ["export", "revoke"])
def test_an_id_that_is_no_keys_is_explained(keys: Hotslot, folder: Path, command: str) -> None:
    made(keys)
    ended = keys(command, "no-such-key")
    assert (ended.status, ended.out) == (1, "")
    assert f"no signing key no-such-key in {folder}" in ended.err
    assert "hotslot keys list-signing" in ended.err


def test_an_id_may_begin_as_an_option_does(keys: Hotslot, folder: Path) -> None:
    key = SigningKey.generate()
    while not key.id.startswith("-"):
        key = SigningKey(Ed25519PrivateKey.generate())
    folder.mkdir(parents=True, mode=0o700)
    file = folder / "1.pem"
    file.write_bytes(key.private_pem())
    file.chmod(0o600)
    assert keys("export", key.id).out == key.public_pem()
    assert keys("revoke", key.id).status == 0
    assert keys("export", "--revoked", key.id).out == key.public_pem()
    assert file.with_name("1.pem.revoked").exists()


@pytest.mark.parametrize("command", ["generate", "list", "export", "revoke x"])
def test_a_folder_that_cannot_be_used_is_explained(
    hotslot: Hotslot, folder: Path, command: str
) -> None:
    folder.mkdir(parents=True, mode=0o700)
    (folder / "1.pem").write_text("no key")
    name, *arguments = command.split()
    ended = hotslot("keys", f"{name}-signing", *arguments)
    assert (ended.status, ended.out) == (1, "")
    assert str(folder / "1.pem") in ended.err
