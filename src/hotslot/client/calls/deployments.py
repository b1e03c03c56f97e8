"""Calls on deployments."""

from datetime import datetime

from hotslot.client.call import Call, command, given, moment, path_of, reading, shaped
from hotslot.client.results import Deployment, Lease, Nomination

_ROOM = "deployments"
_DEPLOYMENT = shaped(Deployment)
_NOMINATION = shaped(Nomination)
_LEASE = shaped(Lease)


def activate(
    deployment: str,
    *,
    license: str | None = None,  # noqa: A002 - the field's name
    activation_key: str | None = None,
    license_file: str | None = None,
    reason: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Deployment]:
    """Activate a deployment: it takes a slot and may process. Gives the `Deployment`.

    The license is named by one of its id, its activation key, and the text of a license file (then
    the role is had in offline mode); by none of them, it is that of the client's activation key.
    """
    where = path_of(_ROOM, deployment, "activation")
    body = given(license=license, activation_key=activation_key, license_file=license_file)
    return command("PUT", where, _DEPLOYMENT, body, reason=reason, idempotency_key=idempotency_key)


def deactivate(
    deployment: str, *, reason: str | None = None, idempotency_key: str | None = None
) -> Call[Deployment]:
    """Take an active deployment's slot away: it is unlicensed then. Gives the `Deployment`."""
    where = path_of(_ROOM, deployment, "activation")
    return command("DELETE", where, _DEPLOYMENT, reason=reason, idempotency_key=idempotency_key)


def register(
    deployment: str,
    *,
    license: str | None = None,  # noqa: A002 - the field's name
    activation_key: str | None = None,
    license_file: str | None = None,
    standby_for: str | None = None,
    reason: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Deployment]:
    """Register a deployment as a hot backup: it takes no slot. Gives the `Deployment`.

    The license is named as in `activate`; `standby_for` is the active one that it would replace.
    """
    where = path_of(_ROOM, deployment, "backup")
    body = given(
        license=license,
        activation_key=activation_key,
        license_file=license_file,
        standby_for=standby_for,
    )
    return command("PUT", where, _DEPLOYMENT, body, reason=reason, idempotency_key=idempotency_key)


def unregister(
    deployment: str, *, reason: str | None = None, idempotency_key: str | None = None
) -> Call[Deployment]:
    """End a backup's registration: it is unlicensed then. Gives the `Deployment`."""
    where = path_of(_ROOM, deployment, "backup")
    return command("DELETE", where, _DEPLOYMENT, reason=reason, idempotency_key=idempotency_key)


def nominate(
    deployment: str,
    *,
    replaces: str | None = None,
    dry_run: bool = False,
    wait_for_release: bool = False,
    reason: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Nomination]:
    """Make a backup the active one; the former is released in the same step. Gives a `Nomination`.

    `replaces` names the former where the license has several. With `dry_run` nothing is changed or
    recorded. With `wait_for_release` it may process only once the former's lease is over, so that
    two never do at once.
    """
    # Left out where they are off, so that servers from before leases take the call too.
    body = given(
        replaces=replaces,
        dry_run=dry_run or None,
        wait_for_release=wait_for_release or None,
    )
    where = path_of(_ROOM, deployment, "nomination")
    return command("POST", where, _NOMINATION, body, reason=reason, idempotency_key=idempotency_key)


def get(deployment: str, *, as_of: int | datetime | None = None) -> Call[Deployment]:
    """Give the `Deployment`, now or as of a position or a time; unlicensed when never seen."""
    return reading(path_of(_ROOM, deployment), _DEPLOYMENT, as_of=moment(as_of))


def lease(deployment: str, *, processing: bool | None = None) -> Call[Lease]:
    """Take a lease, for the deployment itself to call again and again. Gives a `Lease`.

    `processing` is whether it processes at this moment, or may begin to by the lease that it has:
    False from one that was released says that it has stood down, and is relied on. None says
    nothing. Raises `Refused` with the code `not-licensed` when it holds no role.
    """
    # No command: every lease is a new one, so there is nothing to carry out only once.
    return Call(
        method="POST",
        path=path_of(_ROOM, deployment, "lease"),
        read=_LEASE,
        body=given(processing=processing),
    )
