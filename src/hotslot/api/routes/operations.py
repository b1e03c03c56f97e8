"""For those who run the service: liveness, readiness, metrics."""

import asyncio

import psycopg
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg_pool import PoolTimeout

from hotslot.api import metrics
from hotslot.api.backend import backend_of
from hotslot.api.problems import problem, request_id_of

router = APIRouter(tags=["operations"])

READY_WITHIN_SECONDS = 1.0


@router.get("/livez", response_model=None)
async def is_alive() -> dict[str, str]:
    """Answer 200 while the process answers at all."""
    return {"status": "alive"}


@router.get("/readyz", response_model=None, responses={503: {"description": "Not ready."}})
async def is_ready(request: Request) -> Response | dict[str, object]:
    """Answer 200 when the ledger can be read and the views follow it."""
    backend = backend_of(request)
    try:
        async with asyncio.timeout(READY_WITHIN_SECONDS):
            head = await backend.head()
    except (psycopg.Error, PoolTimeout, TimeoutError, OSError):
        return problem(
            request_id_of(request),
            status=503,
            code="ledger-unavailable",
            title="Not ready",
            detail="The database does not answer. See the server's log.",
        )
    return {
        "status": "ready",
        "ledger": head,
        "projections": {"slots": backend.slots.reached, "trail": backend.trail.reached},
    }


@router.get("/metrics", response_model=None, response_class=Response)
async def show_metrics(request: Request) -> Response:
    """Metrics in the text format of Prometheus, of the process that answers."""
    backend = backend_of(request)
    metrics.LEDGER_POSITION.set(backend.known_position)
    metrics.LOG_SIZE.set(backend.tree.reached)
    metrics.CHECKPOINT_SIZE.set(backend.signer.last.size if backend.signer.last else 0)
    metrics.CHECKPOINT_AGE.set(backend.signer.age)
    for freshness in (backend.slots, backend.trail, backend.tree):
        metrics.PROJECTION_POSITION.labels(freshness.projection).set(freshness.reached)
    return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)
