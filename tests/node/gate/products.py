"""A product behind a gate, both on real sockets, and clients of every kind."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from hotslot.node.gate import Gate
from hotslot.node.processing import RightToProcess
from tests.node.processing.stand_ins import LIMIT, Stand, serving

Handler = Callable[["Product", Scope, Receive, Send], Awaitable[None]]


async def echo(product: "Product", scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what came."""
    digest, size = hashlib.sha256(), 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        digest.update(message["body"])
        size += len(message["body"])
        more = message["more_body"]
    answer = {
        "method": scope["method"],
        "path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
        "sha256": digest.hexdigest(),
        "size": size,
    }
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-product", b"echo")]})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


@dataclass
class Product:
    """An ASGI application that does what a test says, and notes what it sees."""

    handler: Handler = echo
    calls: list[str] = field(default_factory=list)
    got: asyncio.Event = field(default_factory=asyncio.Event)
    """For handlers: something of the call has come."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """The product has noticed that nobody wants its answer any more, or is done."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls.append(f"{scope['method']} {scope['raw_path'].decode('latin-1')}")
        try:
            await self.handler(self, scope, receive, send)
        finally:
            self.ended.set()


@dataclass
class Gated:
    """A gate before a product, and a client of it."""

    product: Product
    stand: Stand
    right: RightToProcess
    gate: Gate
    client: httpx.AsyncClient

    @contextlib.asynccontextmanager
    async def raw(
        self, *data: bytes
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection to the gate, with bytes sent as they are."""
        url = self.client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        try:
            writer.writelines(data)
            await writer.drain()
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def status_of(reader: asyncio.StreamReader) -> int:
    """The status of the next response."""
    async with asyncio.timeout(LIMIT):
        return int((await reader.readline()).split()[1])


@contextlib.asynccontextmanager
async def gated(product: Product | None = None, **options: Any) -> AsyncIterator[Gated]:
    """A gate that is active, in the application of a node, before a product."""
    product = product or Product()
    async with serving(product) as upstream, before(upstream, product, **options) as gate:
        yield gate


@contextlib.asynccontextmanager
async def before(upstream: str, product: Product, **options: Any) -> AsyncIterator[Gated]:
    """A gate before an address."""
    stand = Stand()
    right = RightToProcess(stand)
    gate = Gate(upstream, right, **options)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.mount("/", gate)
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=LIMIT) as client,
    ):
        try:
            yield Gated(product, stand, right, gate, client)
        finally:
            await gate.close()
