"""Licenses: issue, change, read."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from hotslot.api import entity_tags, shapes, views
from hotslot.api.answers import answer, answer_to, etag, refusal_of, refuse
from hotslot.api.auth import Credential, authenticate
from hotslot.api.backend import utc_now
from hotslot.api.bodies import ID_PATTERN, NUL_FREE, Body, IssueBody, RenewalBody, ResizeBody
from hotslot.api.differences import Difference, difference
from hotslot.api.documentation import READ_ERRORS, command, reading
from hotslot.api.fast_route import FastRoute
from hotslot.api.keyring import digest
from hotslot.api.problems import forbidden
from hotslot.api.reading import Reading
from hotslot.api.submitting import submit, unsealed
from hotslot.domain import commands
from hotslot.ledger.submission import Done, Outcome, Repeated
from projections.slots.views import LicenseView

router = APIRouter(route_class=FastRoute, prefix="/v1/licenses", tags=["licenses"])

LicenseId = Annotated[str, Path(alias="id", pattern=ID_PATTERN, description="The license.")]
AsOf = Annotated[
    str | None, Query(description="A position, or an RFC 3339 time: the state as of then.")
]
FROM = Query(alias="from", description="A position, or an RFC 3339 time: where it begins.")
Begin = Annotated[str, FROM]
From = Annotated[str | None, FROM]
To = Annotated[
    str | None,
    Query(description="A position, or an RFC 3339 time: where it ends; now unless told."),
]
MinPosition = Annotated[
    int | None, Query(ge=0, le=2**62, description="Answer only when the view shows this position.")
]
Limit = Annotated[int, Query(ge=1, le=1000, description="Entries on a page.")]
Cursor = Annotated[
    str | None,
    Query(max_length=400, pattern=NUL_FREE, description="`next` of the page before."),
]
RoleFilter = Annotated[str | None, Query(pattern="^(active|backup)$", description="One role only.")]
StatusFilter = Annotated[
    str | None,
    Query(pattern="^(valid|expired|suspended|revoked)$", description="One status only."),
]
CustomerFilter = Annotated[
    str | None, Query(max_length=200, pattern=NUL_FREE, description="One customer only.")
]


@router.post("", **command(shapes.IssuedLicense, status=201))
async def issue_license(request: Request, body: IssueBody) -> Response:
    """Issue a license. The activation key is shown in this answer only."""
    credential = await authenticate(request)
    credential.may("manage")
    if credential.asker.customer not in (None, body.customer):
        raise forbidden(f"This key is limited to the customer {credential.asker.customer}.")
    license_id = body.id or f"lic-{secrets.token_hex(8)}"
    # The key names its license, so that it is found without an index of secrets.
    activation_key = f"{license_id}.{secrets.token_urlsafe(32)}"
    issued = commands.IssueLicense(
        license=license_id,
        product=body.product,
        customer=body.customer,
        slots=body.slots,
        expires_at=body.expires_at,
        activation_key_sha256=digest(activation_key),
    )
    outcome = await submit(request, credential, issued, body.reason, secret=activation_key)
    if (explanation := refusal_of(outcome)) is not None:
        return refuse(request, outcome, explanation)
    if isinstance(outcome, Repeated):
        assert outcome.answer.sealed_secret is not None
        activation_key = unsealed(request, credential, outcome.answer.sealed_secret)
        license_id = activation_key.rpartition(".")[0]
    shape = await _after(request, outcome, license_id)
    issued_shape = shapes.IssuedLicense(
        **{name: getattr(shape, name) for name in shape.__struct_fields__},
        activation_key=activation_key,
    )
    return answer_to(request, outcome, issued_shape, 201)


@router.post("/{id}/renewal", **command(shapes.License))
async def renew_license(request: Request, license_id: LicenseId, body: RenewalBody) -> Response:
    """Move the end of validity; null means never."""
    renewal = commands.RenewLicense(license=license_id, expires_at=body.expires_at)
    return await change_license(request, renewal, body)


@router.post("/{id}/resize", **command(shapes.License))
async def resize_license(request: Request, license_id: LicenseId, body: ResizeBody) -> Response:
    """Change the number of slots, never below what is used."""
    return await change_license(
        request, commands.ResizeLicense(license=license_id, slots=body.slots), body
    )


@router.post("/{id}/suspension", **command(shapes.License))
async def suspend_license(
    request: Request, license_id: LicenseId, body: Body | None = None
) -> Response:
    """Take all rights away until the license is reinstated."""
    return await change_license(request, commands.SuspendLicense(license=license_id), body)


@router.post("/{id}/reinstatement", **command(shapes.License))
async def reinstate_license(
    request: Request, license_id: LicenseId, body: Body | None = None
) -> Response:
    """End a suspension."""
    return await change_license(request, commands.ReinstateLicense(license=license_id), body)


@router.post("/{id}/revocation", **command(shapes.License))
async def revoke_license(
    request: Request, license_id: LicenseId, body: Body | None = None
) -> Response:
    """Take all rights away for good."""
    return await change_license(request, commands.RevokeLicense(license=license_id), body)


async def change_license(
    request: Request, change: commands.LicenseCommand, body: Body | None
) -> Response:
    """Have a license changed, and answer with what it is then."""
    credential = await authenticate(request)
    credential.may("manage")
    outcome = await submit(request, credential, change, body.reason if body else None)
    if (explanation := refusal_of(outcome)) is not None:
        return refuse(request, outcome, explanation)
    shape = await _after(request, outcome, change.license)
    return answer_to(request, outcome, shape)


async def _after(request: Request, outcome: Outcome, license_id: str) -> shapes.License:
    if isinstance(outcome, Done):
        return await license_after(request, outcome, license_id)
    assert isinstance(outcome, Repeated)
    read = Reading(request, outcome.answer.at)
    return await read.license_at(license_id, outcome.position)


async def license_after(
    request: Request,
    outcome: Done,
    license_id: str,
    nominated: str | None = None,
    ahead: LicenseView | None = None,
) -> shapes.License:
    """The license as a command left it. Its backups are listed in the projection only."""
    state = outcome.states.license(license_id)
    assert state is not None
    backups: list[shapes.BackupHolder] = []
    if state.backup_count:
        read = Reading(request)
        backups = await read.backups_left(license_id, outcome.license_before, nominated, ahead)
    return views.license(state, backups, outcome.at)


@router.get("", **reading(shapes.Licenses, READ_ERRORS))
async def list_licenses(
    request: Request,
    customer: CustomerFilter = None,
    status: StatusFilter = None,
    as_of: AsOf = None,
    min_position: MinPosition = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List the licenses in the order of their ids, now or as they were."""
    credential = await authenticate(request)
    credential.may("read")
    read = Reading(request)
    await read.prepare(as_of=as_of, min_position=min_position)
    page = await read.licenses(credential.asker, customer, status, cursor, limit)
    return answer(request, page, position=read.position)


@router.get("/{id}", **reading(shapes.License, (*READ_ERRORS, 404)))
async def show_license(
    request: Request,
    license_id: LicenseId,
    as_of: AsOf = None,
    min_position: MinPosition = None,
) -> Response:
    """Show a license: who holds its slots, and its backups."""
    credential = await authenticate(request)
    if credential.deployment is None:
        credential.may("read")
    read = Reading(request)
    await read.prepare(as_of=as_of, min_position=min_position, license_id=license_id)
    if credential.deployment is not None:
        # A node has to know what its own license is good for, and no other one.
        held = await read.deployment(credential.asker, credential.deployment)
        credential.may("read", held.id if held.license == license_id else None)
    shape = await read.license(credential.asker, license_id)
    if entity_tags.is_known(request, etag(shape)):
        request.scope["hotslot.position"] = read.position
        return Response(status_code=304, headers={"ETag": etag(shape)})
    return answer(request, shape, position=read.position)


@router.get("/{id}/deployments", **reading(shapes.Holders, (*READ_ERRORS, 404)))
async def list_license_deployments(
    request: Request,
    license_id: LicenseId,
    role: RoleFilter = None,
    as_of: AsOf = None,
    min_position: MinPosition = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List who holds what on a license: the active deployments first, then the backups."""
    read, credential = await _reading(request, license_id, as_of, min_position)
    page = await read.holders(credential.asker, license_id, role, cursor, limit)
    return answer(request, page, position=read.position)


@router.get("/{id}/tenures", **reading(shapes.Tenures, (*READ_ERRORS, 404)))
async def list_license_tenures(
    request: Request,
    license_id: LicenseId,
    as_of: AsOf = None,
    min_position: MinPosition = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List every stretch of time in which a deployment held a role, oldest first.

    As of an earlier moment, those that had begun by then; `to` is null where it lasted.
    """
    read, credential = await _reading(request, license_id, as_of, min_position)
    page = await read.tenures(credential.asker, license_id, cursor, limit)
    return answer(request, page, position=read.position)


@router.get("/{id}/diff", **reading(Difference, (*READ_ERRORS, 404)))
async def compare_license(
    request: Request,
    license_id: LicenseId,
    from_: Begin,
    to: To = None,
    min_position: MinPosition = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Show a license as of two moments, and what changed from the one to the other.

    `limit` counts the deployments that are compared, not those that changed: a page may show fewer.
    """
    credential = await authenticate(request)
    credential.may("read")
    shown = await difference(
        request,
        credential.asker,
        license_id,
        from_=from_,
        to=to,
        now=utc_now(),
        min_position=min_position,
        cursor=cursor,
        limit=limit,
    )
    return answer(request, shown, position=shown.to)


async def _reading(
    request: Request, license_id: str, as_of: str | None, min_position: int | None
) -> tuple[Reading, Credential]:
    credential = await authenticate(request)
    credential.may("read")
    read = Reading(request)
    await read.prepare(as_of=as_of, min_position=min_position, license_id=license_id)
    return read, credential
