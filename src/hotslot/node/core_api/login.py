"""The Core's calls to begin and end a session: `POST /login` and `POST /logout`."""

import msgspec
from fastapi import APIRouter, Request

from hotslot.node.core_api.access import LoginFailedError, TooManyTriesError
from hotslot.node.core_api.admission import HEADER, access_of
from hotslot.node.core_api.bodies import read_json
from hotslot.node.core_api.errors import CoreError

router = APIRouter()


class _Login(msgspec.Struct):
    user: str
    password: str


@router.post("/login")
async def login(request: Request) -> dict[str, str]:
    """Begin a session; its id is what the header `apikey` takes from then on."""
    given = await read_json(request, _Login)
    address = request.client.host if request.client is not None else ""
    try:
        opened = await access_of(request).login(given.user, given.password, address)
    except LoginFailedError:
        raise CoreError(403, "Failed to login") from None
    except TooManyTriesError as error:
        raise CoreError(429, str(error), Retry_After=str(error.seconds)) from None
    return {"session_id": opened.session_id, "oms-csrf-token": opened.csrf_token}


@router.post("/logout")
async def logout(request: Request) -> dict[str, str]:
    """End the session of the header `apikey`."""
    access = access_of(request)
    shown = request.headers.get(HEADER)
    if shown is None:
        raise CoreError(400, f"Send the header `{HEADER}` with the session_id that is to end.")
    if access.is_apikey(shown):
        raise CoreError(400, "That is the API key of this instance: it has no session to end.")
    if access.who(shown) is None:
        raise CoreError(403, "Access denied. There is no such session, or it has ended already.")
    access.logout(shown)
    return {"response": "Logout success"}
