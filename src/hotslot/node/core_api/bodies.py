"""The bodies of requests, read whole and no larger than they may be."""

import asyncio
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from hotslot.node.core_api.errors import CoreError

T = TypeVar("T")

LARGEST = 64 * 1024
"""Bytes; license files are limited to the same."""
PATIENCE_SECONDS = 30.0
"""A client may take so long to send a body of that size."""


async def read_body(request: Request) -> bytes:
    """The body.

    Raises:
        CoreError: it is too large, or did not come to its end.

    """
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST:
                    raise CoreError(413, f"The body is larger than {LARGEST} bytes.")
    except (ClientDisconnect, TimeoutError):
        raise CoreError(408, "The body did not come to its end. Send the request again.") from None
    return bytes(body)


async def read_json(request: Request, form: type[T]) -> T:
    """The body as JSON of this form. What it says more than that is passed over.

    Raises:
        CoreError: it is not of the form.

    """
    body = await read_body(request)
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as error:
        raise CoreError(400, f"The body is not of the form of this call: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CoreError(400, "The body must be JSON.") from None


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object of any fields.

    Raises:
        CoreError: it is none.

    """
    return await read_json(request, dict[str, Any])
