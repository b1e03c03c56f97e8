"""Request headers, read from what the middleware has looked up already."""

from starlette.requests import Request

SCOPE_KEY = "hotslot.headers"


def header(request: Request, name: bytes) -> str | None:
    """The value of a header, or None; `name` is in lower case."""
    value: bytes | None = request.scope[SCOPE_KEY].get(name)
    return None if value is None else value.decode("latin-1")
