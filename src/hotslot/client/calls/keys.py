"""Calls on API keys."""

from datetime import datetime

from hotslot.client.call import Call, Pages, command, given, moment, path, path_of, shaped
from hotslot.client.results import CreatedKey, Key

_ROOM = "keys"
_KEY = shaped(Key)
_CREATED = shaped(CreatedKey)


def create(
    *,
    role: str,
    id: str | None = None,  # noqa: A002 - the field's name
    customer: str | None = None,
    deployment: str | None = None,
    reason: str | None = None,
    idempotency_key: str | None = None,
) -> Call[CreatedKey]:
    """Make an API key. Gives a `CreatedKey`, with the secret that is shown this once.

    `role` is admin, operator, auditor or node; a node's key needs the `deployment` it acts for.
    `customer` limits the key to that one.
    """
    body = given(id=id, role=role, customer=customer, deployment=deployment)
    return command(
        "POST", path(_ROOM), _CREATED, body, reason=reason, idempotency_key=idempotency_key
    )


def list_(*, as_of: int | datetime | None = None) -> Pages[Key]:
    """Iterate over each `Key` in the order of their ids, revoked ones too; never their secrets.

    `as_of` is a position or a time: the keys as they were then.
    """
    return Pages(path=path(_ROOM), name="keys", of=Key, query={"as_of": moment(as_of)})


def revoke(key: str, *, reason: str | None = None, idempotency_key: str | None = None) -> Call[Key]:
    """Revoke an API key for good. Gives the `Key`."""
    where = path_of(_ROOM, key)
    return command("DELETE", where, _KEY, reason=reason, idempotency_key=idempotency_key)
