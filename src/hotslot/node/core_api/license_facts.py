"""The license of this instance, as the backend last told of it."""

import asyncio
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from hotslot.client import HotslotError
from hotslot.node.atomic_file import write_private
from hotslot.node.connection import Connection
from hotslot.node.lease_keeper import LeaseKeeper

PATIENCE_SECONDS = 5.0
"""Nobody who asks what the license is waits longer for the backend."""

_log = structlog.get_logger(__name__)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """A license that this instance holds a role on."""

    license: str
    product: str
    customer: str
    valid: bool
    """Not expired, suspended or revoked when the backend was asked."""
    expires_at: datetime | None
    slots: int
    online: bool
    """Whether the role was had online, and not with a license file."""


class LicenseFacts:
    """Asks the backend, and remembers its answer for when it is out of reach."""

    def __init__(
        self, path: Path, deployment: str, connection: Connection, keeper: LeaseKeeper
    ) -> None:
        self._path = path
        self._deployment = deployment
        self._connection = connection
        self._keeper = keeper
        self._saving = asyncio.Lock()
        self._remembered = self._read()

    async def now(self) -> Facts | None:
        """The license; None for an unlicensed instance.

        Without the backend, it is what was remembered, for as long as the lease lasts.
        """
        if not self._connection.has_credential:
            return None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                facts = await self._ask()
        except (HotslotError, TimeoutError) as error:
            _log.warning("license-not-asked", detail=str(error) or "The backend is too slow.")
            facts, held = self._remembered, self._keeper.standing().license
            return facts if facts is not None and facts.license == held else None
        await self._remember(facts)
        return facts

    async def _ask(self) -> Facts | None:
        client = self._connection.client()
        deployment = await client.deployments.get(self._deployment)
        if deployment.license is None:
            return None
        license_ = await client.licenses.get(deployment.license)
        return Facts(
            license=license_.id,
            product=license_.product,
            customer=license_.customer,
            valid=license_.status == "valid",
            expires_at=license_.expires_at,
            slots=license_.slots.total,
            online=deployment.mode == "online",
        )

    async def _remember(self, facts: Facts | None) -> None:
        async with self._saving:
            if facts is None or facts == self._remembered:
                return
            self._remembered = facts
            try:
                await asyncio.to_thread(write_private, self._path, msgspec.json.encode(facts))
            except OSError as error:
                _log.error("license-not-kept", file=str(self._path), detail=error.strerror)

    def _read(self) -> Facts | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Facts)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None  # it only shortens the way while the backend is absent
