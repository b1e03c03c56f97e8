"""The short way from a request to its function.

FastAPI's own way solves dependencies and validates in steps that cost more than the whole command.
Our routes have only path ids, a JSON body and a query string, so a plain request is taken straight
to the function. Whatever is unusual, and every error, goes FastAPI's way and is told by it.
"""

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.types import Message, Receive, Scope, Send

from hotslot.api.bodies import ID_PATTERN
from hotslot.api.headers import header
from hotslot.api.problems import invalid

_ID = re.compile(ID_PATTERN)


_TEXT = str | None


class _UnusualError(Exception):
    """The request is not for the short way. Holds the body, if it was read."""

    def __init__(self, body: bytes | None = None) -> None:
        super().__init__()
        self.body = body


class FastRoute(APIRoute):
    """A route whose path parameters are ids."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._call: Callable[..., Awaitable[Response]] = endpoint
        self._ids = [(field.name, field.alias) for field in self.dependant.path_params]
        self._takes_query = bool(self.dependant.query_params)
        self._needs_query = any(
            field.field_info.is_required() for field in self.dependant.query_params
        )
        # Text of any form needs no validation but that of the function itself.
        self._texts = {
            field.alias: field.name
            for field in self.dependant.query_params
            if field.field_info.annotation == _TEXT and not field.field_info.metadata
        }
        self._body = _BodyParameter.of(self)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request: the short way, or else FastAPI's."""
        request = Request(scope, receive, send)
        if self._takes_query and scope["query_string"]:
            names = [name for name, _ in request.query_params.multi_items()]
            if len(set(names)) < len(names):
                raise invalid("A parameter stands twice in the query. Which one counts?")
        try:
            arguments = await self._arguments(request)
        except _UnusualError as unusual:
            if unusual.body is not None:
                receive = _receive_again(unusual.body)
            await super().handle(scope, receive, send)
            return
        response = await self._call(request, **arguments)
        await response(scope, receive, send)

    async def _arguments(self, request: Request) -> dict[str, Any]:
        if request.method not in (self.methods or ()) or self._needs_query:
            raise _UnusualError
        arguments: dict[str, Any] = {}
        if self._takes_query and request.scope["query_string"]:
            for alias, value in request.query_params.items():
                if alias not in self._texts:
                    raise _UnusualError
                arguments[self._texts[alias]] = value
        for name, alias in self._ids:
            value = request.path_params[alias]
            if not _ID.fullmatch(value):
                raise _UnusualError
            arguments[name] = value
        if self._body is not None:
            text = await request.body()
            if text or self._body.required:
                if header(request, b"content-type") != "application/json":
                    raise _UnusualError(text)
                try:
                    arguments[self._body.name] = self._body.adapter.validate_json(text)
                except ValidationError:
                    raise _UnusualError(text) from None
        return arguments


def _receive_again(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


class _BodyParameter:
    """The parameter of a function that takes the body."""

    def __init__(self, name: str, parameter: inspect.Parameter) -> None:
        self.name = name
        self.required = parameter.default is inspect.Parameter.empty
        self.adapter: TypeAdapter[Any] = TypeAdapter(parameter.annotation)

    @classmethod
    def of(cls, route: APIRoute) -> "_BodyParameter | None":
        """The body parameter of a route's function, if it has one."""
        for field in route.dependant.body_params:
            return cls(field.name, inspect.signature(route.endpoint).parameters[field.name])
        return None
