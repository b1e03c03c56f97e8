"""Who signs: read once a second at most, and never from longer ago."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hotslot.domain.events import Role
from hotslot.leases.lease import Lease, Signer
from hotslot.leases.signers import LOOK_SECONDS, Signers
from hotslot.licensefiles import SigningKey

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


class Folder:
    """A place of keys, and how often it was looked at."""

    def __init__(self) -> None:
        self.key: SigningKey | None = SigningKey.generate()
        self.looks = 0
        self.open = asyncio.Event()
        self.open.set()

    async def read(self) -> SigningKey:
        self.looks += 1
        await self.open.wait()
        if self.key is None:
            raise LookupError("no key")
        return self.key


def later(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Put the loop's clock forward."""
    now = loop.time() + seconds
    monkeypatch.setattr(loop, "time", lambda: now)


def lease(issued_at: datetime, seconds: float) -> Lease:
    return Lease(
        deployment="a",
        license="lic",
        role=Role.ACTIVE,
        rights=("process",),
        term=7,
        position=9,
        issued_at=issued_at,
        expires_at=issued_at + timedelta(seconds=seconds),
        waits_for=None,
    )


def claims(token: str, key: SigningKey) -> dict[str, Any]:
    """What a token says, if that key signed it."""
    public: Any = load_pem_public_key(key.public_pem().encode())
    options: Any = {"verify_exp": False, "verify_iat": False}
    said: dict[str, Any] = jwt.decode(
        token, public, ["EdDSA"], audience="hotslot-node", issuer="hotslot", options=options
    )
    return said


def test_it_is_looked_for_once_however_many_ask(monkeypatch: pytest.MonkeyPatch):
    async def go() -> None:
        folder = Folder()
        signers = Signers(folder.read)
        folder.open.clear()
        asking = [asyncio.create_task(signers.present()) for _ in range(5)]
        await asyncio.sleep(0)
        folder.open.set()
        first, *others = await asyncio.gather(*asking)
        assert {id(each) for each in others} == {id(first)}
        later(asyncio.get_running_loop(), monkeypatch, LOOK_SECONDS / 2)
        assert await signers.present() is first
        assert folder.looks == 1

    asyncio.run(go())


def test_a_key_that_was_rotated_or_revoked_signs_no_longer(monkeypatch: pytest.MonkeyPatch):
    async def go() -> None:
        loop, folder = asyncio.get_running_loop(), Folder()
        signers = Signers(folder.read)
        await signers.present()
        folder.key = SigningKey.generate()
        later(loop, monkeypatch, LOOK_SECONDS * 1.01)
        token = (await signers.present()).token(lease(MIDNIGHT, 60))
        assert jwt.get_unverified_header(token) == {
            "alg": "EdDSA",
            "kid": folder.key.id,
            "typ": "JWT",
        }
        assert claims(token, folder.key)["sub"] == "a"
        folder.key = None
        later(loop, monkeypatch, LOOK_SECONDS * 1.01)
        with pytest.raises(LookupError):
            await signers.present()

    asyncio.run(go())


def test_one_who_goes_away_does_not_end_the_look_of_the_others():
    async def go() -> None:
        folder = Folder()
        signers = Signers(folder.read)
        folder.open.clear()
        gone, stays = (asyncio.create_task(signers.present()) for _ in "12")
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        folder.open.set()
        assert isinstance(await stays, Signer)

    asyncio.run(go())


@pytest.mark.parametrize("microsecond", [0, 1, 123457, 333333, 999999])
@pytest.mark.parametrize("seconds", [1, 60, 3600])
def test_no_token_is_longer_than_its_lease(seconds: int, microsecond: int):
    key = SigningKey.generate()
    issued = MIDNIGHT.replace(microsecond=microsecond)
    said = claims(Signer(key).token(lease(issued, seconds)), key)
    assert said["exp"] - said["iat"] == seconds
    assert abs(said["iat"] - issued.timestamp()) < 1e-6
