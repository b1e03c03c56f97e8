"""Leases: taken by deployments, and how long they last."""

from fastapi import APIRouter, Request, Response

from hotslot.api import problems, shapes
from hotslot.api.answers import answer
from hotslot.api.auth import authenticate
from hotslot.api.backend import backend_of
from hotslot.api.bodies import LeaseBody, LeaseDurationBody
from hotslot.api.documentation import READ_ERRORS, command, reading
from hotslot.api.fast_route import FastRoute
from hotslot.api.metrics import count_lease
from hotslot.api.routes.deployments import DeploymentId
from hotslot.api.routes.licenses import LicenseId, change_license
from hotslot.api.submitting import submit_unasked
from hotslot.domain import commands
from hotslot.domain.refusals import Refusal
from hotslot.domain.times import write_time
from hotslot.leases.deciding import Asked
from hotslot.leases.lease import Lease

router = APIRouter(route_class=FastRoute, prefix="/v1")


@router.post(
    "/deployments/{deployment}/lease",
    tags=["deployments"],
    **reading(shapes.Lease, (*READ_ERRORS, 404, 409)),
)
async def take_lease(
    request: Request, deployment: DeploymentId, body: LeaseBody | None = None
) -> Response:
    """Take a lease: what the deployment may do until it ends, as a signed token."""
    credential = await authenticate(request)
    credential.may("act", deployment)
    backend = backend_of(request)
    # First, since a lease that was given and can't be told would be waited for.
    signer = await backend.lease_signers.present()
    asked = Asked(deployment, credential.asker, body.processing if body else None)
    outcome = await backend.leases.ask(asked)
    position = outcome.head
    if outcome.confirms is not None:
        confirmation = commands.ConfirmRole(deployment=deployment, owed=outcome.confirms)
        position = await submit_unasked(request, credential, confirmation)
    count_lease(outcome.result)
    if isinstance(outcome.result, Refusal):
        request.scope["hotslot.position"] = position
        return problems.refusal(problems.request_id_of(request), outcome.result.explain())
    backend.sightings.saw(outcome.result)
    return answer(request, _shape(outcome.result, signer.token(outcome.result)), position=position)


def _shape(lease: Lease, token: str) -> shapes.Lease:
    awaited = lease.waits_for
    return shapes.Lease(
        token=token,
        deployment=lease.deployment,
        role=lease.role,
        license=lease.license,
        rights=list(lease.rights),
        term=lease.term,
        position=lease.position,
        issued_at=write_time(lease.issued_at),
        expires_at=write_time(lease.expires_at),
        waits_for=None
        if awaited is None
        else shapes.Awaited(awaited.deployment, write_time(awaited.until)),
    )


@router.post("/licenses/{id}/lease-duration", tags=["licenses"], **command(shapes.License))
async def set_lease_duration(
    request: Request, license_id: LicenseId, body: LeaseDurationBody
) -> Response:
    """Have leases under the license last so many seconds; those that were given stay as long."""
    change = commands.SetLease(license=license_id, seconds=body.seconds)
    return await change_license(request, change, body)
