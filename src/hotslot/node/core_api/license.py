"""The Core's calls on the license of this instance, and on its being a hot backup."""

import math
import re
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec
import structlog
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from hotslot.client import OutOfReach, Refused, Unreadable
from hotslot.node.core_api.bodies import read_body, read_json
from hotslot.node.core_api.errors import CoreError
from hotslot.node.core_api.instead import what_to_do
from hotslot.node.core_api.license_facts import LicenseFacts
from hotslot.node.instance import Node, node_of
from hotslot.node.standing import PROCESS, Role

T = TypeVar("T")

REGISTERED = "The backup MetaDefender Core instance is now registered as a backup one."
UNREGISTERED = "This MetaDefender Core instance is no longer registered as a backup one."
NOMINATED = "This MetaDefender Core instance is now fully activated and allowed to process files."
WAITING = (
    "This MetaDefender Core instance is now activated. It is allowed to process files as soon as "
    "the former one is known to have stopped; GET /readyz tells when."
)
INVALID_LICENSE = "Invalid license"

NEVER = "12/31/9999"
"""The end of a license that has none: clients read a date."""

KEY_HEADER = "activation-key"
ACTIVE_HEADER = "active-deployment-id"
WAIT_HEADER = "wait-for-release"

_IN_WORDS: dict[Role, str] = {"active": "an active one", "backup": "a hot backup"}

# How codes begin that say what is wrong with a file, whatever the role that it was to give.
_FILE_CODES = ("invalid-input", "license-file-")
# The backend does not know this instance's own key, or it is another's.
_OWN_KEY_CODES = {"unauthenticated", "forbidden"}

_KEY = re.compile(r"[\x21-\x7e]{1,300}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:@-]{0,127}")

_log = structlog.get_logger(__name__)

router = APIRouter()


class _RefusedByBackendError(CoreError):
    """What a rule is against, with the way out in the calls of this instance."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(400, f"{refused.detail} {what_to_do(refused)}".rstrip())
        self.about_the_file = refused.code.startswith(_FILE_CODES)
        self.detail = refused.detail


class _Activation(msgspec.Struct, rename="camel"):
    activation_key: str
    # An instance takes one slot. Scripts say how many scan nodes it has, as a number or as text.
    quantity: (
        Annotated[int, msgspec.Meta(ge=1)]
        | Annotated[str, msgspec.Meta(pattern=r"^0*[1-9][0-9]{0,9}$")]
    ) = 1
    comment: str = ""


@router.get("/admin/license")
async def current_license(request: Request) -> dict[str, Any]:
    """What this instance is licensed for, and until when."""
    deployment = node_of(request).deployment
    shown = {"deployment": deployment, "deployment_id": deployment}
    facts = await _facts_of(request).now()
    if facts is None:
        return shown | {"days_left": 0, "online_activated": False}
    ends = facts.expires_at
    return shown | {
        "days_left": days_left(ends, datetime.now(UTC)) if facts.valid else 0,
        "expiration": NEVER if ends is None else f"{ends:%m/%d/%Y}",
        "licensed_engines": ["*"],
        "licensed_to": facts.customer,
        "max_node_count": str(facts.slots),
        "online_activated": facts.online,
        "product_id": facts.product,
        "product_name": facts.product,
    }


@router.post("/admin/license/activation")
async def activate_online(request: Request) -> dict[str, bool]:
    """Take a slot of the license that the activation key belongs to."""
    given = await read_json(request, _Activation)
    key = _checked_key(given.activation_key, "`activationKey`")
    node = node_of(request)
    await _done(node.registration.activate(activation_key=key, reason=given.comment or None))
    _check_lease(node, "active")
    return {"success": True}


@router.post("/admin/license")
async def activate_offline(request: Request) -> dict[str, bool]:
    """Take a slot with a license file."""
    node = node_of(request)
    try:
        file = _text(await read_body(request))
        await _done(node.registration.activate(license_file=file))
    except _RefusedByBackendError as error:
        if not error.about_the_file:
            raise
        _log.warning("license-file-refused", detail=error.detail)
        detail = " ".join(error.detail.split()).encode("ascii", "replace").decode()
        raise CoreError(400, INVALID_LICENSE, Hotslot_Detail=detail) from None
    _check_lease(node, "active")
    return {"success": True}


@router.post("/admin/license/deactivation")
async def deactivate(request: Request) -> dict[str, bool]:
    """Give the slot back."""
    await _done(node_of(request).registration.deactivate())
    return {"success": True}


@router.get("/admin/license/backup")
async def is_backup(request: Request) -> dict[str, bool]:
    """Whether this instance is a hot backup, by its lease."""
    return {"is_backup": node_of(request).keeper.standing().role == "backup"}


@router.post("/admin/license/backup")
async def register_backup(request: Request) -> dict[str, str]:
    """Become a hot backup: online by the header `activation-key`, offline by a license file."""
    key = request.headers.get(KEY_HEADER)
    standby_for = _active_named(request)
    file = await read_body(request)
    if key is not None and file:
        raise CoreError(
            400,
            f"Send the header `{KEY_HEADER}` to register online, or a license.yml to register "
            "offline: not both.",
        )
    node = node_of(request)
    register = node.registration.register
    if key is not None:
        key = _checked_key(key, f"The header `{KEY_HEADER}`")
        await _done(register(activation_key=key, standby_for=standby_for))
    elif file:
        await _done(register(license_file=_text(file), standby_for=standby_for))
    else:
        raise CoreError(
            400,
            f"Send the header `{KEY_HEADER}` to register online, or the content of license.yml as "
            "application/octet-stream to register offline.",
        )
    _check_lease(node, "backup")
    return {"success": REGISTERED}


@router.delete("/admin/license/backup")
async def unregister_backup(request: Request) -> dict[str, str]:
    """Be no backup any more, and unlicensed."""
    await _done(node_of(request).registration.unregister())
    return {"success": UNREGISTERED}


@router.post("/admin/license/backup/nomination")
async def nominate_backup(request: Request) -> JSONResponse:
    """Become the active instance in the place of the one that is; 202 if it has to wait for it."""
    node = node_of(request)
    call = node.registration.nominate(
        replaces=_active_named(request), wait_for_release=_waits(request)
    )
    await _done(call)
    if node.keeper.standing().status == "waiting":
        return JSONResponse({"success": WAITING}, 202)
    if not node.keeper.may(PROCESS):
        raise CoreError(
            500,
            "This instance was nominated: for the backend it is the active one. But it has no "
            "lease that lets it process files yet, and goes on asking for one; GET /readyz tells "
            f"when it has. {node.keeper.failure or node.keeper.standing().why}",
        )
    return JSONResponse({"success": NOMINATED})


def _check_lease(node: Node, role: Role) -> None:
    """Raise unless the lease gives the role that the backend has just given."""
    standing = node.keeper.standing()
    if standing.role != role:
        raise CoreError(
            500,
            f"For the backend this instance is {_IN_WORDS[role]} now. But it has no lease that "
            "says so yet, and goes on asking for one; GET /readyz?verbose tells when it has. "
            f"{node.keeper.failure or standing.why}",
        )


def days_left(ends: datetime | None, now: datetime) -> int:
    """Days until the end, with the one that has begun; 0 when it is over."""
    if ends is None:
        ends = datetime.strptime(NEVER, "%m/%d/%Y").replace(tzinfo=UTC)
    return max(math.ceil((ends - now) / timedelta(days=1)), 0)


async def _done(call: Coroutine[Any, Any, T]) -> T:
    """Have the backend asked; what comes of it otherwise is told in the Core's form."""
    try:
        return await call
    except Refused as refused:
        if refused.code in _OWN_KEY_CODES:
            raise CoreError(
                500,
                "The licensing backend does not let this instance in with its own key: "
                f"{refused.detail} Start it with another HOTSLOT_NODE_KEY.",
            ) from None
        raise _RefusedByBackendError(refused) from None
    except (OutOfReach, Unreadable) as error:
        raise CoreError(
            500,
            f"The licensing backend could not be asked: {error} Try again. If it was only the "
            "answer that got lost, the repeated call changes nothing.",
        ) from None


def _facts_of(request: Request) -> LicenseFacts:
    facts = request.app.state.node.license_facts
    assert isinstance(facts, LicenseFacts)
    return facts


def _checked_key(key: str, what: str) -> str:
    if not _KEY.fullmatch(key):
        raise CoreError(
            400,
            f"{what} is no activation key: these have 1 to 300 visible ASCII characters. Send it "
            "as the vendor gave it.",
        )
    return key


def _active_named(request: Request) -> str | None:
    named = request.headers.get(ACTIVE_HEADER)
    if named is not None and not _ID.fullmatch(named):
        raise CoreError(
            400,
            f"The header `{ACTIVE_HEADER}` is no deployment ID: these have 1 to 128 letters, "
            "digits and . _ ~ - : @, and begin with a letter or digit.",
        )
    return named


def _waits(request: Request) -> bool:
    said = request.headers.get(WAIT_HEADER, "false").lower()
    if said not in {"true", "false"}:
        raise CoreError(400, f"The header `{WAIT_HEADER}` is `true` or `false`.")
    return said == "true"


def _text(file: bytes) -> str:
    try:
        return file.decode("utf-8")
    except UnicodeDecodeError:
        raise CoreError(400, INVALID_LICENSE) from None
