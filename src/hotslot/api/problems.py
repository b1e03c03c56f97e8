"""Errors, as RFC 9457 problems."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from hotslot.api.complaints import complaint
from hotslot.api.freshness import ProjectionBehindError
from hotslot.api.shapes import Problem
from hotslot.domain.refusals import Explanation, Refusal
from hotslot.domain.remedies import Remedy
from hotslot.ledger.mapper import UnknownEventError
from hotslot.ledger.submission import (
    EventTooLargeError,
    IdempotencyKeyReusedError,
    LedgerUnavailableError,
    PreconditionFailedError,
)
from projections.proofs.queries import NotInTreeError

_LOST = (psycopg.OperationalError, psycopg.InterfaceError)
"""What reads meet when the database is out of reach, or their session with it has ended."""

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class ProblemError(Exception):
    """An error that is told to the client as it stands."""

    def __init__(self, status: int, code: str, title: str, detail: str, **headers: str) -> None:
        """`headers` go with the answer; an underscore in a name stands for a hyphen."""
        super().__init__(detail)
        self.status, self.code, self.title, self.detail = status, code, title, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.remedies: Sequence[Remedy] | None = None


def unauthenticated(detail: str) -> ProblemError:
    """No credential, or none that is known."""
    return ProblemError(
        401, "unauthenticated", "Not authenticated", detail, WWW_Authenticate="Bearer"
    )


def forbidden(detail: str) -> ProblemError:
    """A credential that does not allow this."""
    return ProblemError(403, "forbidden", "Not allowed", detail)


def invalid(detail: str) -> ProblemError:
    """Input that can't be right."""
    return ProblemError(422, "invalid-input", "Invalid input", detail)


def refused(refusal: Refusal) -> ProblemError:
    """What no command was refused for, told as a command would be."""
    told = refusal.explain()
    error = ProblemError(told.status, told.code, told.title, told.detail)
    error.remedies = told.remedies
    return error


def problem(
    request_id: str,
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    remedies: Sequence[Remedy] | None = None,
    errors: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """The answer that tells of a problem."""
    body = Problem(
        type=f"urn:hotslot:problem:{code}",
        title=title,
        status=status,
        detail=detail,
        code=code,
        request_id=request_id,
        remedies=msgspec.UNSET if remedies is None else list(remedies),
        errors=msgspec.UNSET if errors is None else errors,
    )
    return Response(_encode(body), status, headers, "application/problem+json")


def refusal(request_id: str, explanation: Explanation) -> Response:
    """The answer that tells of a refusal."""
    return problem(
        request_id,
        status=explanation.status,
        code=explanation.code,
        title=explanation.title,
        detail=explanation.detail,
        remedies=explanation.remedies,
    )


def request_id_of(request: Request) -> str:
    """The id that the middleware gave the request."""
    return cast("str", request.scope["hotslot.request_id"])


def install(app: FastAPI) -> None:
    """Have every error of the app told as a problem."""

    def told(request: Request, error: Exception) -> Response:
        return _tell(request_id_of(request), error)

    for kind in (
        ProblemError,
        PreconditionFailedError,
        EventTooLargeError,
        IdempotencyKeyReusedError,
        LedgerUnavailableError,
        *_LOST,
        ProjectionBehindError,
        UnknownEventError,
        NotInTreeError,
        RequestValidationError,
        HTTPException,
    ):
        app.add_exception_handler(kind, told)


def _tell(  # noqa: C901, PLR0911, PLR0912 - one case an error
    request_id: str, error: Exception
) -> Response:
    match error:
        case ProblemError():
            return problem(
                request_id,
                status=error.status,
                code=error.code,
                title=error.title,
                detail=error.detail,
                remedies=error.remedies,
                headers=error.headers,
            )
        case PreconditionFailedError():
            return problem(
                request_id,
                status=412,
                code="precondition-failed",
                title="The license has changed",
                detail="The license is not in the state that If-Match names. Read it again, look "
                "at what changed, and repeat with its present ETag.",
                headers={"ETag": f'"{error.tag}"'} if error.tag else None,
            )
        case EventTooLargeError():
            return problem(
                request_id,
                status=413,
                code="event-too-large",
                title="The event would be too large",
                detail=f"{error} Nothing was recorded. Say it in fewer words: shorter texts, such "
                "as the reason, take less.",
            )
        case IdempotencyKeyReusedError():
            return problem(
                request_id,
                status=422,
                code="idempotency-key-reused",
                title="The Idempotency-Key was used for another request",
                detail="This Idempotency-Key came before with another method, path or body. "
                "Use a fresh key for a new request.",
            )
        case LedgerUnavailableError() | psycopg.OperationalError() | psycopg.InterfaceError():
            if isinstance(error, _LOST):
                _log.warning("database-lost", error=type(error).__name__, detail=str(error))
            return problem(
                request_id,
                status=503,
                code="ledger-unavailable",
                title="The ledger is out of reach",
                detail="The database can't be reached, so whether a command was recorded is not "
                "known. Repeat it with the same Idempotency-Key: it takes effect once.",
                headers={"Retry-After": "1"},
            )
        case ProjectionBehindError():
            return problem(
                request_id,
                status=503,
                code="projection-behind",
                title="The view has not caught up yet",
                detail=f"{error} Try again in a moment.",
                headers={"Retry-After": "1"},
            )
        case UnknownEventError():
            return problem(
                request_id,
                status=503,
                code="event-not-known",
                title="The ledger is ahead of this server",
                detail=f"{error}",
            )
        case NotInTreeError():
            return problem(
                request_id,
                status=503,
                code="log-incomplete",
                title="The log can't show what was signed",
                detail=f"{error} Try again in a moment: the tree may be on its way there. If it "
                "stays so, whoever runs the server should run `hotslot audit verify`.",
                headers={"Retry-After": "2"},
            )
        case RequestValidationError(body=bytes(body)) if body:
            # What came as JSON is bytes no longer.
            return problem(
                request_id,
                status=415,
                code="unsupported-media-type",
                title="The body is not JSON",
                detail="Send the body with the header `Content-Type: application/json`.",
            )
        case RequestValidationError():
            return _invalid_input(request_id, error)
        case HTTPException(status_code=400):
            # What the framework says of a body that its parser gives up on, such as a deep nest.
            return _tell(request_id, invalid("The body can't be read as JSON."))
        case HTTPException():
            return problem(
                request_id,
                status=error.status_code,
                code=_CODES.get(error.status_code, "invalid-input"),
                title=str(error.detail),
                detail=_DETAILS.get(error.status_code, str(error.detail)),
                headers=dict(error.headers or {}),
            )
        case _:
            raise error


_CODES = {404: "not-found", 405: "method-not-allowed"}
_DETAILS = {
    404: "There is nothing at this path. GET /docs shows what there is.",
    405: "This path does not take this method. GET /docs shows which it takes.",
}


def _invalid_input(request_id: str, error: RequestValidationError) -> Response:
    errors = [complaint(each) for each in error.errors()]
    detail = "; ".join(f"{each['field']}: {each['message']}" for each in errors)
    return problem(
        request_id,
        status=422,
        code="invalid-input",
        title="Invalid input",
        detail=detail,
        errors=errors,
    )


def failed(request_id: str) -> Response:
    """The answer to a request that met a bug."""
    return problem(
        request_id,
        status=500,
        code="internal-error",
        title="Internal error",
        detail="This is a fault of the server. Its log has more, under this request id.",
    )
