"""What the two clients have in common: where the server is, who asks, and what was seen of it."""

import ipaddress
from collections.abc import Generator, Mapping
from typing import Generic, Self, TypedDict, TypeVar

import httpx

from hotslot.client.call import Call, credentials
from hotslot.client.exchange import Received, Request, Seen, exchange

T = TypeVar("T")
Http = TypeVar("Http", bound=httpx.Client | httpx.AsyncClient)

# A command may wait for its turn behind a batch, and a read for its view: 30 s is far above.
TIMEOUT_SECONDS = 30.0


class Options(TypedDict):
    """How httpx connects."""

    base_url: httpx.URL
    timeout: httpx.Timeout
    trust_env: bool


def options(url: str, timeout: float, connect_timeout: float | None) -> Options:
    """Give the options for a server. Raises `ValueError` for what is no address of one."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError("give http://host:port or https://host")
    return {
        "base_url": parsed,
        "timeout": httpx.Timeout(timeout, connect=connect_timeout or timeout),
        # A proxy from the environment is right for the Internet and wrong for one's own machine.
        "trust_env": not _is_loopback(parsed.host),
    }


class Client(Generic[Http]):
    """One server under one key."""

    def __init__(self, http: Http, headers: Mapping[str, str], seen: Seen) -> None:
        self._http = http
        self._headers = headers
        self._seen = seen
        self._furnish()

    def _furnish(self) -> None:
        """Make the rooms that hold the methods."""
        raise NotImplementedError

    def acting_as(self, *, key: str | None = None, activation_key: str | None = None) -> Self:
        """Give a client with another key, and with what this one has seen.

        It shares the connections, which end when either is closed. Raises `ValueError` as the
        constructor does.
        """
        other = object.__new__(type(self))
        Client.__init__(other, self._http, credentials(key, activation_key), self._seen)
        return other

    @property
    def position(self) -> int:
        """The highest position of the ledger that any answer has shown, 0 before the first."""
        return self._seen.position

    def _exchange(self, call: Call[T]) -> Generator[Request, Received, T]:
        return exchange(call, self._headers, self._seen, _address(self._http.base_url))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_address(self._http.base_url)!r})"


def _address(url: httpx.URL) -> str:
    """Write a server's address for messages: without the password that it may have in it."""
    return str(url.copy_with(userinfo=b"")).rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
