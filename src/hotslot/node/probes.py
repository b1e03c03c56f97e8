"""What may be asked without a key: `/version` and `/readyz`."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from hotslot import __version__
from hotslot.domain.times import write_time
from hotslot.node.instance import node_of

PRODUCT_ID = "hotslot-node"

router = APIRouter()


@router.get("/version")
async def version() -> dict[str, str]:
    """Which product this is."""
    return {"product_id": PRODUCT_ID, "version": __version__}


@router.get("/readyz")
async def readyz(request: Request, verbose: str | None = None) -> JSONResponse:
    """Whether this instance may process: 200, else 503. `?verbose` says why."""
    node = node_of(request)
    standing = node.keeper.standing()
    license_: dict[str, Any] = {"status": standing.status}
    body: dict[str, Any] = {"license": license_}
    if verbose is not None and verbose.lower() not in ("false", "0"):
        license_ |= {
            "detail": standing.why,
            "role": standing.role,
            "license": standing.license,
            "term": standing.term,
            "lease_expires_at": standing.expires_at and write_time(standing.expires_at),
            "waits_for": standing.waits_for,
            "not_renewed": node.keeper.failure,
        }
        body |= {
            "deployment": node.deployment,
            "backend": _part(node.keeper.backend_fault),
            "memory": _part(node.memory.fault or node.memory.damage),
        }
    return JSONResponse(body, 200 if standing.status == "ok" else 503)


def _part(fault: str | None) -> dict[str, str]:
    return {"status": "ok"} if fault is None else {"status": "failed", "detail": fault}
