"""Whose signature counts: keys that were carried here, or those of the first contact."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hotslot.licensefiles import KeyFolderError
from hotslot.licensefiles.keys import key_id, public_pem
from hotslot.node.lease import LeaseRefusedError
from hotslot.node.trusted_keys import TrustedKeys
from tests.node.keeping import Keeping
from tests.node.stub_backend import StubBackend


def find(keys: TrustedKeys, backend: StubBackend) -> str:
    kid = key_id(backend.key.public_key())
    return key_id(asyncio.run(keys.find_or_take(kid, backend)))


def carried(folder: Path, backend: StubBackend) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "vendor.pem"
    path.write_text(public_pem(backend.key.public_key()))
    return path


def test_the_keys_of_the_first_contact_are_trusted_and_kept(tmp_path: Path):
    backend = StubBackend()

    assert find(TrustedKeys(None, tmp_path / "own"), backend)
    assert find(TrustedKeys(None, tmp_path / "own"), backend)

    assert backend.jwks_calls == 1
    (path,) = (tmp_path / "own").iterdir()
    assert path.read_text() == public_pem(backend.key.public_key())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_after_the_first_contact_no_other_key_is_ever_taken(tmp_path: Path):
    find(TrustedKeys(None, tmp_path / "own"), StubBackend())
    another = StubBackend()

    with pytest.raises(LeaseRefusedError, match="not trusted here"):
        find(TrustedKeys(None, tmp_path / "own"), another)
    assert another.jwks_calls == 0


def test_a_key_that_a_person_adds_is_trusted_at_once(tmp_path: Path):
    keys = TrustedKeys(None, tmp_path / "own")
    find(keys, StubBackend())
    another = StubBackend()
    carried(tmp_path / "own", another)

    assert find(keys, another)


def test_with_a_given_place_the_backend_is_never_asked(tmp_path: Path):
    backend = StubBackend()
    (tmp_path / "given").mkdir()
    keys = TrustedKeys(tmp_path / "given", tmp_path / "own")

    with pytest.raises(LeaseRefusedError, match="not trusted here"):
        find(keys, backend)
    carried(tmp_path / "given", backend)
    assert find(keys, backend)
    assert backend.jwks_calls == 0


def test_a_revoked_key_is_trusted_no_more(tmp_path: Path):
    backend = StubBackend()
    path = carried(tmp_path / "given", backend)
    keys = TrustedKeys(tmp_path / "given", tmp_path / "own")
    find(keys, backend)

    path.rename(f"{path}.revoked")

    with pytest.raises(LeaseRefusedError, match="was revoked"):
        find(keys, backend)


def test_keys_that_can_not_be_read_are_named(tmp_path: Path):
    with pytest.raises(KeyFolderError, match="nowhere"):
        TrustedKeys(tmp_path / "nowhere", tmp_path / "own")

    carried(tmp_path / "given", StubBackend())
    keys = TrustedKeys(tmp_path / "given", tmp_path / "own")
    (tmp_path / "given" / "vendor.pem").write_text("no key")
    with pytest.raises(LeaseRefusedError, match=r"can't be read: .*vendor\.pem"):
        find(keys, StubBackend())


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"keys": None},
        {"keys": []},
        {"keys": ["x", {"kty": "RSA", "n": "x"}, {"kty": "OKP", "crv": "Ed25519", "x": "AA"}]},
    ],
)
def test_a_backend_that_shows_no_key_is_not_trusted(tmp_path: Path, answer: dict[str, Any]):
    backend = StubBackend()

    async def jwks() -> dict[str, Any]:
        return answer

    backend.jwks = jwks  # type: ignore[method-assign]
    with pytest.raises(LeaseRefusedError, match="shows no key"):
        find(TrustedKeys(None, tmp_path / "own"), backend)
    assert not (tmp_path / "own").exists()


def test_the_backend_changing_its_key_ends_in_a_refusal_and_a_hint(keeping: Keeping):
    asyncio.run(keeping.keeper.renew_now())
    keeping.backend.key = Ed25519PrivateKey.generate()
    keeping.clock.pass_(40)

    asyncio.run(keeping.keeper.renew_now())

    assert keeping.may_process()
    assert "put its public half into" in str(keeping.keeper.failure)
    keeping.clock.pass_(20)
    assert not keeping.may_process()
