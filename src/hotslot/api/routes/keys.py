"""API keys: make, list, revoke."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from hotslot.api import shapes, views
from hotslot.api.answers import answer, answer_to, refusal_of, refuse
from hotslot.api.auth import authenticate
from hotslot.api.backend import backend_of, utc_now
from hotslot.api.bodies import ID_PATTERN, KeyBody
from hotslot.api.documentation import READ_ERRORS, command, reading
from hotslot.api.fast_route import FastRoute
from hotslot.api.instants import instant_of
from hotslot.api.keyring import digest
from hotslot.api.problems import forbidden
from hotslot.api.routes.licenses import AsOf, Cursor, Limit
from hotslot.api.submitting import submit, unsealed
from hotslot.domain import commands
from hotslot.domain.events import KeyCreated
from hotslot.ledger.submission import Done, Outcome, Repeated

router = APIRouter(route_class=FastRoute, prefix="/v1/keys", tags=["keys"])

KeyId = Annotated[str, Path(alias="id", pattern=ID_PATTERN, description="The key's id.")]


@router.post("", **command(shapes.CreatedKey, status=201))
async def create_key(request: Request, body: KeyBody) -> Response:
    """Make an API key. It is shown in this answer only."""
    credential = await authenticate(request)
    credential.may("manage")
    if credential.asker.customer not in (None, body.customer):
        raise forbidden(f"This key is limited to the customer {credential.asker.customer}.")
    key_id = body.id or f"key-{secrets.token_hex(8)}"
    # The secret names its id, so that a repeated request can tell which key was made.
    secret = f"hsk.{key_id}.{secrets.token_urlsafe(32)}"
    created = commands.CreateKey(
        created=KeyCreated(
            key=key_id,
            role=body.role,
            customer=body.customer,
            deployment=body.deployment,
            sha256=digest(secret),
        )
    )
    outcome = await submit(request, credential, created, body.reason, secret=secret)
    if (explanation := refusal_of(outcome)) is not None:
        return refuse(request, outcome, explanation)
    if isinstance(outcome, Repeated):
        assert outcome.answer.sealed_secret is not None
        secret = unsealed(request, credential, outcome.answer.sealed_secret)
        key_id = secret.removeprefix("hsk.").rpartition(".")[0]
    shape = await _key(request, outcome, key_id)
    # The first answer showed a key in force, whatever has become of it since.
    shape.revoked_at = None
    shown = shapes.CreatedKey(
        **{name: getattr(shape, name) for name in shape.__struct_fields__}, key=secret
    )
    return answer_to(request, outcome, shown, 201)


@router.delete("/{id}", **command(shapes.Key))
async def revoke_key(request: Request, key_id: KeyId) -> Response:
    """Revoke a key for good: within a second it works nowhere."""
    credential = await authenticate(request)
    credential.may("manage")
    outcome = await submit(request, credential, commands.RevokeKey(key=key_id))
    if (explanation := refusal_of(outcome)) is not None:
        return refuse(request, outcome, explanation)
    return answer_to(request, outcome, await _key(request, outcome, key_id))


@router.get("", **reading(shapes.Keys, READ_ERRORS))
async def list_keys(
    request: Request, as_of: AsOf = None, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """List the keys in the order of their ids, revoked ones too, without secrets."""
    credential = await authenticate(request)
    credential.may("read-keys")
    backend = backend_of(request)
    position = None
    if as_of is not None:
        position = (await instant_of(backend, "as_of", as_of, utc_now())).position
        if position > backend.known_position:
            await backend.catch_up()
    keys = backend.keyring.page(credential.asker.customer, cursor, limit + 1, position)
    page = shapes.Keys(
        keys=[views.key(key) for key in keys[:limit]],
        next=keys[limit - 1].id if len(keys) > limit else None,
        as_of=position,
    )
    return answer(request, page, position=backend.known_position if position is None else position)


async def _key(request: Request, outcome: Outcome, key_id: str) -> shapes.Key:
    """The key as a command left it; for a repeated request, as it is now."""
    key = outcome.states.key(key_id) if isinstance(outcome, Done) else None
    if key is None:
        backend = backend_of(request)
        await backend.catch_up()
        key = backend.keyring.get(key_id)
    assert key is not None
    return views.key(key)
