"""Failures as the Core tells them: `{"err": "..."}`."""

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

_log = structlog.get_logger(__name__)


class CoreError(Exception):
    """A call that ends with this status and text; the text says what to do next."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        """`headers` go with the answer; an underscore in a name stands for a hyphen."""
        super().__init__(text)
        self.status, self.text = status, text
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def install(app: FastAPI) -> None:
    """Have everything that a route of this application raises told in the Core's form."""
    app.add_exception_handler(CoreError, _told)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unforeseen)


async def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, CoreError)
    return JSONResponse({"err": error.text}, error.status, error.headers)


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        text = f"There is nothing at {request.url.path}. Look the call up in docs/core-api.md."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "other methods")
        text = f"{request.url.path} takes {allowed}, and not {request.method}."
    else:
        text = f"{error.detail}."
    return JSONResponse({"err": text}, error.status_code, error.headers)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
    return JSONResponse({"err": f"The request has values of a wrong form: {fields}."}, 400)


async def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error(
        "request-failed", method=request.method, path=request.url.path, kind=type(error).__name__
    )
    return JSONResponse(
        {"err": "Something failed in this instance. Its log says what; try again, or report it."},
        500,
    )
