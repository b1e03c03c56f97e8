"""The audit trail."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from hotslot.api import shapes
from hotslot.api.answers import answer
from hotslot.api.auth import authenticate
from hotslot.api.backend import backend_of
from hotslot.api.bodies import NUL_FREE
from hotslot.api.bulk_reads import note_trail_read
from hotslot.api.documentation import READ_ERRORS, reading
from hotslot.api.fast_route import FastRoute
from hotslot.api.procedures import Procedures, procedures_shape
from hotslot.api.reading import Reading, entry_shape
from hotslot.api.routes.licenses import Cursor, Limit, MinPosition
from hotslot.api.times import read_time
from projections.trail import queries as trail

router = APIRouter(route_class=FastRoute, prefix="/v1/audit", tags=["audit"])

Filter = Annotated[str | None, Query(max_length=200, pattern=NUL_FREE)]
ActorFilter = Annotated[
    str | None, Query(max_length=200, pattern=NUL_FREE, description="An id, or `kind:id`.")
]
Outcome = Annotated[str | None, Query(pattern="^(done|refused)$")]
Since = Annotated[str | None, Query(max_length=64, description="RFC 3339, inclusive.")]


@router.get("", **reading(shapes.Entries, READ_ERRORS))
async def list_entries(
    request: Request,
    license: Filter = None,  # noqa: A002 - the parameter's name
    deployment: Filter = None,
    actor: ActorFilter = None,
    type: Filter = None,  # noqa: A002 - the parameter's name
    outcome: Outcome = None,
    since: Since = None,
    until: Since = None,
    min_position: MinPosition = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List what happened and what was refused, newest last."""
    credential = await authenticate(request)
    credential.may("read-trail")
    page = await Reading(request).of_trail(
        trail.entries,
        credential.asker,
        min_position,
        license_id=license,
        deployment=deployment,
        actor=actor,
        type_=type,
        outcome=outcome,
        since=None if since is None else read_time("since", since),
        until=None if until is None else read_time("until", until),
        cursor=cursor,
        limit=limit,
    )
    await note_trail_read(request, credential, len(page.rows))
    shown = shapes.Entries([entry_shape(view) for view in page.rows], page.next)
    return answer(request, shown, position=backend_of(request).trail.reached)


@router.get("/procedures", **reading(Procedures, READ_ERRORS))
async def list_procedures(
    request: Request,
    license: Filter = None,  # noqa: A002 - the parameter's name
    deployment: Filter = None,
    min_position: MinPosition = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List offline procedures: entries that belong together, newest last.

    The steps of one are that an active deployment is deactivated, then a backup on the same license
    is unregistered, then that one is activated with a license file; all with the same reason, or
    all with the same trace id. `deployment` finds both those that take over and the former ones.
    """
    credential = await authenticate(request)
    credential.may("read-trail")
    page = await Reading(request).of_trail(
        trail.procedures,
        credential.asker,
        min_position,
        license_id=license,
        deployment=deployment,
        cursor=cursor,
        limit=limit,
    )
    shown = procedures_shape(page)
    return answer(request, shown, position=backend_of(request).trail.reached)
