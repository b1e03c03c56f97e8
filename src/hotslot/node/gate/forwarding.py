"""One call, to the product and back, both ways as a stream."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
from starlette.types import Receive, Send

from hotslot.node.gate.headers import Headers, to_client
from hotslot.node.gate.refusals import CallRefusedError
from hotslot.node.processing.right import Warrant


class ClientLeftError(Exception):
    """Nobody waits for the answer any more."""


class Exchange:
    """A call under way. With a warrant, it is cut off when that is revoked."""

    def __init__(self, receive: Receive, send: Send, warrant: Warrant | None) -> None:
        self.status: int | None = None
        """What the client was told; None before that."""
        self._receive = receive
        self._send = send
        self._warrant = warrant
        # Of the body nothing more is wanted: from the client only its leaving can still come.
        self._body_over = asyncio.Event()

    async def run(self, product: httpx.AsyncBaseTransport, request: httpx.Request) -> None:
        """Carry the call there and the answer back.

        Raises:
            NotActiveError: the right was lost meanwhile.
            ClientLeftError: the client is gone.
            CallRefusedError: the product can't be reached, or broke off.

        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as limit:

                def cut() -> None:
                    limit.reschedule(loop.time())

                watching = asyncio.create_task(self._watch_client(cut))
                if self._warrant is not None:
                    self._warrant.on_revoked = cut
                try:
                    await self._carry(product, request)
                finally:
                    watching.cancel()
                    if self._warrant is not None:
                        self._warrant.on_revoked = None
        except TimeoutError:
            self._check_right()
            raise ClientLeftError from None
        except httpx.TransportError as error:
            raise _refusal(error) from error

    async def body(self) -> AsyncIterator[bytes]:
        """Take what the client sends."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            self._check_right()
            more = message.get("more_body", False)
            yield message.get("body", b"")
        self._body_over.set()

    def has_no_body(self) -> None:
        """Say that `body` will not be asked."""
        self._body_over.set()

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer in the place of the product; with its answer begun, there can't be another."""
        if self.status is None:
            await self._start(status, headers)
            await self._send({"type": "http.response.body", "body": body})

    async def _carry(self, product: httpx.AsyncBaseTransport, request: httpx.Request) -> None:
        response = await product.handle_async_request(request)
        try:
            # It may have answered without having read everything.
            self._body_over.set()
            self._check_right()
            await self._start(response.status_code, to_client(response.headers.raw))
            async for chunk in response.aiter_raw():
                self._check_right()
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
            await self._send({"type": "http.response.body", "body": b""})
        finally:
            await response.aclose()

    async def _start(self, status: int, headers: Headers) -> None:
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _watch_client(self, cut: Callable[[], None]) -> None:
        await self._body_over.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        cut()

    def _check_right(self) -> None:
        if self._warrant is not None:
            self._warrant.check()


def _refusal(error: httpx.TransportError) -> CallRefusedError:
    unknown = "What it does with the call is not known: look before it is sent again."
    match error:
        case httpx.LocalProtocolError():
            return CallRefusedError(400, f"This call can't be passed on: {error}.")
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return CallRefusedError(
                502,
                "The product behind this gate can't be reached. See whether it runs, and whether "
                "the gate was given its address.",
            )
        case httpx.TimeoutException():
            return CallRefusedError(
                504, f"The product behind this gate gave no answer in time. {unknown}"
            )
    return CallRefusedError(
        502, f"The product behind this gate broke off, or its answer was none. {unknown}"
    )
