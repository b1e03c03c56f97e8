"""What the OpenAPI document says of routes, beyond what the framework can see by itself.

Answers are msgspec structs, so their schemas are put into the document here, and every route names
every error that it gives.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from hotslot import __version__
from hotslot.api import shapes
from hotslot.api.bodies import MAX_REASON
from hotslot.api.differences import Difference
from hotslot.api.failovers import Failovers
from hotslot.api.procedures import Procedures
from hotslot.api.replaying import Replay

_SHAPES = (
    shapes.License,
    shapes.IssuedLicense,
    shapes.Licenses,
    shapes.Deployment,
    shapes.Nomination,
    shapes.Lease,
    shapes.Holders,
    shapes.Tenures,
    shapes.Key,
    shapes.CreatedKey,
    shapes.Keys,
    shapes.LicenseFile,
    shapes.SigningKeys,
    shapes.WebKeys,
    shapes.Entries,
    shapes.InclusionProof,
    shapes.ConsistencyProof,
    Procedures,
    Replay,
    Difference,
    Failovers,
    shapes.Problem,
)
_REF = "#/components/schemas/{name}"

_ERRORS = {
    401: "No credential, or none that is known (`unauthenticated`).",
    403: "The credential does not allow this (`forbidden`), the license gives no rights now "
    "(`license-expired`, `license-suspended`, `license-revoked`), or the license file can't be "
    "trusted (`license-file-signature-invalid`, `license-file-key-unknown`, "
    "`license-file-key-revoked`) or is expired (`license-file-expired`).",
    404: "Not there, or not for this credential to see (`unknown-license`, `unknown-deployment`, "
    "`unknown-key`, `not-found`), or not signed yet (`no-checkpoint`).",
    409: "A rule turns the command down; `remedies` say what to do instead.",
    412: "The license has changed since the ETag in If-Match (`precondition-failed`), or the "
    "deployment to be replaced is not active (`replaced-is-not-active`).",
    413: "The body is over 64 KiB, or with a license file over 448 KiB (`body-too-large`), or "
    "what would be recorded is too large for an event (`event-too-large`).",
    415: "The body is not JSON (`unsupported-media-type`).",
    422: "The input is not valid (`invalid-input`), a license file is none "
    "(`license-file-unreadable`), or the Idempotency-Key was used for another request "
    "(`idempotency-key-reused`).",
    503: "The view is behind (`projection-behind`, `checkpoint-behind`, `log-incomplete`), or the "
    "database is out of reach (`ledger-unavailable`): try again. Or the keys of license files are "
    "missing (`no-signing-key`) or can't be read (`license-file-keys-unreadable`, "
    "`log-keys-unreadable`).",
}
PROBLEM = "application/problem+json"
WEB_KEYS = "application/jwk-set+json"  # RFC 7517, section 8.5.2
LICENSE_FILE = "application/yaml"  # RFC 9512
READ_ERRORS = (401, 403, 413, 422, 503)
COMMAND_ERRORS = (401, 403, 404, 409, 412, 413, 422, 503)

_COMMAND_HEADERS = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": "A client's name for this request: repeated under it, it has one effect "
        "and gets its first answer.",
    },
    {
        "name": "If-Match",
        "in": "header",
        "schema": {"type": "string"},
        "description": "Carry it out only if the license still has this ETag.",
    },
    {
        "name": "Hotslot-Reason",
        "in": "header",
        "schema": {"type": "string", "maxLength": MAX_REASON},
        "description": "Why, for the audit trail, where there is no body; percent-encoded UTF-8.",
    },
]


def _json(shape: type, media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": _REF.format(name=shape.__name__)}}}


def _error(status: int) -> dict[str, Any]:
    return {
        "description": _ERRORS[status],
        "content": _json(shapes.Problem, PROBLEM),
    }


def _responses(
    shape: type, status: int, errors: Iterable[int], media_type: str = "application/json"
) -> dict[int | str, dict[str, Any]]:
    responses: dict[int | str, dict[str, Any]] = {code: _error(code) for code in errors}
    responses[status] = {
        "description": (shape.__doc__ or "").strip(),
        "content": _json(shape, media_type),
    }
    return responses


def command(
    shape: type,
    *,
    status: int = 200,
    errors: Iterable[int] = COMMAND_ERRORS,
    media_type: str = "application/json",
) -> dict[str, Any]:
    """The documentation of a command's route."""
    return {
        "status_code": status,
        "responses": _responses(shape, status, errors, media_type),
        "response_class": Response,
        "openapi_extra": {"parameters": list(_COMMAND_HEADERS)},
        "response_model": None,
    }


def public(shape: type, media_type: str = "application/json") -> dict[str, Any]:
    """The documentation of a read that takes no credential."""
    return _without_credential(_responses(shape, 200, (413, 503), media_type))


def scripted(shape: type, media_type: str = "application/json") -> dict[str, Any]:
    """The documentation of a call for scripts: the key is in the URL, and errors may be text."""
    responses = _responses(shape, 200, COMMAND_ERRORS, media_type)
    responses[200]["content"] |= {"text/plain": {"schema": {"type": "string"}}}
    return _without_credential(responses)


def _without_credential(responses: dict[int | str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "responses": responses,
        "response_class": Response,
        "openapi_extra": {"security": []},
        "response_model": None,
    }


def public_text(media_type: str, what: str, *, missing: bool = False) -> dict[str, Any]:
    """The documentation of a read of a text that takes no credential; `missing` if it can be."""
    errors = (404, 413, 422, 503) if missing else (413, 503)
    return _without_credential(_content(media_type, what, errors))


def tile_bytes(what: str) -> dict[str, Any]:
    """The documentation of a read of bytes that never change."""
    return {
        "responses": _content("application/octet-stream", what, (*READ_ERRORS, 404)),
        "response_class": Response,
        "response_model": None,
    }


def proving(shape: type, text_type: str) -> dict[str, Any]:
    """The documentation of a proof, which comes as JSON or as a text of its own form."""
    responses = _responses(shape, 200, (*READ_ERRORS, 404))
    responses[200]["content"] |= {text_type: {"schema": {"type": "string"}}}
    return {"responses": responses, "response_class": Response, "response_model": None}


def _content(media_type: str, what: str, errors: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    responses: dict[int | str, dict[str, Any]] = {code: _error(code) for code in errors}
    content = {media_type: {"schema": {"type": "string"}}}
    return {**responses, 200: {"description": what, "content": content}}


def reading(shape: type, errors: Iterable[int]) -> dict[str, Any]:
    """The documentation of a read's route."""
    return {"responses": _responses(shape, 200, errors), "response_model": None}


def probe(shape: type, errors: Iterable[int]) -> dict[str, Any]:
    """The documentation of a route for load balancers: a 503 shows what was found, too."""
    responses = _responses(shape, 200, errors)
    responses[503] = _error(503) | {"description": f"No. {_ERRORS[503]}"}
    responses[503]["content"] |= _json(shape)
    return {"responses": responses, "response_model": None}


def install(app: FastAPI) -> None:
    """Make the app's OpenAPI document complete."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Hotslot",
        version=__version__,
        summary="Licensing with hot-swap backups, recorded as events.",
        description="Every command is recorded with who asked and why, refusals included. "
        "Errors are RFC 9457 problems.",
        routes=app.routes,
    )
    components = document.setdefault("components", {})
    _, shape_schemas = msgspec.json.schema_components(_SHAPES, ref_template=_REF)
    schemas = components.setdefault("schemas", {})
    schemas.update(shape_schemas)
    for leftover in ("HTTPValidationError", "ValidationError"):
        schemas.pop(leftover, None)
    components["securitySchemes"] = {
        "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key."},
        "activationKey": {
            "type": "apiKey",
            "in": "header",
            "name": "activation-key",
            "description": "The activation key of a license: a deployment acts on itself under it.",
        },
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith("/v1/"):
                operation.setdefault("security", [{"apiKey": []}, {"activationKey": []}])
            if "requestBody" in operation:
                operation["responses"]["415"] = _error(415)
    return document
