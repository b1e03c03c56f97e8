"""Peer (b): an endpoint that parses the same body and does nothing; and a one-row select.

They show what the framework costs, and what it costs with the simplest of reads. Neither looks at
the API key. Run it with `python -m bench.peers.nothing DATABASE_URL`.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
from fastapi import FastAPI, HTTPException, Response
from psycopg_pool import AsyncConnectionPool

from bench.peers import shapes
from bench.peers.serving import serve

POOL_SIZE = 12

SELECT_ROW = """
SELECT id, product, customer, status, slots, used, expires_at, term, position
  FROM license WHERE id = %s
"""


class Row(msgspec.Struct):
    """A row of the CRUD service's license table."""

    id: str
    product: str
    customer: str
    status: str
    slots: int
    used: int
    expires_at: datetime | None
    term: int
    position: int


def make_app(database_url: str) -> FastAPI:
    """Return the service, on a database that holds the tables of crud.sql."""
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

    @app.put("/v1/deployments/{deployment}/activation")
    async def activate(deployment: str, body: shapes.Activation) -> Response:
        return shapes.active(deployment, body.license or "", datetime.now(UTC), 1, 1)

    @app.delete("/v1/deployments/{deployment}/activation")
    async def deactivate(deployment: str) -> Response:
        return shapes.unlicensed(deployment, 1)

    @app.get("/rows/{row}")
    async def select(row: str) -> Response:
        async with pool.connection() as connection:
            cursor = await connection.execute(SELECT_ROW, (row,), binary=True)
            found = await cursor.fetchone()
        if found is None:
            raise HTTPException(404, "no such row")
        return shapes.answer(Row(*found))

    return app


if __name__ == "__main__":
    serve(make_app(sys.argv[1]))
