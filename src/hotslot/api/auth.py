"""Who asks: an API key, or the activation key of a license."""

from typing import Literal

import msgspec
from starlette.requests import Request

from hotslot.api.backend import backend_of
from hotslot.api.headers import header
from hotslot.api.keyring import digest
from hotslot.api.problems import forbidden, refused, unauthenticated
from hotslot.domain.asker import Asker
from hotslot.domain.events import Actor
from hotslot.domain.keys import KeyRole
from hotslot.domain.refusals import UnknownActivationKey

Right = Literal["manage", "act", "read", "read-trail", "read-keys"]

# What each role may do; a node acts for its one deployment, an activation key under its license.
_RIGHTS: dict[KeyRole, frozenset[Right]] = {
    KeyRole.ADMIN: frozenset({"manage", "act", "read", "read-trail", "read-keys"}),
    KeyRole.OPERATOR: frozenset({"act", "read", "read-trail"}),
    KeyRole.AUDITOR: frozenset({"read", "read-trail", "read-keys"}),
    KeyRole.NODE: frozenset({"act", "read"}),
}
_ACTIVATION_KEY_RIGHTS: frozenset[Right] = frozenset({"act", "read"})
_IN_WORDS: dict[Right, str] = {
    "manage": "Changing licenses and API keys",
    "act": "Acting on deployments",
    "read": "Reading licenses and deployments",
    "read-trail": "Reading the audit trail",
    "read-keys": "Listing API keys",
}


class Credential(msgspec.Struct, frozen=True):
    """A credential that was checked."""

    asker: Asker
    rights: frozenset[Right]
    secret: str
    deployment: str | None = None
    """The one deployment that it may act for, if it is so limited."""

    def may(self, right: Right, deployment: str | None = None) -> None:
        """Go on only with a right, and only for a deployment that the credential is for.

        Raises:
            ProblemError: 403.

        """
        if right not in self.rights:
            roles = " or ".join(role for role, rights in _RIGHTS.items() if right in rights)
            raise forbidden(f"{_IN_WORDS[right]} takes an API key of role {roles}.")
        if self.deployment is not None and deployment != self.deployment:
            raise forbidden(f"This key acts for the deployment {self.deployment} only.")


def activation_key_parts(key: str) -> tuple[str, str]:
    """The license that an activation key names, and the digest to compare with the license's."""
    return key.rpartition(".")[0], digest(key)


async def authenticate(request: Request) -> Credential:
    """Check the credential that a request carries.

    Raises:
        ProblemError: 401 without a known key; 403 for an activation key that fits no license.

    """
    authorization = header(request, b"authorization")
    if authorization is not None:
        return await _by_api_key(request, authorization)
    activation_key = header(request, b"activation-key")
    if activation_key is not None:
        return await by_activation_key(request, activation_key)
    raise unauthenticated(
        "Send an API key as `Authorization: Bearer <key>`, or an `activation-key` header."
    )


async def _by_api_key(request: Request, authorization: str) -> Credential:
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise unauthenticated("The Authorization header must be `Bearer <API key>`.")
    backend = backend_of(request)
    await backend.hear_of_revocations()
    key = backend.keyring.find(secret.strip())
    if key is None:
        raise unauthenticated("The API key is not known, or it was revoked.")
    asker = Asker(Actor("key", key.id), customer=key.customer)
    return Credential(asker, _RIGHTS[key.role], secret.strip(), key.deployment)


async def by_activation_key(request: Request, activation_key: str) -> Credential:
    """Check an activation key.

    Raises:
        ProblemError: 403 when it fits no license.

    """
    license_id, key_digest = activation_key_parts(activation_key)
    license_ = await backend_of(request).license(license_id) if license_id else None
    if license_ is None or license_.activation_key_sha256 != key_digest:
        raise refused(UnknownActivationKey())
    asker = Asker(
        Actor("activation-key", license_.id), customer=license_.customer, license=license_.id
    )
    return Credential(asker, _ACTIVATION_KEY_RIGHTS, activation_key)
