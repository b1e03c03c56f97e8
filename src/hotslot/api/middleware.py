"""What every request passes: its id, its limits, metrics, and the headers of every answer."""

import random
import re
import time
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hotslot.api import problems
from hotslot.api.headers import SCOPE_KEY
from hotslot.api.metrics import observe_request

MAX_BODY_BYTES = 64 * 1024

# A license file has 64 KiB, of which JSON makes six times that if it escapes every character.
MAX_BODY_BYTES_WITH_FILE = MAX_BODY_BYTES + 6 * 64 * 1024
_TAKES_FILE = re.compile(r"/v1/deployments/[^/]+/(activation|backup)")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:@/+=-]{1,128}")
# W3C Trace Context, section 3.2.2: version, trace id, parent id, flags.
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")

# Ids are to be different, not secret: no need to ask the kernel for each.
_random = random.Random()  # noqa: S311

_log = structlog.get_logger("hotslot.access")


class BodyTooLargeError(Exception):
    """The body is over what its route takes."""


class RequestMiddleware:
    """Plain ASGI, since it stands in the way of every request.

    It leaves the headers, `hotslot.request_id` and `hotslot.trace_id` in the scope, and reads
    `hotslot.position` from it: the position that the answer shows, or the last one known here; and
    `hotslot.log_index`: the index of the last event that the request had recorded, if any.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        scope[SCOPE_KEY] = headers
        asked = headers.get(b"x-request-id", b"")
        request_id = asked.decode() if _REQUEST_ID.fullmatch(asked) else _new_id()
        scope["hotslot.request_id"] = request_id
        trace = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b""))
        scope["hotslot.trace_id"] = trace[1].decode() if trace else None
        status = 500
        started = False

        async def answer(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                position = scope.get("hotslot.position")
                if position is None:
                    position = scope["app"].state.backend.known_position
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"hotslot-position", b"%d" % position),
                ]
                if (log_index := scope.get("hotslot.log_index")) is not None:
                    message["headers"].append((b"hotslot-log-index", b"%d" % log_index))
            await send(message)

        limit = _body_limit(scope)
        try:
            if _declared_length(headers) > limit:
                raise BodyTooLargeError  # noqa: TRY301 - told like one that is found while reading
            await self._app(scope, _limited(receive, limit), answer)
        except BodyTooLargeError:
            response = problems.problem(
                request_id,
                status=413,
                code="body-too-large",
                title="The body is too large",
                detail=f"A body may have {limit} bytes at most.",
                headers={"Connection": "close"},
            )
            await response(scope, receive, answer)
        except Exception:
            _log.exception("request-failed", request_id=request_id, path=scope["path"])
            if started:
                raise
            await problems.failed(request_id)(scope, receive, answer)
        finally:
            observe_request(scope, status, time.perf_counter() - began)


def _new_id() -> str:
    return f"{_random.getrandbits(128):032x}"


def _body_limit(scope: Scope) -> int:
    takes_file = scope["method"] == "PUT" and _TAKES_FILE.fullmatch(scope["path"])
    return MAX_BODY_BYTES_WITH_FILE if takes_file else MAX_BODY_BYTES


def _declared_length(headers: dict[bytes, bytes]) -> int:
    declared = headers.get(b"content-length", b"0")
    return int(declared) if declared.isdigit() else 0


def _limited(receive: Receive, limit: int) -> Receive:
    read = 0

    async def limited() -> Message:
        nonlocal read
        message: dict[str, Any] = dict(await receive())
        read += len(message.get("body", b""))
        if read > limit:
            raise BodyTooLargeError
        return message

    return limited
