"""Deployments: activate, register, nominate, release, read."""

import asyncio
import hashlib
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Path, Request, Response

from hotslot.api import shapes, views
from hotslot.api.answers import answer, mark_repeated, refusal_of, refuse
from hotslot.api.auth import Credential, activation_key_parts, authenticate
from hotslot.api.backend import backend_of, utc_now
from hotslot.api.bodies import ID_PATTERN, NominationBody, RegistrationBody, TakeRoleBody
from hotslot.api.documentation import READ_ERRORS, command, probe, reading
from hotslot.api.fast_route import FastRoute
from hotslot.api.lease_views import add_lease, hold_back, waits_for
from hotslot.api.problems import invalid
from hotslot.api.reading import Reading
from hotslot.api.routes.licenses import AsOf, MinPosition, license_after
from hotslot.api.submitting import submit
from hotslot.domain import commands
from hotslot.domain.events import BackupNominated, Recorded, Role, deployment_stream
from hotslot.ledger.submission import Done, Repeated
from hotslot.licensefiles import UntrustedLicenseFileError
from projections.slots.views import LicenseView

router = APIRouter(
    route_class=FastRoute, prefix="/v1/deployments/{deployment}", tags=["deployments"]
)

DeploymentId = Annotated[str, Path(pattern=ID_PATTERN, description="The deployment.")]


@router.put("/activation", **command(shapes.Deployment))
async def activate(
    request: Request, deployment: DeploymentId, body: TakeRoleBody | None = None
) -> Response:
    """Activate the deployment: it takes a slot and may process."""
    return await _take(request, deployment, body, commands.Activate)


@router.delete("/activation", **command(shapes.Deployment))
async def deactivate(request: Request, deployment: DeploymentId) -> Response:
    """Deactivate the deployment: its slot is free."""
    credential = await _actor(request, deployment)
    return await _change(request, credential, commands.Deactivate(deployment=deployment))


@router.put("/backup", **command(shapes.Deployment))
async def register_backup(
    request: Request, deployment: DeploymentId, body: RegistrationBody | None = None
) -> Response:
    """Register the deployment as a hot backup: it takes no slot."""
    standby_for = body.standby_for if body else None
    return await _take(request, deployment, body, commands.RegisterBackup, standby_for=standby_for)


@router.delete("/backup", **command(shapes.Deployment))
async def unregister_backup(request: Request, deployment: DeploymentId) -> Response:
    """Unregister the backup: it is like a fresh installation."""
    credential = await _actor(request, deployment)
    return await _change(request, credential, commands.UnregisterBackup(deployment=deployment))


async def _actor(request: Request, deployment: str) -> Credential:
    credential = await authenticate(request)
    credential.may("act", deployment)
    return credential


async def _take(
    request: Request,
    deployment: str,
    body: TakeRoleBody | None,
    kind: type[commands.TakeRole],
    **more: Any,
) -> Response:
    credential = await _actor(request, deployment)
    change: commands.TakeRole | commands.RejectFile
    try:
        named = await _license_named(request, credential, body)
    except UntrustedLicenseFileError as error:
        assert body is not None
        assert body.license_file is not None
        change = commands.RejectFile(
            command=kind.name,
            deployment=deployment,
            refusal=error.refusal,
            digest=hashlib.sha256(body.license_file.encode()).hexdigest(),
        )
    else:
        change = kind(deployment=deployment, **named, **more)
    return await _change(request, credential, change, body.reason if body else None)


async def _license_named(
    request: Request, credential: Credential, body: TakeRoleBody | None
) -> dict[str, Any]:
    """The license that a deployment is to have a role on, and by what it was named."""
    if body is not None and body.license_file is not None:
        presented = await backend_of(request).license_files.read(body.license_file)
        return {"license": presented.file.license, "file": presented}
    if body is not None and body.activation_key is not None:
        license_id, key_digest = activation_key_parts(body.activation_key)
        return {"license": license_id, "activation_key_sha256": key_digest}
    if body is not None and body.license is not None:
        return {"license": body.license}
    if credential.asker.license is not None:
        return {"license": credential.asker.license}
    raise invalid("Name the license, by `license`, `activation_key` or `license_file`.")


async def _change(
    request: Request,
    credential: Credential,
    change: commands.TakeRole | commands.ChangeRole,
    reason: str | None = None,
) -> Response:
    outcome = await submit(request, credential, change, reason)
    if (explanation := refusal_of(outcome)) is not None:
        return refuse(request, outcome, explanation)
    if isinstance(outcome, Repeated):
        read = Reading(request, outcome.answer.at)
        shape = await read.deployment_at(change.deployment, outcome.position)
        await hold_back(backend_of(request), shape)
        return mark_repeated(answer(request, shape, position=outcome.position))
    assert isinstance(outcome, Done)
    stream = deployment_stream(change.deployment)
    if any(event.stream == stream for event in outcome.recorded):
        shape = _after(outcome, change.deployment)
    else:
        # Its role is as it was, though a newer license file may have changed its license.
        read = Reading(request, outcome.at)
        await read.prepare(deployment=change.deployment)
        shape = await read.deployment(credential.asker, change.deployment)
        await hold_back(backend_of(request), shape)
    return answer(request, shape, position=outcome.head)


def _after(outcome: Done, deployment: str, *, waits: bool = False) -> shapes.Deployment:
    """The deployment as a command left it."""
    state = outcome.states.deployment(deployment)
    position = _license_position(outcome.recorded)
    license_ = outcome.states.license(state.license)
    return views.deployment(state, license_, position, outcome.at, waits=waits)


def _license_position(recorded: tuple[Recorded, ...]) -> int:
    """Where the last event on the license stands: it begins and ends the tenures."""
    return next(
        event.position for event in reversed(recorded) if event.stream.startswith("license:")
    )


@router.post("/nomination", **command(shapes.Nomination))
async def nominate(
    request: Request, deployment: DeploymentId, body: NominationBody | None = None
) -> Response:
    """Nominate the backup: it is active at once, and the former active one is released."""
    asked_at = utc_now()
    credential = await _actor(request, deployment)
    body = body or NominationBody()
    nomination = commands.NominateBackup(
        deployment=deployment,
        replaces=body.replaces,
        wait_for_release=body.wait_for_release,
        asked_at=asked_at,
    )
    # What the answer shows of the license is read meanwhile: a failover should not wait for it.
    reading_ahead = asyncio.create_task(Reading(request).license_ahead(deployment))
    try:
        outcome = await submit(request, credential, nomination, body.reason, dry_run=body.dry_run)
        ahead = await _if_read(reading_ahead)
    finally:
        reading_ahead.cancel()
    if (explanation := refusal_of(outcome)) is not None:
        return refuse(request, outcome, explanation)
    if isinstance(outcome, Repeated):
        return await _repeated_nomination(request, deployment, outcome)
    assert isinstance(outcome, Done)
    nominated = next(r.event for r in outcome.recorded if isinstance(r.event, BackupNominated))
    # A dry run has recorded nothing: what it shows stands behind the present end of the ledger.
    position = _license_position(outcome.recorded) - (1 if body.dry_run else 0)
    state, license_ = (
        outcome.states.deployment(deployment),
        outcome.states.license(nominated.license),
    )
    waits = await waits_for(backend_of(request), state, license_) is not None
    shape = shapes.Nomination(
        deployment=_after(outcome, deployment, waits=waits),
        replaced=_after(outcome, nominated.replaced) if nominated.replaced else None,
        license=await license_after(request, outcome, nominated.license, deployment, ahead),
        position=position,
        dry_run=body.dry_run,
    )
    return answer(request, shape, position=position if body.dry_run else outcome.head)


async def _if_read(reading_ahead: asyncio.Task[LicenseView | None]) -> LicenseView | None:
    try:
        return await reading_ahead
    except psycopg.Error:
        return None  # the command is recorded all the same


async def _repeated_nomination(request: Request, deployment: str, outcome: Repeated) -> Response:
    read = Reading(request, outcome.answer.at)
    shape = await read.deployment_at(deployment, outcome.position)
    await hold_back(backend_of(request), shape)
    replaced = outcome.answer.replaced
    assert shape.license is not None
    assert shape.position is not None
    nomination = shapes.Nomination(
        deployment=shape,
        replaced=await read.deployment_at(replaced, outcome.position) if replaced else None,
        license=await read.license_at(shape.license, outcome.position),
        position=shape.position,
        dry_run=False,
    )
    return mark_repeated(answer(request, nomination, position=outcome.position))


@router.get("", **reading(shapes.Deployment, (*READ_ERRORS, 404)))
async def show_deployment(
    request: Request,
    deployment: DeploymentId,
    as_of: AsOf = None,
    min_position: MinPosition = None,
) -> Response:
    """Show a deployment: its role, its license, and what it may do."""
    read, shape = await _read(request, deployment, as_of, min_position)
    if as_of is None:
        await add_lease(backend_of(request), shape)
    return answer(request, shape, position=read.position)


@router.get("/active", **probe(shapes.Deployment, (*READ_ERRORS, 404)))
async def is_active(
    request: Request, deployment: DeploymentId, min_position: MinPosition = None
) -> Response:
    """Answer 200 if the deployment is active and may process, else 503: for load balancers."""
    read, shape = await _read(request, deployment, None, min_position)
    return answer(
        request, shape, position=read.position, status=200 if shape.capabilities.process else 503
    )


@router.get("/backup", **probe(shapes.Deployment, (*READ_ERRORS, 404)))
async def is_backup(
    request: Request, deployment: DeploymentId, min_position: MinPosition = None
) -> Response:
    """Answer 200 if the deployment is a hot backup on a valid license, else 503."""
    read, shape = await _read(request, deployment, None, min_position)
    ready = shape.role == Role.BACKUP and shape.capabilities.engines_deploy
    return answer(request, shape, position=read.position, status=200 if ready else 503)


async def _read(
    request: Request, deployment: str, as_of: str | None, min_position: int | None
) -> tuple[Reading, shapes.Deployment]:
    credential = await authenticate(request)
    credential.may("read", deployment)
    read = Reading(request)
    await read.prepare(as_of=as_of, min_position=min_position, deployment=deployment)
    shape = await read.deployment(credential.asker, deployment)
    if as_of is None:
        await hold_back(backend_of(request), shape)
    return read, shape
