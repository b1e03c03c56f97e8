"""The gate as an ASGI application."""

import json
from collections.abc import Iterable
from contextlib import ExitStack

import httpx
import structlog
from starlette.types import Receive, Scope, Send

from hotslot.node.gate.forwarding import ClientLeftError, Exchange
from hotslot.node.gate.headers import Headers, to_upstream
from hotslot.node.gate.paths import read_path
from hotslot.node.gate.refusals import CallRefusedError
from hotslot.node.gate.rules import PROCESSING_CALLS, Rules, is_own
from hotslot.node.processing.right import NotActiveError, RightToProcess

# Seconds. A product may take long to answer, and is not asked again: it may have begun.
_PATIENCE = {"connect": 10.0, "read": 300.0, "write": 300.0, "pool": 10.0}

_NO_WEBSOCKETS = "WebSockets are not supported through this gate. Connect to the product itself."

_log = structlog.get_logger(__name__)


class Gate:
    """Passes calls on to the product, and those that are processing only with the right to it.

    What is processing when the right is lost is cut off. An ASGI application, for all calls that
    nothing else answers.
    """

    def __init__(
        self, upstream: str, right: RightToProcess, held_back: Iterable[str] = PROCESSING_CALLS
    ) -> None:
        """Stand before the product at `upstream`, as `http://127.0.0.1:8009`.

        Raises:
            ValueError: that is no such address, or a call to hold back is not of its form.

        """
        self._url = _base(upstream)
        self._right = right
        self._rules = Rules(held_back)
        self._product = httpx.AsyncHTTPTransport(
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await _refuse_websocket(scope, receive, send)
        else:
            await self._pass(scope, receive, send)

    async def close(self) -> None:
        """Let go of the connections to the product."""
        await self._product.aclose()

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(receive, send, None)
        call = {"method": scope["method"], "path": scope["path"]}
        try:
            with ExitStack() as stack:
                path = _path(scope)
                headers = to_upstream(scope, self._url.netloc)
                if self._rules.count(scope["method"], path):
                    warrant = stack.enter_context(self._right.take())
                    exchange = Exchange(receive, send, warrant)
                    call["term"] = warrant.term
                await exchange.run(self._product, self._request(scope, headers, exchange))
                if "term" in call:
                    _log.info("call-processed", status=exchange.status, **call)
        except NotActiveError as error:
            event = "call-cut" if "term" in call else "call-held-back"
            _log.warning(event, role=error.role, **call)
            await exchange.answer(503, *_error(str(error)))
        except CallRefusedError as error:
            _log.warning("call-not-passed", status=error.status, detail=str(error), **call)
            await exchange.answer(error.status, *_error(str(error)))
        except ClientLeftError:
            _log.info("client-left", **call)

    def _request(self, scope: Scope, headers: Headers, exchange: Exchange) -> httpx.Request:
        names = {name.lower(): value for name, value in scope["headers"]}
        in_chunks, length = b"transfer-encoding" in names, names.get(b"content-length")
        if in_chunks and length is not None:
            raise CallRefusedError(
                400, "A request has either Content-Length or Transfer-Encoding, not both."
            )
        has_body = in_chunks or (length is not None and length.strip(b"0") != b"")
        if not has_body:
            exchange.has_no_body()
        query = scope["query_string"]
        return httpx.Request(
            scope["method"],
            self._url,
            headers=headers,
            content=exchange.body() if has_body else None,
            extensions={
                # As it came: the path that was decided about is the one that is served.
                "target": scope["raw_path"] + (b"?" + query if query else b""),
                "timeout": _PATIENCE,
            },
        )


def _base(upstream: str) -> httpx.URL:
    try:
        url = httpx.URL(upstream)
    except httpx.InvalidURL as error:
        raise ValueError(f"{upstream!r} is no address of a product: {error}.") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise ValueError(f"{upstream!r} is no address of a product: write http://HOST:PORT.")
    if url.raw_path not in (b"", b"/"):
        raise ValueError(
            f"{upstream!r} has a path. The gate passes paths on as they are: write http://HOST:PORT."
        )
    return url


def _path(scope: Scope) -> str:
    """The path of a call that can be passed on."""
    if scope["method"].upper() in ("CONNECT", "TRACE"):
        raise CallRefusedError(405, "This method is not passed on by the gate.")
    for name, value in scope["headers"]:
        if name.lower() == b"upgrade" and b"websocket" in value.lower():
            raise CallRefusedError(501, _NO_WEBSOCKETS)
    path = read_path(scope["raw_path"])
    if is_own(path):
        # Those that it knows are answered before the gate is asked.
        raise CallRefusedError(
            404,
            f"There is no call {scope['method']} {path}. Calls about the license are answered by "
            "the gate, and not passed on. Look the call up in docs/core-api.md.",
        )
    return path


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    if "websocket.http.response" in scope.get("extensions", {}):
        headers, body = _error(_NO_WEBSOCKETS)
        start = {"type": "websocket.http.response.start", "status": 501, "headers": headers}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": body})
    else:
        await send({"type": "websocket.close", "code": 1003, "reason": _NO_WEBSOCKETS})


def _error(text: str) -> tuple[Headers, bytes]:
    body = json.dumps({"err": text}).encode()
    length = str(len(body)).encode()
    return [(b"content-type", b"application/json"), (b"content-length", length)], body
