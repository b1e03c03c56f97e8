"""The Core API's calls on engines, and the upload of a package by hand."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from hotslot.domain.times import write_time
from hotslot.node.engines import EngineError, Engines, UnknownEngineError

router = APIRouter()

_REFUSED = 400
_NOT_FOUND = 404


@router.get("/stat/engines")
async def stat_engines(request: Request) -> list[dict[str, Any]]:
    """Every engine: its version, its state, and whether it is in use."""
    return _engines(request).listing()


@router.get("/admin/engine/update")
async def last_update(request: Request) -> dict[str, Any]:
    """What came of the last update, since the node was started."""
    last = _engines(request).last_update
    if last is None:
        return {"at": None, "outcome": None, "reason": None}
    return {"at": write_time(last.at), "outcome": last.outcome, "reason": last.reason}


@router.post("/admin/engine/update")
async def update(request: Request) -> JSONResponse:
    """Update now."""
    try:
        check = await _engines(request).update()
    except EngineError as error:
        return _failed(error)
    if check.outcome != "done":
        return JSONResponse({"err": check.reason}, _REFUSED)
    return JSONResponse({"result": "Engines are up to date"})


@router.post("/admin/engine/upload")
async def upload(request: Request) -> JSONResponse:
    """Take in a package by hand: the body, as it is."""
    try:
        engine = await _engines(request).upload(request.stream())
    except EngineError as error:
        return _failed(error)
    return JSONResponse({"result": "Engine is uploaded", "eng_id": engine})


@router.post("/admin/engine/{engine}/enable")
async def enable(request: Request, engine: str) -> JSONResponse:
    """Scan with an engine again."""
    return _done(_engines(request).enable, engine, "enabled")


@router.post("/admin/engine/{engine}/disable")
async def disable(request: Request, engine: str) -> JSONResponse:
    """Scan without an engine."""
    return _done(_engines(request).disable, engine, "disabled")


@router.post("/admin/engine/{engine}/pin")
async def pin(request: Request, engine: str) -> JSONResponse:
    """Keep an engine at its version."""
    return _done(_engines(request).pin, engine, "pinned")


@router.post("/admin/engine/{engine}/unpin")
async def unpin(request: Request, engine: str) -> JSONResponse:
    """Let updates change an engine again."""
    return _done(_engines(request).unpin, engine, "unpinned")


def _engines(request: Request) -> Engines:
    engines = request.app.state.node.engines
    assert isinstance(engines, Engines)
    return engines


def _done(change: Callable[[str], None], engine: str, what: str) -> JSONResponse:
    try:
        change(engine)
    except EngineError as error:
        return _failed(error)
    return JSONResponse({"result": f"Engine is {what}"})


def _failed(error: EngineError) -> JSONResponse:
    status = _NOT_FOUND if isinstance(error, UnknownEngineError) else _REFUSED
    return JSONResponse({"err": str(error)}, status)
