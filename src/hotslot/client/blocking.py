"""`Hotslot`: the client whose methods wait for the answer."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self, TypeVar

import httpx

from hotslot.client.call import Call, Pages, credentials
from hotslot.client.calls import audit, deployments, keys, licenses, log, service
from hotslot.client.connection import TIMEOUT_SECONDS, Client, options
from hotslot.client.exchange import Received, Request, Seen
from hotslot.client.methods import answered, listed

T = TypeVar("T")


class _Room:
    """The calls on one kind of thing."""

    def __init__(self, client: "Hotslot") -> None:
        self._client = client

    def answer(self, call: Call[T]) -> T:
        """Make a call on such a thing."""
        return self._client.answer(call)

    def items(self, pages: Pages[T]) -> Iterator[T]:
        """Iterate over a list of such things."""
        return self._client.items(pages)


class Licenses(_Room):
    """Licenses. Every method raises `Refused`, `OutOfReach` and `Unreadable`."""

    issue = answered(licenses.issue)
    get = answered(licenses.get)
    list = listed(licenses.list_)
    renew = answered(licenses.renew)
    resize = answered(licenses.resize)
    set_lease = answered(licenses.set_lease)
    suspend = answered(licenses.suspend)
    reinstate = answered(licenses.reinstate)
    revoke = answered(licenses.revoke)
    deployments = listed(licenses.deployments)
    tenures = listed(licenses.tenures)
    diff = answered(licenses.diff)
    file = answered(licenses.file)


class Deployments(_Room):
    """Deployments. Every method raises `Refused`, `OutOfReach` and `Unreadable`."""

    activate = answered(deployments.activate)
    deactivate = answered(deployments.deactivate)
    register = answered(deployments.register)
    unregister = answered(deployments.unregister)
    nominate = answered(deployments.nominate)
    get = answered(deployments.get)
    lease = answered(deployments.lease)


class Keys(_Room):
    """API keys. Every method raises `Refused`, `OutOfReach` and `Unreadable`."""

    create = answered(keys.create)
    list = listed(keys.list_)
    revoke = answered(keys.revoke)


class Audit(_Room):
    """The audit trail. Every method raises `Refused`, `OutOfReach` and `Unreadable`."""

    entries = listed(audit.entries)
    procedures = listed(audit.procedures)
    replay = listed(audit.replay)


class Log(_Room):
    """The ledger as a log. Every method raises `Refused`, `OutOfReach` and `Unreadable`."""

    checkpoint = answered(log.checkpoint)
    keys = answered(log.keys)
    proof = answered(log.proof)
    consistency = answered(log.consistency)


class Hotslot(Client[httpx.Client]):
    """A Hotslot server, as the holder of one key sees it. Threads may share a client.

    Reads are at least as new as everything that this client has seen, whichever process of the
    server answers. A connection that drops is tried once more, and commands carry an idempotency
    key, so that this has one effect. Every method raises `Refused`, `OutOfReach` and `Unreadable`,
    and `ValueError`, before anything is sent, for arguments that can't be right.
    """

    failovers = listed(audit.failovers)
    signing_keys = answered(service.signing_keys)
    jwks = answered(service.jwks)
    ready = answered(service.ready)

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        activation_key: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        connect_timeout: float | None = None,
    ) -> None:
        """Nothing is sent until the first call.

        `url` is http://host:port or https://host, and may have a path that a proxy takes away.
        `key` is an API key; `activation_key` lets a deployment act on itself under that license.
        `timeout` is for how many seconds the server may be silent, and `connect_timeout` for how
        many a connection may take (unset, as many). Raises `ValueError` for what can't be right.
        """
        headers = credentials(key, activation_key)
        http = httpx.Client(**options(url, timeout, connect_timeout))
        super().__init__(http, headers, Seen())

    def _furnish(self) -> None:
        self.licenses = Licenses(self)
        self.deployments = Deployments(self)
        self.keys = Keys(self)
        self.audit = Audit(self)
        self.log = Log(self)

    def answer(self, call: Call[T]) -> T:
        """Make a call of `hotslot.client.calls`, or of one's own."""
        steps = self._exchange(call)
        request = next(steps)
        while True:
            try:
                request = steps.send(self._send(request))
            except StopIteration as done:
                result: T = done.value
                return result

    def items(self, pages: Pages[T]) -> Iterator[T]:
        """Iterate over a list, asking for each page when it is wanted."""
        cursor: str | None = None
        while True:
            page = self.answer(pages.page(cursor))
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def _send(self, request: Request) -> Received:
        try:
            return self._http.request(
                request.method,
                request.path,
                params=request.query,
                json=request.body,
                headers=request.headers,
            )
        except httpx.RequestError as error:
            return error

    def close(self) -> None:
        """Let go of the connections. `with Hotslot(...) as hotslot:` does it by itself."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
