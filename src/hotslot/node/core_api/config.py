"""The Core's calls on settings: to change those of updates, and to carry all to another instance.

Every instance may do this, whatever its role: no lease is asked for it.
"""

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from hotslot.node.core_api.bodies import read_body, read_object
from hotslot.node.core_api.errors import CoreError
from hotslot.node.settings_store import SettingsInvalidError, SettingsNotKeptError, SettingsStore

_FILE_NAME = "hotslot-node-settings.json"

# Settings of the Core that have no meaning here, as a client sends them that leaves them alone.
_LEFT_ALONE: dict[str, object] = {
    "deleteafterimport": False,
    "disabledupdate": [],
    "skipenginedependency": False,
}

router = APIRouter()


@router.get("/admin/config/update")
async def update_settings(request: Request) -> dict[str, Any]:
    """Where engines come from, and how often they are asked for."""
    return msgspec.structs.asdict(_store(request).current.update)


@router.put("/admin/config/update")
async def change_update_settings(request: Request) -> dict[str, Any]:
    """Change the fields that are given, and answer with all."""
    given = await read_object(request)
    for name, left_alone in _LEFT_ALONE.items():
        # 0 is no false in JSON.
        if repr(given.pop(name, left_alone)) != repr(left_alone):
            raise CoreError(400, f"`{name}` is not supported here. Leave it out.")
    try:
        return msgspec.structs.asdict(await _store(request).change_update(given))
    except SettingsInvalidError as error:
        raise CoreError(400, f"The settings stay as they were. {error}") from None
    except SettingsNotKeptError as error:
        raise CoreError(500, str(error)) from None


@router.get("/admin/export")
async def export_settings(request: Request) -> Response:
    """All settings, as a file for `POST /admin/import`."""
    return Response(
        _store(request).exported(),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{_FILE_NAME}"'},
    )


@router.post("/admin/import")
async def import_settings(request: Request) -> Response:
    """Replace all settings by those of an export; 304 when they are the same already."""
    document = await read_body(request)
    try:
        changed = await _store(request).take_over(document)
    except SettingsInvalidError as error:
        raise CoreError(400, f"Nothing was imported. {error}") from None
    except SettingsNotKeptError as error:
        raise CoreError(500, str(error)) from None
    if not changed:
        return Response(status_code=304)
    return Response(
        msgspec.json.encode({"result": "Successfully imported"}), media_type="application/json"
    )


def _store(request: Request) -> SettingsStore:
    store = request.app.state.node.settings_store
    assert isinstance(store, SettingsStore)
    return store
