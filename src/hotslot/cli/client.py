"""The small HTTP client under every command that talks to a server.

It adds what each call needs: the key, one retry of a dropped connection, an idempotency key that
makes that retry safe, and `min_position` on reads, so that they follow this process's own writes.
"""

import ipaddress
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

# A command may wait for its turn behind a batch, and a read for its projection: 30 s is far above.
TIMEOUT_S = 30.0
SERVER_AWAY = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)

# Answered 503 too, but by a server that is well: someone has to act, not to wait.
KEYS_MISSING = ("no-signing-key", "license-file-keys-unreadable")
YAML = "application/yaml"

PAGE = 1000
TRIES_WHEN_BEHIND = 10

Json = dict[str, Any]


class CallError(Exception):
    """A call that did not give what was asked; `exit_status` is what the process ends with."""

    exit_status = 1


class RefusedError(CallError):
    """The server said no; `problem` is its answer (RFC 9457), made up when it gave none."""

    def __init__(self, problem: Json) -> None:
        super().__init__(f"{problem.get('code')}: {problem.get('detail')}")
        self.problem = problem

    @property
    def code(self) -> str:
        """The stable name of the reason, such as `no-free-slot`."""
        return str(self.problem.get("code", ""))

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return int(self.problem.get("status", 0))


class OutOfReachError(CallError):
    """No server answered, or one did that can't serve just now: then `problem` is its answer.

    `repeat_with` is the idempotency key of a command that may or may not have been carried out.
    """

    exit_status = 3

    def __init__(
        self, what: str, *, problem: Json | None = None, repeat_with: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.problem = problem
        self.repeat_with = repeat_with

    @property
    def is_behind(self) -> bool:
        """Whether a read came before its projection; the next try may be answered."""
        return self.problem is not None and self.problem.get("code") == "projection-behind"


@dataclass
class Seen:
    """The highest position that any answer to this process has shown."""

    position: int = 0

    def note(self, header: str | None) -> None:
        """Take in the `Hotslot-Position` of an answer, if it has one."""
        if header is not None and header.isdecimal():
            self.position = max(self.position, int(header))


@dataclass(frozen=True)
class Answer:
    """What the server said: the HTTP status and the JSON body."""

    status: int
    body: Json


@dataclass(frozen=True)
class Client:
    """Calls to one server under one key. `connect` makes it; `acting_as` changes the key."""

    http: httpx.Client
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    seen: Seen = field(default_factory=Seen)

    def acting_as(self, *, key: str | None = None, activation_key: str | None = None) -> "Client":
        """Give the same connection with other credentials; positions seen are shared."""
        return replace(self, headers=credentials(key=key, activation_key=activation_key))

    def get(self, path: str, **query: str | int | None) -> Json:
        """Read `path`, at least as new as everything this process has seen.

        Raises `RefusedError` and `OutOfReachError`.
        """
        asked = {name: value for name, value in query.items() if value is not None}
        if self.seen.position:
            asked["min_position"] = self.seen.position
        tries = 1
        while True:
            try:
                return self._call("GET", path, params=asked).body
            except OutOfReachError as failure:
                # The server has waited for a second before it gave up, so this need not wait.
                if not failure.is_behind or tries == TRIES_WHEN_BEHIND:
                    raise
                tries += 1

    def pages(self, path: str, items: str, limit: int | None, **query: str | int | None) -> Json:
        """Read a list page by page until it ends or holds `limit` items, if there is a limit.

        Raises `RefusedError` and `OutOfReachError`.
        """
        found: list[Any] = []
        cursor: str | None = None
        while True:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            page = self.get(path, **query, limit=size, cursor=cursor)
            found += page[items]
            cursor = page.get("next")
            if cursor is None or len(found) == limit:
                return {**page, items: found}

    def command(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Ask for a change. The reason goes in the body, or in a header where there is none.

        Raises `RefusedError` and `OutOfReachError`.
        """
        if body is not None and reason is not None:
            body, reason = {**body, "reason": _line(reason)}, None
        with _once(reason, idempotency_key) as headers:
            return self._call(method, path, json=body, headers=headers)

    def file(
        self,
        path: str,
        deployment: str | None = None,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Have a license file made; gives its text as the server wrote it.

        Raises `RefusedError` and `OutOfReachError`.
        """
        asked = {} if deployment is None else {"deployment": deployment}
        with _once(reason, idempotency_key) as headers:
            response = self._response("GET", path, params=asked, headers=headers)
            if response.is_success and response.headers.get("Content-Type", "").startswith(YAML):
                # Not `response.text`: that guesses at the encoding.
                return response.content.decode()
            raise _failure(response)

    def _call(self, method: str, path: str, **request: Any) -> Answer:
        response = self._response(method, path, **request)
        body = _json(response)
        if response.is_success and body is not None:
            return Answer(response.status_code, body)
        raise _failure(response)

    def _response(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {**self.headers, **request.pop("headers", {})}
        try:
            try:
                response = self.http.request(method, path, headers=headers, **request)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                # The connection dropped under the call. Once more: reads change nothing, and
                # commands carry an idempotency key.
                response = self.http.request(method, path, headers=headers, **request)
        except httpx.TimeoutException as error:
            raise OutOfReachError(f"{self.http.base_url} gave no answer in time.") from error
        except httpx.TransportError as error:
            raise OutOfReachError(
                f"No server answers at {self.http.base_url} ({error})."
            ) from error
        self.seen.note(response.headers.get("Hotslot-Position"))
        return response


def credentials(*, key: str | None = None, activation_key: str | None = None) -> dict[str, str]:
    """Give the headers that say who asks: an API key, or a license's activation key instead."""
    if activation_key is not None:
        return {"activation-key": activation_key}
    if key is not None:
        return {"Authorization": f"Bearer {key}"}
    return {}


@contextmanager
def connect(url: str, headers: Mapping[str, str]) -> Iterator[Client]:
    """Open a client for the server at `url`; nothing is sent until the first call."""
    # A proxy from the environment is right for the Internet and wrong for one's own machine.
    with httpx.Client(
        base_url=url, timeout=TIMEOUT_S, trust_env=not _is_loopback(httpx.URL(url).host)
    ) as http:
        yield Client(http, headers)


def path(*parts: str) -> str:
    """Build a path of the API, with each part escaped: `path("licenses", "x")`."""
    return "/v1/" + "/".join(quote(part, safe=":@~") for part in parts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _once(reason: str | None, idempotency_key: str | None) -> Iterator[dict[str, str]]:
    """Give the headers of a request with one effect, and name its key where it may have had it."""
    once = idempotency_key or secrets.token_urlsafe(18)
    headers = {"Idempotency-Key": once}
    if reason is not None:
        headers["Hotslot-Reason"] = quote(_line(reason), safe=" ,;:'()/")
    try:
        yield headers
    except OutOfReachError as failure:
        raise OutOfReachError(failure.what, problem=failure.problem, repeat_with=once) from failure


def _line(reason: str) -> str:
    return " ".join(reason.split())


def _json(response: httpx.Response) -> Json | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _failure(response: httpx.Response) -> CallError:
    """Say why an answer doesn't give what was asked."""
    body = _json(response)
    if body is None or "code" not in body:
        body = _made_up_problem(response)
    if response.status_code in SERVER_AWAY and body["code"] not in KEYS_MISSING:
        return OutOfReachError(str(body.get("detail") or body["title"]), problem=body)
    return RefusedError(body)


def _made_up_problem(response: httpx.Response) -> Json:
    """Describe an answer that isn't Hotslot's: a proxy's page, or another server altogether."""
    return {
        "title": "Unexpected answer",
        "status": response.status_code,
        "code": "unexpected-answer",
        "detail": f"{response.request.method} {response.request.url} was answered "
        f"{response.status_code} {response.reason_phrase} without a Hotslot body. "
        "Is this the address of a Hotslot server?",
    }
