"""The bodies that the peers take and give: those of Hotslot's API, read and written as it does.

Bodies are parsed by FastAPI into pydantic models; answers are msgspec structs, encoded at once:
measured to be cheaper than a pydantic model as the return type.
"""

from datetime import datetime
from enum import StrEnum

import msgspec
from fastapi import Response
from pydantic import BaseModel


class Role(StrEnum):
    """What a deployment is to its license."""

    UNLICENSED = "unlicensed"
    ACTIVE = "active"
    BACKUP = "backup"


class Activation(BaseModel):
    """Body of `PUT /v1/deployments/{deployment}/activation`."""

    license: str | None = None
    activation_key: str | None = None
    reason: str | None = None


class Deployment(msgspec.Struct):
    """Answer to a command on a deployment."""

    id: str
    role: Role
    license: str | None
    mode: str | None
    standby_for: str | None
    since: datetime | None
    term: int | None
    position: int
    capabilities: dict[str, bool]


ACTIVE = dict.fromkeys(
    (
        "process",
        "engines.download",
        "engines.upload",
        "engines.deploy",
        "settings.modify",
        "settings.import",
        "administer",
    ),
    True,
)
"""What an active deployment may do."""

UNLICENSED = {name: name in {"settings.modify", "settings.import", "administer"} for name in ACTIVE}
"""What an unlicensed deployment may do."""

_encode = msgspec.json.Encoder().encode


def answer(body: object) -> Response:
    """Return the answer with this body as JSON."""
    return Response(_encode(body), media_type="application/json")


def active(deployment: str, license_id: str, since: datetime, term: int, at: int) -> Response:
    """Return the answer for a deployment that is active."""
    return answer(
        Deployment(
            id=deployment,
            role=Role.ACTIVE,
            license=license_id,
            mode="online",
            standby_for=None,
            since=since,
            term=term,
            position=at,
            capabilities=ACTIVE,
        )
    )


def unlicensed(deployment: str, at: int) -> Response:
    """Return the answer for a deployment that has just been deactivated."""
    return answer(
        Deployment(
            id=deployment,
            role=Role.UNLICENSED,
            license=None,
            mode=None,
            standby_for=None,
            since=None,
            term=None,
            position=at,
            capabilities=UNLICENSED,
        )
    )
