"""Peer: a plain endpoint that signs the same token and upserts one row, with one commit each.

It decides nothing: who has which role is made up. Run it with `python -m bench.peers.leases
DATABASE_URL KEY_FOLDER`; its table must be there.
"""

import hashlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import FastAPI, HTTPException, Request, Response
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from bench.peers import shapes
from bench.peers.serving import serve
from hotslot.licensefiles import KeyFolder

KEY = "lease-peer-key"
POOL_SIZE = 12
SECONDS = timedelta(seconds=60)
RIGHTS = (
    "process",
    "engines.download",
    "engines.upload",
    "engines.deploy",
    "settings.modify",
    "settings.import",
    "administer",
)

UPSERT = """
INSERT INTO lease (deployment, license, term, seen_at, expires_at) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (deployment) DO UPDATE
   SET seen_at = excluded.seen_at, expires_at = excluded.expires_at
"""


class Asked(BaseModel):
    """The body."""

    processing: bool | None = None


class Lease(msgspec.Struct):
    """The answer, as Hotslot gives it."""

    token: str
    deployment: str
    role: str
    license: str
    rights: tuple[str, ...]
    term: int
    position: int
    issued_at: datetime
    expires_at: datetime
    waits_for: None = None


def make_app(database_url: str, keys: Path) -> FastAPI:
    """Return the service, on a database that holds the table, signing with the folder's key."""
    signing = KeyFolder(keys).read().signing
    assert signing is not None
    key = load_pem_private_key(signing.private_pem(), None)
    known = {hashlib.sha256(KEY.encode()).digest(): "bench"}
    pool = AsyncConnectionPool(
        database_url,
        min_size=POOL_SIZE,
        max_size=POOL_SIZE,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 0},
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with pool:
            await pool.wait()
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/deployments/{deployment}/lease")
    async def lease(deployment: str, body: Asked, request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or hashlib.sha256(given.encode()).digest() not in known:
            raise HTTPException(401, "unauthenticated")
        now = datetime.now(UTC)
        ends = now + SECONDS
        async with pool.connection() as connection:
            await connection.execute(UPSERT, (deployment, "l0", 1, now, ends), binary=True)
        claims = {
            "iss": "hotslot",
            "aud": "hotslot-node",
            "sub": deployment,
            "license": "l0",
            "role": "active",
            "rights": RIGHTS,
            "term": 1,
            "position": 1,
            "iat": now.timestamp(),
            "exp": ends.timestamp(),
        }
        token = jwt.encode(claims, key, "EdDSA", {"kid": signing.id})  # type: ignore[arg-type]
        told = Lease(token, deployment, "active", "l0", RIGHTS, 1, 1, now, ends)
        return shapes.answer(told)

    return app


if __name__ == "__main__":
    serve(make_app(sys.argv[1], Path(sys.argv[2])))
