"""The signer in use: kept, since reading keys from disk costs more than signing."""

import asyncio
from collections.abc import Awaitable, Callable

from hotslot.leases.lease import Signer
from hotslot.licensefiles import SigningKey

LOOK_SECONDS = 1.0
"""A key that was rotated or revoked signs no longer than this."""


class Signers:
    """Looks for the signing key anew, at most once in LOOK_SECONDS."""

    def __init__(self, read: Callable[[], Awaitable[SigningKey]]) -> None:
        """`read` gives the key that signs now, or raises what whoever asks for a lease is told."""
        self._read = read
        self._looking: asyncio.Task[Signer] | None = None
        self._looked_at = float("-inf")
        self._last: tuple[str, Signer] | None = None

    async def present(self) -> Signer:
        """The signer with the key that signs now.

        Raises:
            Exception: what `read` raises when there is none.

        """
        now = asyncio.get_running_loop().time()
        if self._looking is None or now - self._looked_at > LOOK_SECONDS:
            self._looked_at = now
            self._looking = asyncio.create_task(self._look())
        if self._looking.done():
            return self._looking.result()
        # One whose client goes away must not end the look for the others.
        return await asyncio.shield(self._looking)

    async def _look(self) -> Signer:
        key = await self._read()
        if self._last is None or self._last[0] != key.id:
            self._last = key.id, Signer(key)
        return self._last[1]
