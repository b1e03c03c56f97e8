"""The public halves of the keys of license files: anyone may have them, to verify files."""

import msgspec
from fastapi import APIRouter, Request, Response

from hotslot.api import shapes
from hotslot.api.answers import answer
from hotslot.api.backend import backend_of
from hotslot.api.documentation import WEB_KEYS, public
from hotslot.api.fast_route import FastRoute
from hotslot.api.shapes import write_time_or_null
from hotslot.licensefiles import jwks

router = APIRouter(route_class=FastRoute, tags=["license files"])

_encode = msgspec.json.Encoder().encode


@router.get("/v1/signing-keys", **public(shapes.SigningKeys))
async def list_signing_keys(request: Request) -> Response:
    """List the keys that sign license files here, or did, without their private halves."""
    backend = backend_of(request)
    keys = [
        shapes.SigningKey(
            id=key.id,
            algorithm="ed25519",
            created_at=write_time_or_null(key.created_at),
            status=key.status,
            public_key=key.pem,
        )
        for key in (await backend.license_files.own_keys()).listed
    ]
    return answer(request, shapes.SigningKeys(keys), position=backend.known_position)


@router.get("/.well-known/jwks.json", **public(shapes.WebKeys, WEB_KEYS))
async def show_web_keys(request: Request) -> Response:
    """Show the keys that are in force as a JSON Web Key Set, for whoever verifies license files."""
    keys = await backend_of(request).license_files.own_keys()
    return Response(_encode(jwks(keys)), media_type=WEB_KEYS)
