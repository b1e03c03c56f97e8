"""The statements on leases."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg import AsyncConnection

from hotslot.domain.deployment import Deployment
from hotslot.domain.license import License
from hotslot.leases.deciding import Wanted, serving
from hotslot.leases.lease import Awaited

# Gives leases, in one transaction of its own.
GRANT = "SELECT stale, granted::text FROM leases.grant(%s, %s, %s)"

# Keeps the ledger as it is until the transaction ends.
HOLD_LEDGER = "SELECT leases.hold_ledger()"

# Whose end a deployment has to await before it processes.
AWAITED = """
SELECT deployment, until FROM leases.awaited(%s, %s, %s, %s, clock_timestamp())
"""

_encode = msgspec.json.Encoder().encode


class Given(msgspec.Struct, frozen=True):
    """A lease that was given."""

    deployment: str
    expires_at: datetime
    processes: bool
    awaits: str | None
    until: datetime | None

    @property
    def waits_for(self) -> Awaited | None:
        """Whom it waits for."""
        if self.awaits is None or self.until is None:
            return None
        return Awaited(self.awaits, self.until)


class Granted(msgspec.Struct, frozen=True):
    """A batch of leases that were given at one time, behind one position."""

    head: int
    at: datetime
    leases: list[Given]


_granted = msgspec.json.Decoder(Granted)


async def grant(
    connection: AsyncConnection[Any],
    checks: Mapping[str, int],
    wanted: Sequence[Wanted],
    stopped: Sequence[str],
) -> Granted | None:
    """Give leases, by decisions that rest on these versions of streams; None if one moved on.

    `stopped` names deployments that lost an active role, and say that they have ended it.
    """
    cursor = await connection.execute(
        GRANT,
        (
            _encode(checks).decode(),
            _encode(wanted).decode(),
            _encode([{"deployment": each} for each in stopped]).decode(),
        ),
    )
    row = await cursor.fetchone()
    assert row is not None
    return None if row[0] is not None else _granted.decode(row[1])


async def awaited(
    connection: AsyncConnection[Any], deployment: Deployment, license_: License
) -> Awaited | None:
    """Whose end a deployment that was nominated to wait has to await still."""
    cursor = await connection.execute(
        AWAITED,
        (deployment.id, license_.id, deployment.term, _encode(serving(license_)).decode()),
    )
    row = await cursor.fetchone()
    return None if row is None else Awaited(*row)
