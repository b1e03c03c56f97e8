"""The audit trail."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from hotslot.api import shapes
from hotslot.api.answers import answer
from hotslot.api.auth import authenticate
from hotslot.api.backend import utc_now
from hotslot.api.bodies import NUL_FREE
from hotslot.api.bulk_reads import note_trail_read
from hotslot.api.documentation import READ_ERRORS, reading
from hotslot.api.fast_route import FastRoute
from hotslot.api.procedures import Procedures, procedures_shape
from hotslot.api.projected import entry_shape
from hotslot.api.reading import Reading
from hotslot.api.replaying import Replay, replay
from hotslot.api.routes.licenses import AsOf, Cursor, From, Limit, MinPosition, To
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
    as_of: AsOf = None,
    min_position: MinPosition = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List what happened and what was refused, newest last."""
    credential = await authenticate(request)
    credential.may("read-trail")
    read = Reading(request)
    await read.prepare_trail(as_of, min_position)
    page = await read.of_trail(
        trail.entries,
        credential.asker,
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
    shown = shapes.Entries([entry_shape(view) for view in page.rows], page.next, read.as_of)
    return answer(request, shown, position=read.position_of_trail)


@router.get("/procedures", **reading(Procedures, READ_ERRORS))
async def list_procedures(
    request: Request,
    license: Filter = None,  # noqa: A002 - the parameter's name
    deployment: Filter = None,
    as_of: AsOf = None,
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
    read = Reading(request)
    await read.prepare_trail(as_of, min_position)
    page = await read.of_trail(
        trail.procedures,
        credential.asker,
        license_id=license,
        deployment=deployment,
        cursor=cursor,
        limit=limit,
    )
    shown = procedures_shape(page, read.as_of)
    return answer(request, shown, position=read.position_of_trail)


@router.get("/replay", **reading(Replay, READ_ERRORS))
async def list_steps(
    request: Request,
    license: Filter = None,  # noqa: A002 - the parameter's name
    from_: From = None,
    to: To = None,
    min_position: MinPosition = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Step through the events in the order of the ledger, with the slots after each.

    From the event at the position `from`, or the first one at that time or after it, to that at
    `to`, or the last one by that time.
    """
    credential = await authenticate(request)
    credential.may("read-trail")
    page = await replay(
        request,
        credential.asker,
        license_id=license,
        from_=from_,
        to=to,
        now=utc_now(),
        min_position=min_position,
        cursor=cursor,
        limit=limit,
    )
    await note_trail_read(request, credential, len(page.steps))
    return answer(request, page, position=page.to)
