"""The short way from a request to its function.

FastAPI's own way solves dependencies and validates in steps that cost more than the whole command.
Our routes have only path ids, a JSON body and a query string, so a plain request is taken straight
to the function. Whatever is unusual, and every error, goes FastAPI's way and is told by it.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from hotslot.api.bodies import ID_PATTERN
from hotslot.api.headers import header

_ID = re.compile(ID_PATTERN)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class FastRoute(APIRoute):
    """A route whose path parameters are ids."""

    def get_route_handler(self) -> Handler:
        """The handler of a request: the short way, with FastAPI's behind it."""
        careful = super().get_route_handler()
        endpoint: Callable[..., Awaitable[Response]] = self.endpoint
        ids = [(field.name, field.alias) for field in self.dependant.path_params]
        takes_query = bool(self.dependant.query_params)
        body = _BodyParameter.of(self)

        async def handle(request: Request) -> Response:
            arguments: dict[str, Any] = {}
            for name, alias in ids:
                value = request.path_params[alias]
                if not _ID.fullmatch(value):
                    return await careful(request)
                arguments[name] = value
            if takes_query and request.scope["query_string"]:
                return await careful(request)
            if body is not None:
                text = await request.body()
                if text or body.required:
                    if header(request, b"content-type") != "application/json":
                        return await careful(request)
                    try:
                        arguments[body.name] = body.adapter.validate_json(text)
                    except ValidationError:
                        return await careful(request)
            return await endpoint(request, **arguments)

        return handle


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
