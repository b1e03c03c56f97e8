"""Lets requests in, or not, before anything of them is read."""

from starlette.requests import Request

from hotslot.node.core_api.access import Access
from hotslot.node.core_api.errors import CoreError

HEADER = "apikey"


def access_of(request: Request) -> Access:
    """Who may ask the instance that a request has come to."""
    access = request.app.state.node.access
    assert isinstance(access, Access)
    return access


async def admit(request: Request) -> None:
    """Let a call in. Those under `/admin` take a user, and to change something, an administrator.

    Raises:
        CoreError: 403 for no or a wrong key, 405 for a user without the right.

    """
    if not request.scope["path"].startswith("/admin/"):
        return
    shown = request.headers.get(HEADER)
    user = None if shown is None else access_of(request).who(shown)
    if user is None:
        raise CoreError(
            403,
            f"Access denied. Send the header `{HEADER}` with the session_id of POST /login, or "
            "with the API key of this instance.",
        )
    if user.kind != "admin" and request.method != "GET":
        raise CoreError(
            405, f"Access denied. The user {user.name} may only read. Log in as an administrator."
        )
