"""When deployments were last seen: kept for a moment, since many ask again and again."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from hotslot.leases.lease import Lease

KEPT_SECONDS = 1.0
"""What another process has seen shows here after so long at the latest."""

CAPACITY = 20_000

# The newest lease of a deployment on a license.
NEWEST = """
SELECT seen_at, expires_at FROM leases.leases
 WHERE deployment = %s AND license = %s ORDER BY term DESC, seen_at DESC LIMIT 1
"""

NEWEST_OF_EACH = """
SELECT DISTINCT ON (deployment) deployment, seen_at, expires_at FROM leases.leases
 WHERE deployment = ANY(%s) AND license = %s ORDER BY deployment, term DESC
"""


class Sighting(msgspec.Struct, frozen=True):
    """When a deployment took its newest lease on a license, and when that one ends."""

    seen_at: datetime
    expires_at: datetime


async def newest_of_each(
    connection: AsyncConnection[Any], deployments: Sequence[str], license_id: str
) -> dict[str, Sighting]:
    """The newest lease that each deployment took on the license; without those that took none."""
    cursor = await connection.execute(NEWEST_OF_EACH, (list(deployments), license_id))
    return {deployment: Sighting(*times) for deployment, *times in await cursor.fetchall()}


class Sightings:
    """The newest lease of each deployment. What this process gives itself is known at once."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self._pool = pool
        self._kept: dict[tuple[str, str], tuple[float, Sighting | None]] = {}

    async def newest(self, deployment: str, license_id: str) -> Sighting | None:
        """The newest lease that the deployment took on the license; None when it never took one."""
        now = asyncio.get_running_loop().time()
        kept = self._kept.get((deployment, license_id))
        if kept is not None and now - kept[0] < KEPT_SECONDS:
            return kept[1]
        async with self._pool.connection() as connection:
            row = await (await connection.execute(NEWEST, (deployment, license_id))).fetchone()
        found = None if row is None else Sighting(*row)
        kept = self._kept.get((deployment, license_id))
        if kept is not None and kept[0] > now:
            return kept[1]  # it took another one meanwhile
        self._keep(deployment, license_id, now, found)
        return found

    def saw(self, lease: Lease) -> None:
        """Take note of a lease that was given."""
        sighting = Sighting(lease.issued_at, lease.expires_at)
        now = asyncio.get_running_loop().time()
        self._keep(lease.deployment, lease.license, now, sighting)

    def _keep(self, deployment: str, license_id: str, now: float, found: Sighting | None) -> None:
        if len(self._kept) >= CAPACITY:
            self._kept.clear()
        self._kept[deployment, license_id] = now, found
