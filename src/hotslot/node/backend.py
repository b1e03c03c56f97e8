"""What a lease keeper needs of the backend. `connection` gives it."""

from collections.abc import Mapping
from typing import Any, Protocol

from hotslot.client import Lease


class LeaseSource(Protocol):
    """Where leases come from. Each call raises `Refused`, `OutOfReach` and `Unreadable`."""

    @property
    def has_credential(self) -> bool:
        """Whether there is a key to ask with at all."""

    async def lease(self, deployment: str, *, processing: bool) -> Lease:
        """A new lease; nothing but its signed token can be relied on.

        `processing` says what the instance does meanwhile.
        """

    async def jwks(self) -> Mapping[str, Any]:
        """The backend's public keys, as a JSON Web Key Set."""
