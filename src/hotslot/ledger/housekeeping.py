"""Throws away what was kept for a time only."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

EVERY_SECONDS = 600.0

# Idempotency-Keys are remembered for a day; after that a request under one is a new request.
FORGET_REQUESTS = "DELETE FROM ledger.idempotency WHERE at < clock_timestamp() - interval '24 h'"

_log = structlog.get_logger(__name__)


async def keep_house(
    pool: AsyncConnectionPool[AsyncConnection[Any]], forget_refusals: Callable[[], None]
) -> None:
    """Clean up now and then, until canceled. Several processes may do so at once."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        forget_refusals()
        try:
            async with pool.connection() as connection:
                await connection.execute(FORGET_REQUESTS)
        except (psycopg.Error, PoolTimeout) as error:
            _log.warning("housekeeping-failed", error=type(error).__name__, detail=str(error))
