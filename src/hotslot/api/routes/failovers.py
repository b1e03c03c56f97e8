"""Failovers: who took over from whom, and how long it really took."""

from fastapi import APIRouter, Request, Response

from hotslot.api.answers import answer
from hotslot.api.auth import authenticate
from hotslot.api.documentation import READ_ERRORS, reading
from hotslot.api.failovers import Failovers, failovers_shape
from hotslot.api.fast_route import FastRoute
from hotslot.api.reading import Reading
from hotslot.api.routes.audit import Filter, Since
from hotslot.api.routes.licenses import AsOf, Cursor, Limit, MinPosition
from hotslot.api.times import read_time
from projections.trail.failovers import failovers

router = APIRouter(route_class=FastRoute, prefix="/v1/failovers", tags=["failovers"])


@router.get("", **reading(Failovers, READ_ERRORS))
async def list_failovers(
    request: Request,
    license: Filter = None,  # noqa: A002 - the parameter's name
    deployment: Filter = None,
    since: Since = None,
    until: Since = None,
    as_of: AsOf = None,
    min_position: MinPosition = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List every nomination, newest first, with what came of it.

    When it was asked and recorded, when the new one first had the right to process, when the former
    one was known to be silent, and for how long both could have processed. `deployment` finds those
    that take over and the former ones.
    """
    credential = await authenticate(request)
    credential.may("read-trail")
    read = Reading(request)
    await read.prepare_trail(as_of, min_position)
    page = await read.of_trail(
        failovers,
        credential.asker,
        at=await read.then(),
        license_id=license,
        deployment=deployment,
        since=None if since is None else read_time("since", since),
        until=None if until is None else read_time("until", until),
        cursor=cursor,
        limit=limit,
    )
    shown = failovers_shape(page, read.as_of)
    return answer(request, shown, position=read.position_of_trail)
