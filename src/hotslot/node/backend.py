"""What a node needs of the backend; `hotslot.client` gives it."""

from collections.abc import Mapping
from typing import Any, Protocol

Json = dict[str, Any]


class LeaseSource(Protocol):
    """Where leases and the keys that sign them come from."""

    @property
    def has_credential(self) -> bool:
        """Whether there is a key to ask with at all."""

    async def lease(self, deployment: str, *, processing: bool) -> Mapping[str, Any]:
        """The backend's answer, with the `token` in it; says what the instance does meanwhile."""

    async def jwks(self) -> Mapping[str, Any]:
        """The backend's public keys, as a JSON Web Key Set."""


class RefusedError(Exception):
    def __init__(self, code: str, detail: str, status: int = 409) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.status = code, detail, status


class OutOfReachError(Exception):
    pass
