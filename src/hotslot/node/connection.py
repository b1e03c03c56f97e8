"""The backend, as a node reaches it: with its own key, or with an activation key."""

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from hotslot.client import AsyncHotslot, Lease, Refused
from hotslot.node.memory import Memory

_NO_KEY = {
    "status": 401,
    "code": "no-key",
    "detail": "This instance has neither a node key nor an activation key to ask the backend with. "
    "Give an activation key, or start it with HOTSLOT_NODE_KEY.",
}
_NO_KEY_FOR_FILES = {
    "status": 401,
    "code": "no-node-key",
    "detail": "A license file takes a key of this instance's own, and it has none: an activation "
    "key stands for its own license alone. Start it with HOTSLOT_NODE_KEY, and repeat this call.",
}
_UNFIT_KEY = {
    "status": 403,
    "code": "unknown-activation-key",
    "detail": "The activation key fits no license: it is empty, or has characters that no key has.",
}


class Connection:
    """Calls to the backend. Without a node key, an activation key is shown: the remembered one."""

    def __init__(self, url: str, key: SecretStr | None, memory: Memory) -> None:
        self._key = key
        self._memory = memory
        self._client = AsyncHotslot(url)

    @property
    def has_credential(self) -> bool:
        """Whether there is a key to ask with at all."""
        return self._key is not None or self._memory.content.activation_key is not None

    def client(self, activation_key: str | None = None, *, for_file: bool = False) -> AsyncHotslot:
        """The client to ask with; with an activation key, it is shown where no node key is.

        Raises:
            Refused: there is no key to ask with, or it can't be one.

        """
        if self._key is not None:
            return self._client.acting_as(key=self._key.get_secret_value())
        if for_file and self.has_credential:
            raise Refused(_NO_KEY_FOR_FILES)
        shown = self._memory.content.activation_key if activation_key is None else activation_key
        if shown is None:
            raise Refused(_NO_KEY)
        try:
            return self._client.acting_as(activation_key=shown)
        except ValueError:
            raise Refused(_UNFIT_KEY) from None

    async def lease(self, deployment: str, *, processing: bool) -> Lease:
        """A new lease, for `LeaseKeeper`."""
        return await self.client().deployments.lease(deployment, processing=processing)

    async def jwks(self) -> Mapping[str, Any]:
        """The backend's public keys."""
        return await self._client.jwks()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()
