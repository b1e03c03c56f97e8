"""`AsyncHotslot`: the client whose methods are awaited."""

from collections.abc import AsyncIterator, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from hotslot.client.call import Call, Pages, credentials
from hotslot.client.calls import audit, deployments, keys, licenses, log, service
from hotslot.client.connection import TIMEOUT_SECONDS, Client, options
from hotslot.client.exchange import Received, Request, Seen
from hotslot.client.methods import awaited, listed_async

T = TypeVar("T")


class _AsyncRoom:
    """The calls on one kind of thing."""

    def __init__(self, client: "AsyncHotslot") -> None:
        self._client = client

    def answer(self, call: Call[T]) -> Coroutine[Any, Any, T]:
        """Make a call on such a thing."""
        return self._client.answer(call)

    def items(self, pages: Pages[T]) -> AsyncIterator[T]:
        """Iterate over a list of such things."""
        return self._client.items(pages)


class AsyncLicenses(_AsyncRoom):
    """Licenses. Every method raises `Refused`, `OutOfReach` and `Unreadable`."""

    issue = awaited(licenses.issue)
    get = awaited(licenses.get)
    list = listed_async(licenses.list_)
    renew = awaited(licenses.renew)
    resize = awaited(licenses.resize)
    set_lease = awaited(licenses.set_lease)
    suspend = awaited(licenses.suspend)
    reinstate = awaited(licenses.reinstate)
    revoke = awaited(licenses.revoke)
    deployments = listed_async(licenses.deployments)
    tenures = listed_async(licenses.tenures)
    diff = awaited(licenses.diff)
    file = awaited(licenses.file)


class AsyncDeployments(_AsyncRoom):
    """Deployments. Every method raises `Refused`, `OutOfReach` and `Unreadable`."""

    activate = awaited(deployments.activate)
    deactivate = awaited(deployments.deactivate)
    register = awaited(deployments.register)
    unregister = awaited(deployments.unregister)
    nominate = awaited(deployments.nominate)
    get = awaited(deployments.get)
    lease = awaited(deployments.lease)


class AsyncKeys(_AsyncRoom):
    """API keys. Every method raises `Refused`, `OutOfReach` and `Unreadable`."""

    create = awaited(keys.create)
    list = listed_async(keys.list_)
    revoke = awaited(keys.revoke)


class AsyncAudit(_AsyncRoom):
    """The audit trail. Every method raises `Refused`, `OutOfReach` and `Unreadable`."""

    entries = listed_async(audit.entries)
    procedures = listed_async(audit.procedures)
    replay = listed_async(audit.replay)


class AsyncLog(_AsyncRoom):
    """The ledger as a log. Every method raises `Refused`, `OutOfReach` and `Unreadable`."""

    checkpoint = awaited(log.checkpoint)
    keys = awaited(log.keys)
    proof = awaited(log.proof)
    consistency = awaited(log.consistency)


class AsyncHotslot(Client[httpx.AsyncClient]):
    """As `Hotslot`, for one event loop: the same methods, awaited, and lists with `async for`.

    Every method raises `Refused`, `OutOfReach` and `Unreadable`, and at once `ValueError` for
    arguments that can't be right.
    """

    failovers = listed_async(audit.failovers)
    signing_keys = awaited(service.signing_keys)
    jwks = awaited(service.jwks)
    ready = awaited(service.ready)

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        activation_key: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        connect_timeout: float | None = None,
    ) -> None:
        """As for `Hotslot`. Raises `ValueError` for what can't be right."""
        headers = credentials(key, activation_key)
        http = httpx.AsyncClient(**options(url, timeout, connect_timeout))
        super().__init__(http, headers, Seen())

    def _furnish(self) -> None:
        self.licenses = AsyncLicenses(self)
        self.deployments = AsyncDeployments(self)
        self.keys = AsyncKeys(self)
        self.audit = AsyncAudit(self)
        self.log = AsyncLog(self)

    async def answer(self, call: Call[T]) -> T:
        """Make a call of `hotslot.client.calls`, or of one's own."""
        steps = self._exchange(call)
        request = next(steps)
        while True:
            try:
                request = steps.send(await self._send(request))
            except StopIteration as done:
                result: T = done.value
                return result

    async def items(self, pages: Pages[T]) -> AsyncIterator[T]:
        """Iterate over a list, asking for each page when it is wanted."""
        cursor: str | None = None
        while True:
            page = await self.answer(pages.page(cursor))
            for item in page.items:
                yield item
            cursor = page.next
            if cursor is None:
                return

    async def _send(self, request: Request) -> Received:
        try:
            return await self._http.request(
                request.method,
                request.path,
                params=request.query,
                json=request.body,
                headers=request.headers,
            )
        except httpx.RequestError as error:
            return error

    async def aclose(self) -> None:
        """Let go of the connections. `async with AsyncHotslot(...) as hotslot:` does it."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
