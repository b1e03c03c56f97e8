"""What a node needs of the backend. `connection` gives it, through `hotslot.client`."""

from collections.abc import Mapping
from typing import Any, Protocol

Json = dict[str, Any]


class RefusedError(Exception):
    """The backend said no."""

    def __init__(self, code: str, detail: str, status: int = 409) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.status = code, detail, status


class OutOfReachError(Exception):
    """No backend answered."""


class LeaseSource(Protocol):
    """Where leases and the keys that sign them come from.

    Each call raises `RefusedError` and `OutOfReachError`.
    """

    @property
    def has_credential(self) -> bool:
        """Whether there is a key to ask with at all."""

    async def lease(self, deployment: str, *, processing: bool) -> Mapping[str, Any]:
        """The backend's answer, with the `token` in it; says what the instance does meanwhile."""

    async def jwks(self) -> Mapping[str, Any]:
        """The backend's public keys, as a JSON Web Key Set."""


class Roles(Protocol):
    """How a deployment changes its role. Each call raises `RefusedError` and `OutOfReachError`.

    `under` is a license's `activation_key`, or a `license_file` with the text of one; without it,
    the license is the one of the node's own key.
    """

    async def activate(self, deployment: str, under: Mapping[str, str], reason: str | None) -> Json:
        """Take a slot."""

    async def register(
        self,
        deployment: str,
        under: Mapping[str, str],
        standby_for: str | None,
        reason: str | None,
    ) -> Json:
        """Stand by as a hot backup."""

    async def deactivate(self, deployment: str, reason: str | None) -> Json:
        """Give the slot back."""

    async def unregister(self, deployment: str, reason: str | None) -> Json:
        """Be no backup any more."""

    async def nominate(
        self, deployment: str, replaces: str | None, reason: str | None, *, wait_for_release: bool
    ) -> Json:
        """Become the active one."""
