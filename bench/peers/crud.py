"""Peer (a): the plain CRUD service, doing what Hotslot's commands do, without events.

It locks the license's row, checks, writes the deployment, updates the license and writes an audit
row, in one transaction; the rules are in Python, as Hotslot's are. Tried and measured on the way
here: a statement for each step and `psycopg`'s pipeline mode both used more CPU time per command
than two prepared statements between BEGIN and COMMIT.

Run it with `python -m bench.peers.crud DATABASE_URL`; its tables must be there.
"""

import hashlib
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI, HTTPException, Request, Response
from psycopg_pool import AsyncConnectionPool

from bench.peers import shapes
from bench.peers.serving import serve

KEY = "crud-peer-key"
POOL_SIZE = 12

# Locks the license, and reads the deployment with it.
LOCK_TO_ACTIVATE = """
SELECT l.id, l.status, l.slots, l.used, l.expires_at, l.term, d.license, d.role, d.position
  FROM license AS l LEFT JOIN deployment AS d ON d.id = %s
 WHERE l.id = %s
   FOR UPDATE OF l
"""

# Locks the license that the deployment is bound to, and the deployment.
LOCK_TO_DEACTIVATE = """
SELECT l.id, l.used, l.term, d.role
  FROM deployment AS d JOIN license AS l ON l.id = d.license
 WHERE d.id = %s
   FOR UPDATE OF l, d
"""

# Writes the audit row, the license and the deployment; returns the audit row's position, or no row
# when another license took the deployment meanwhile.
WRITE = """
WITH audited AS (
    INSERT INTO audit (at, type, license, deployment, actor, request_id, reason)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    RETURNING position, at, license, deployment
), counted AS (
    UPDATE license AS l SET used = %s, term = %s, position = a.position
      FROM audited AS a WHERE l.id = a.license
), bound AS (
    INSERT INTO deployment (id, license, role, mode, since, term, position)
    SELECT a.deployment, %s, %s, %s, a.at, %s, a.position FROM audited AS a
    ON CONFLICT (id) DO UPDATE
       SET license = excluded.license, role = excluded.role, mode = excluded.mode,
           since = excluded.since, term = excluded.term, position = excluded.position
     WHERE deployment.role = 'unlicensed' OR excluded.role = 'unlicensed'
    RETURNING id
)
SELECT a.position FROM audited AS a JOIN bound AS b ON b.id = a.deployment
"""


class Crud:
    """The service, on a database that holds the tables of crud.sql."""

    def __init__(self, database_url: str, pool_size: int = POOL_SIZE) -> None:
        self._keys = {hashlib.sha256(KEY.encode()).digest(): "bench"}
        self._pool = AsyncConnectionPool(
            database_url,
            min_size=pool_size,
            max_size=pool_size,
            open=False,
            kwargs={"autocommit": True, "prepare_threshold": 0},
        )

    def app(self) -> FastAPI:
        """Return the service as an ASGI application."""
        app = FastAPI(lifespan=self._lifespan)
        path = "/v1/deployments/{deployment}/activation"
        app.put(path)(self.activate)
        app.delete(path)(self.deactivate)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        async with self._pool:
            await self._pool.wait()
            yield

    async def activate(
        self, deployment: str, body: shapes.Activation, request: Request
    ) -> Response:
        """Give the deployment a slot; asking for what is already so changes nothing."""
        actor = self._authenticated(request)
        now = datetime.now(UTC)
        async with self._pool.connection() as connection, connection.transaction():
            cursor = await connection.execute(
                LOCK_TO_ACTIVATE, (deployment, body.license), binary=True
            )
            found = await cursor.fetchone()
            if found is None:
                raise HTTPException(404, "unknown-license")
            license_id, status, slots, used, expires_at, term, bound, role, position = found
            if bound == license_id and role == shapes.Role.ACTIVE:
                return shapes.active(deployment, bound, now, term, position)
            if status != "valid" or (expires_at is not None and expires_at <= now):
                raise HTTPException(403, "license-not-valid")
            if bound is not None and bound != license_id:
                raise HTTPException(409, "bound-to-another-license")
            if role == shapes.Role.BACKUP:
                raise HTTPException(409, "backup-cannot-activate")
            if used >= slots:
                raise HTTPException(409, "no-free-slot")
            term += 1
            audit = (now, "activated", license_id, deployment, actor, uuid.uuid4().hex)
            after = (used + 1, term, license_id, shapes.Role.ACTIVE.value, "online", term)
            cursor = await connection.execute(WRITE, (*audit, body.reason, *after), binary=True)
            written = await cursor.fetchone()
            if written is None:
                raise HTTPException(409, "bound-to-another-license")
        return shapes.active(deployment, license_id, now, term, written[0])

    async def deactivate(self, deployment: str, request: Request) -> Response:
        """Take the slot back from an active deployment."""
        actor = self._authenticated(request)
        now = datetime.now(UTC)
        async with self._pool.connection() as connection, connection.transaction():
            cursor = await connection.execute(LOCK_TO_DEACTIVATE, (deployment,), binary=True)
            found = await cursor.fetchone()
            if found is None or found[3] != shapes.Role.ACTIVE:
                raise HTTPException(409, "not-active")
            license_id, used, term, _ = found
            audit = (now, "deactivated", license_id, deployment, actor, uuid.uuid4().hex)
            after = (used - 1, term + 1, None, shapes.Role.UNLICENSED.value, None, None)
            reason = request.headers.get("hotslot-reason")
            cursor = await connection.execute(WRITE, (*audit, reason, *after), binary=True)
            written = await cursor.fetchone()
        assert written is not None
        return shapes.unlicensed(deployment, written[0])

    def _authenticated(self, request: Request) -> str:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        actor = self._keys.get(hashlib.sha256(key.encode()).digest())
        if scheme != "Bearer" or actor is None:
            raise HTTPException(401, "unauthenticated")
        return actor


if __name__ == "__main__":
    serve(Crud(sys.argv[1]).app())
