"""Calls that anyone may make, without a key."""

import httpx
from msgspec import Struct

from hotslot.client.call import Call, Json, as_object, path, shaped
from hotslot.client.results import Readiness, SigningKey


class _SigningKeys(Struct):
    keys: tuple[SigningKey, ...]


_KEYS = shaped(_SigningKeys)
_READINESS = shaped(Readiness)


def _listed(response: httpx.Response) -> tuple[SigningKey, ...]:
    return _KEYS(response).keys


def signing_keys() -> Call[tuple[SigningKey, ...]]:
    """Give the public half of each `SigningKey` of license files, as a tuple."""
    return Call(method="GET", path=path("signing-keys"), read=_listed)


def jwks() -> Call[Json]:
    """Give the public keys in force as a JSON Web Key Set (RFC 7517).

    It is a dict as the server wrote it, for the JWT library that verifies with it.
    """
    return Call(method="GET", path="/.well-known/jwks.json", read=as_object)


def ready() -> Call[Readiness]:
    """Give the server's `Readiness`. Raises `OutOfReach` when it is not ready."""
    return Call(method="GET", path="/readyz", read=_READINESS)
