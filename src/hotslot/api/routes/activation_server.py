"""The calls of an activation server that deployment scripts know: a key and a deployment by URL.

As scripts expect it, what fails is answered with 200 and a line of text that begins with `error:`.
Whoever asks for `application/json` gets what the other calls would answer instead.
"""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response
from starlette.responses import PlainTextResponse

from hotslot.api import shapes
from hotslot.api.answers import answer, position_of, refusal_of, refuse
from hotslot.api.auth import activation_key_parts, by_activation_key
from hotslot.api.bodies import ID_PATTERN, MAX_SLOTS
from hotslot.api.documentation import LICENSE_FILE, scripted
from hotslot.api.fast_route import FastRoute
from hotslot.api.headers import header
from hotslot.api.problems import ProblemError, invalid
from hotslot.api.reading import Reading
from hotslot.api.routes.license_files import make_file
from hotslot.api.submitting import submit
from hotslot.domain import commands

router = APIRouter(route_class=FastRoute, tags=["activation server"])

Key = Annotated[str, Query(description="The activation key.")]
Deployment = Annotated[str, Query(description="The deployment that it is to be used for.")]
Quantity = Annotated[
    str,
    Query(description="Scan nodes of the deployment: a number, and of no other meaning here."),
]

_ID = re.compile(ID_PATTERN)
_MOST_DIGITS = len(str(MAX_SLOTS))


@router.get("/activation", **scripted(shapes.LicenseFile, LICENSE_FILE))
async def activate_by_url(
    request: Request, key: Key = "", deployment: Deployment = "", quantity: Quantity = "1"
) -> Response:
    """Activate the deployment, and answer with a license file that is bound to it."""

    async def activate() -> Response:
        if not (quantity.isascii() and quantity.isdigit() and len(quantity) <= _MOST_DIGITS):
            raise invalid("The quantity is no number.")
        credential = await by_activation_key(request, _present(key, deployment))
        license_id, key_digest = activation_key_parts(key)
        activation = commands.Activate(
            deployment=deployment, license=license_id, activation_key_sha256=key_digest
        )
        # Before it takes a slot: without a key there would be no file to give for it.
        await request.app.state.backend.license_files.signing_key()
        outcome = await submit(request, credential, activation, once=False)
        if (explanation := refusal_of(outcome)) is not None:
            return refuse(request, outcome, explanation)
        return await make_file(request, credential, license_id, deployment, once=False)

    return await _told_as_asked(request, activate)


@router.get("/deactivation", **scripted(shapes.Deployment))
async def deactivate_by_url(
    request: Request, key: Key = "", deployment: Deployment = ""
) -> Response:
    """Deactivate the deployment: its slot is free."""

    async def deactivate() -> Response:
        credential = await by_activation_key(request, _present(key, deployment))
        deactivation = commands.Deactivate(deployment=deployment)
        outcome = await submit(request, credential, deactivation, once=False)
        if (explanation := refusal_of(outcome)) is not None:
            return refuse(request, outcome, explanation)
        position = position_of(outcome)
        if not _wants_json(request):
            request.scope["hotslot.position"] = position
            return PlainTextResponse(f"{deployment} is deactivated.\n")
        shape = await Reading(request).deployment_at(deployment, position)
        return answer(request, shape, position=position)

    return await _told_as_asked(request, deactivate)


def _present(key: str, deployment: str) -> str:
    if not key:
        raise invalid("The activation key is missing: give it as `key`.")
    if not _ID.fullmatch(deployment):
        raise invalid("The deployment ID is not valid: give it as `deployment`.")
    return key


def _wants_json(request: Request) -> bool:
    return "application/json" in (header(request, b"accept") or "")


async def _told_as_asked(
    request: Request, carry_out: Callable[[], Awaitable[Response]]
) -> Response:
    """The answer, or what failed as a line of text with 200, unless JSON is asked for."""
    try:
        response = await carry_out()
    except ProblemError as error:
        if _wants_json(request):
            raise
        return _line(error.detail)
    if response.status_code < HTTPStatus.BAD_REQUEST or _wants_json(request):
        return response
    return _line(msgspec.json.decode(response.body, type=shapes.Problem).detail)


def _line(detail: str) -> Response:
    text = detail.replace("'", '"').replace("\n", " ")
    return PlainTextResponse(f"error: '{text}'\n", headers={"Cache-Control": "no-store"})
