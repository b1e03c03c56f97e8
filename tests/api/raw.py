"""Requests byte by byte, and a server that takes them."""

import asyncio
import re
from typing import Any

from psycopg import Connection

from hotslot.api.app import create_app
from tests.races.wire import Answer, connected
from tests.serving import ADMIN_KEY

ROUTES = [
    (method.upper(), re.sub(r"\{\w+\}", "x", path))
    for path, operations in create_app("postgresql://").openapi()["paths"].items()
    for method in operations
]
COMMANDS = [(method, path) for method, path in ROUTES if method != "GET"]
FILE_OF_X = "/v1/licenses/x/file"
TAKES_FILE = [("PUT", "/v1/deployments/x/activation"), ("PUT", "/v1/deployments/x/backup")]
PUBLIC = [
    ("GET", "/v1/signing-keys"),
    ("GET", "/v1/log/checkpoint"),
    ("GET", "/v1/log/key"),
    ("GET", "/.well-known/jwks.json"),
]
EVENTS = "SELECT count(*) FROM ledger.events"


class Target:
    """A server that nobody else writes to, and its ledger."""

    def __init__(self, url: str, ledger: Connection[Any]) -> None:
        self.url, self._ledger = url, ledger

    def recorded(self) -> int:
        (count,) = self._ledger.execute(EVENTS).fetchone() or (0,)
        return int(count)

    def send(self, *requests: bytes) -> list[Answer]:
        """Send each on a connection of its own: a server may close it after nonsense."""

        async def send_all() -> list[Answer]:
            async with connected(*[self.url] * len(requests)) as connections:
                return await asyncio.gather(
                    *(c.send(request) for c, request in zip(connections, requests, strict=True))
                )

        return asyncio.run(send_all())

    def refuses(self, *requests: bytes, statuses: set[int]) -> None:
        """Each request gets a problem with one of the statuses, and none is recorded."""
        before = self.recorded()
        for request, answer in zip(requests, self.send(*requests), strict=True):
            assert answer.status in statuses, (request[:200], answer)
            assert answer.headers["content-type"] == "application/problem+json", request[:200]
            assert answer.body["status"] == answer.status
            assert answer.body["request_id"] == answer.headers["x-request-id"]
            assert "\\ud8" not in answer.raw.decode()
        assert self.recorded() == before


def request(
    method: str, path: str, *more: bytes, body: bytes = b"", media_type: bytes = b"application/json"
) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1".encode("latin-1"),
        b"Host: test",
        b"Authorization: Bearer " + ADMIN_KEY.encode(),
        b"Content-Type: " + media_type,
        b"Content-Length: %d" % len(body),
        *more,
    ]
    return b"\r\n".join([*lines, b"", b""]) + body


def chunked(method: str, path: str, *chunks: bytes) -> bytes:
    head = request(method, path, b"Transfer-Encoding: chunked").replace(
        b"Content-Length: 0\r\n", b""
    )
    sent = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return head + sent
