"""The backend, as a node reaches it: with its own key, or an activation key."""

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from hotslot.node.backend import Json, OutOfReachError, RefusedError
from hotslot.node.memory import Memory


class Connection:
    """Calls for one deployment. Without a node key, the remembered activation key is shown."""

    def __init__(self, url: str, key: SecretStr | None, memory: Memory) -> None:
        self._key = key
        self._memory = memory
        self._http = httpx.AsyncClient(base_url=url, timeout=30, trust_env=False)

    @property
    def has_credential(self) -> bool:
        return self._key is not None or self._memory.content.activation_key is not None

    async def lease(self, deployment: str, *, processing: bool) -> Json:
        return await self._call("POST", deployment, "lease", {"processing": processing})

    async def jwks(self) -> Json:
        return await self._answer("GET", "/.well-known/jwks.json")

    async def activate(self, deployment: str, under: Mapping[str, str], reason: str | None) -> Json:
        return await self._call("PUT", deployment, "activation", {**under, "reason": reason})

    async def register(
        self,
        deployment: str,
        under: Mapping[str, str],
        standby_for: str | None,
        reason: str | None,
    ) -> Json:
        body = {**under, "standby_for": standby_for, "reason": reason}
        return await self._call("PUT", deployment, "backup", body)

    async def deactivate(self, deployment: str, reason: str | None) -> Json:
        return await self._call("DELETE", deployment, "activation", None)

    async def unregister(self, deployment: str, reason: str | None) -> Json:
        return await self._call("DELETE", deployment, "backup", None)

    async def nominate(
        self, deployment: str, replaces: str | None, reason: str | None, *, wait_for_release: bool
    ) -> Json:
        body = {"replaces": replaces, "wait_for_release": wait_for_release, "reason": reason}
        return await self._call("POST", deployment, "nomination", body)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def _call(self, method: str, deployment: str, what: str, body: Json | None) -> Json:
        path = f"/v1/deployments/{quote(deployment, safe=':@~')}/{what}"
        return await self._answer(method, path, json=body)

    async def _answer(self, method: str, path: str, **request: Any) -> Json:
        given = (request.get("json") or {}).get("activation_key")
        activation_key = given or self._memory.content.activation_key
        headers = {"Idempotency-Key": secrets.token_urlsafe(18)}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        elif activation_key is not None:
            headers["activation-key"] = activation_key
        try:
            response = await self._http.request(method, path, headers=headers, **request)
        except httpx.TransportError as error:
            raise OutOfReachError(str(error)) from error
        body = response.json()
        if response.is_success:
            assert isinstance(body, dict)
            return body
        raise RefusedError(body["code"], body["detail"], response.status_code)
