"""Tokens that give no rights: the lease from before goes on to its end, and the log says why."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from hotslot.licensefiles.keys import key_id
from tests.node.keeping import DEPLOYMENT, Keeping
from tests.node.stub_backend import StubBackend

ANOTHER_KEY = Ed25519PrivateKey.generate()


def unsigned(backend: StubBackend) -> str:
    kid = key_id(backend.key.public_key())
    return jwt.encode(backend.claims(DEPLOYMENT), "", algorithm="none", headers={"kid": kid})


def signed_with_the_public_key(backend: StubBackend) -> str:
    """The old trick: the public key, which everyone has, taken for a shared secret."""
    public = backend.key.public_key().public_bytes_raw()
    kid = key_id(backend.key.public_key())
    return jwt.encode(backend.claims(DEPLOYMENT), public, algorithm="HS256", headers={"kid": kid})


def with_claims(**changed: Any) -> Callable[[StubBackend], str]:
    return lambda backend: backend.token(DEPLOYMENT, **changed)


def a_copy(backend: StubBackend) -> str:
    return backend.token(DEPLOYMENT, iat=backend.first["iat"], exp=backend.first["exp"])  # type: ignore[attr-defined]


BAD: dict[str, tuple[Callable[[StubBackend], Any], str]] = {
    "another key": (
        lambda backend: backend.token(DEPLOYMENT, signed_by=ANOTHER_KEY),
        "which is not trusted here",
    ),
    "another key, with a false name": (
        lambda backend: backend.token(
            DEPLOYMENT, signed_by=ANOTHER_KEY, kid=key_id(backend.key.public_key())
        ),
        "its signature doesn't fit",
    ),
    "no signature": (unsigned, "signed in another way than EdDSA"),
    "a public key as a secret": (signed_with_the_public_key, "signed in another way than EdDSA"),
    "no key named": (
        lambda backend: jwt.encode(backend.claims(DEPLOYMENT), backend.key, algorithm="EdDSA"),
        "doesn't say which key",
    ),
    "another deployment": (with_claims(sub="MSCL-b"), "for another deployment"),
    "another audience": (with_claims(aud="hotslot-console"), "for another audience"),
    "no audience": (with_claims(aud=...), "not of the form"),
    "another issuer": (with_claims(iss="somebody"), "by another issuer"),
    "no issuer": (with_claims(iss=...), "not of the form"),
    "no deployment": (with_claims(sub=...), "not of the form"),
    "no end": (with_claims(exp=...), "not of the form"),
    "no start": (with_claims(iat=...), "not of the form"),
    "no term": (with_claims(term=...), "not of the form"),
    "rights of another form": (with_claims(rights="process"), "not of the form"),
    "a role that is none": (with_claims(role="admin"), "not of the form"),
    "an older term": (with_claims(term=2), "of term 2, and one of term 3"),
    "an older position": (with_claims(position=16, term=9), "of position 16"),
    "a copy": (a_copy, "not newer than one seen before"),
    "an end before its start": (with_claims(exp=1.0), "would last"),
    "an end at no time": (with_claims(exp=math.nan), "would last"),
    "never an end": (with_claims(exp=math.inf), "would last"),
    "more than an hour": (with_claims(exp=2_000_000_000), "would last"),
    "no token": (lambda _: "what", "no signed token"),
    "nothing": (lambda _: "", "no signed token"),
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_refused_and_the_lease_from_before_goes_on_to_its_end(
    keeping: Keeping, name: str, monkeypatch: pytest.MonkeyPatch
):
    make, says = BAD[name]
    backend = keeping.backend
    monkeypatch.setattr(backend, "first", first := {}, raising=False)
    token = backend.token

    def remembered(deployment: str, **changed: Any) -> str:
        text = token(deployment, **changed)
        first.update(jwt.decode(text, options={"verify_signature": False}))
        return text

    backend.token = remembered  # type: ignore[method-assign]
    asyncio.run(keeping.keeper.renew_now())
    assert keeping.may_process()
    backend.token = token  # type: ignore[method-assign]
    keeping.clock.pass_(40)
    answer = backend.answer(DEPLOYMENT)
    monkeypatch.setattr(backend, "answer", lambda _: answer | {"token": make(backend)})

    with capture_logs() as logs:
        asyncio.run(keeping.keeper.renew_now())

    assert keeping.may_process()
    assert says in str(keeping.keeper.failure)
    (line,) = [each for each in logs if each["event"] == "lease-not-renewed"]
    assert says in line["detail"]
    keeping.clock.pass_(20)
    assert not keeping.may_process()


@pytest.mark.parametrize("name", BAD)
def test_it_gives_no_rights_to_an_instance_without_any(
    keeping: Keeping, name: str, monkeypatch: pytest.MonkeyPatch
):
    make, _ = BAD[name]
    asyncio.run(keeping.keeper.renew_now())
    seen = jwt.decode(
        keeping.memory.content.lease.token,  # type: ignore[union-attr]
        options={"verify_signature": False},
    )
    asyncio.run(keeping.keeper.drop("It was deactivated."))
    monkeypatch.setattr(keeping.backend, "first", seen, raising=False)
    answer = keeping.backend.answer(DEPLOYMENT)
    monkeypatch.setattr(
        keeping.backend, "answer", lambda _: answer | {"token": make(keeping.backend)}
    )

    asyncio.run(keeping.keeper.renew_now())

    assert keeping.keeper.standing().role == "unlicensed"


def test_nothing_of_a_token_is_logged(keeping: Keeping, monkeypatch: pytest.MonkeyPatch):
    token = keeping.backend.token(DEPLOYMENT, signed_by=ANOTHER_KEY)
    answer = keeping.backend.answer(DEPLOYMENT)
    monkeypatch.setattr(keeping.backend, "answer", lambda _: answer | {"token": token})

    with capture_logs() as logs:
        asyncio.run(keeping.keeper.renew_now())

    assert logs
    assert token.split(".")[1] not in str(logs)


def test_a_term_may_be_lower_on_another_license(keeping: Keeping):
    asyncio.run(keeping.keeper.renew_now())
    keeping.backend.license, keeping.backend.term = "globex", 1
    keeping.backend.position += 1

    asyncio.run(keeping.keeper.renew_now())

    assert keeping.keeper.failure is None
    assert keeping.keeper.standing().license == "globex"


def test_what_was_seen_is_known_after_a_restart(keeping: Keeping):
    asyncio.run(keeping.keeper.renew_now())
    keeping.clock.pass_(60)
    keeping.start()
    keeping.backend.position -= 1

    asyncio.run(keeping.keeper.renew_now())

    assert not keeping.may_process()
    assert "of position 16, and one of position 17" in str(keeping.keeper.failure)


def test_a_remembered_lease_of_another_deployment_gives_nothing(keeping: Keeping):
    """As when a data directory was copied, and given an ID of its own."""
    asyncio.run(keeping.keeper.renew_now())

    keeping.start(deployment="MSCL-b")

    assert not keeping.may_process()
    assert "for another deployment" in keeping.keeper.standing().why


def test_a_remembered_lease_whose_key_was_revoked_gives_nothing(keeping: Keeping):
    asyncio.run(keeping.keeper.renew_now())
    (path,) = (keeping.folder / "trusted-keys").iterdir()
    path.rename(f"{path}.revoked")

    keeping.start()

    assert not keeping.may_process()
    assert "was revoked" in keeping.keeper.standing().why


def test_claims_are_read_off_the_signed_token_and_not_off_the_file(keeping: Keeping):
    """Whoever can write the file can also write its checksum; the signature is another matter."""
    keeping.backend.as_backup()
    asyncio.run(keeping.keeper.renew_now())
    lease = keeping.memory.content.lease
    assert lease is not None
    forged = {"rights": frozenset({"process"}), "ends_at": lease.claims.ends_at + 1000}
    lease.claims = type(lease.claims)(
        **{name: getattr(lease.claims, name) for name in lease.claims.__struct_fields__} | forged
    )
    asyncio.run(keeping.memory.save())

    keeping.start()

    assert not keeping.may_process()
    keeping.clock.pass_(60)
    assert keeping.keeper.standing().role == "unlicensed"
