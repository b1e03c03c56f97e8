"""Calls on licenses."""

from datetime import datetime

from hotslot.client.call import (
    Call,
    Pages,
    checked_id,
    command,
    given,
    license_file_text,
    moment,
    path,
    path_of,
    reading,
    shaped,
    written,
)
from hotslot.client.results import Difference, Holder, IssuedLicense, License, Tenure

_ROOM = "licenses"
_LICENSE = shaped(License)
_ISSUED = shaped(IssuedLicense)
_DIFFERENCE = shaped(Difference)

COMPARED = 1000
"""So many deployments are compared for one part of a difference: as many as the server does."""


def issue(
    *,
    product: str,
    customer: str,
    slots: int,
    id: str | None = None,  # noqa: A002 - the field's name
    expires_at: datetime | None = None,
    reason: str | None = None,
    idempotency_key: str | None = None,
) -> Call[IssuedLicense]:
    """Issue a license; without an `id` the server makes one, without `expires_at` it never ends.

    Gives an `IssuedLicense`, with the activation key that is shown this once.
    """
    body = given(
        id=id, product=product, customer=customer, slots=slots, expires_at=written(expires_at)
    )
    return command(
        "POST", path(_ROOM), _ISSUED, body, reason=reason, idempotency_key=idempotency_key
    )


def get(license_: str, *, as_of: int | datetime | None = None) -> Call[License]:
    """Give the `License`, now or as of a position or a time."""
    return reading(path_of(_ROOM, license_), _LICENSE, as_of=moment(as_of))


def list_(
    *,
    customer: str | None = None,
    status: str | None = None,
    as_of: int | datetime | None = None,
) -> Pages[License]:
    """Iterate over each `License` in the order of their ids, all or those of a customer or status.

    `status` is valid, expired, suspended or revoked; `as_of` a position or a time.
    """
    return Pages(
        path=path(_ROOM),
        name="licenses",
        of=License,
        query={"customer": customer, "status": status, "as_of": moment(as_of)},
    )


def renew(
    license_: str,
    *,
    expires_at: datetime | None,
    reason: str | None = None,
    idempotency_key: str | None = None,
) -> Call[License]:
    """Set the end of validity, later or earlier; None is never. Gives the `License`."""
    where, body = path_of(_ROOM, license_, "renewal"), {"expires_at": written(expires_at)}
    return command("POST", where, _LICENSE, body, reason=reason, idempotency_key=idempotency_key)


def resize(
    license_: str,
    *,
    slots: int,
    reason: str | None = None,
    idempotency_key: str | None = None,
) -> Call[License]:
    """Change the number of slots, never below what is used. Gives the `License`."""
    where, body = path_of(_ROOM, license_, "resize"), {"slots": slots}
    return command("POST", where, _LICENSE, body, reason=reason, idempotency_key=idempotency_key)


def set_lease(
    license_: str,
    *,
    seconds: int,
    reason: str | None = None,
    idempotency_key: str | None = None,
) -> Call[License]:
    """Set how long the leases of its deployments last, 1 to 3600 seconds. Gives the `License`.

    It counts from the next lease of each on: those that are out stay as they are.
    """
    where, body = path_of(_ROOM, license_, "lease-duration"), {"seconds": seconds}
    return command("POST", where, _LICENSE, body, reason=reason, idempotency_key=idempotency_key)


def suspend(
    license_: str, *, reason: str | None = None, idempotency_key: str | None = None
) -> Call[License]:
    """Take all rights away until the license is reinstated. Gives the `License`."""
    where = path_of(_ROOM, license_, "suspension")
    return command("POST", where, _LICENSE, {}, reason=reason, idempotency_key=idempotency_key)


def reinstate(
    license_: str, *, reason: str | None = None, idempotency_key: str | None = None
) -> Call[License]:
    """End a suspension. Gives the `License`."""
    where = path_of(_ROOM, license_, "reinstatement")
    return command("POST", where, _LICENSE, {}, reason=reason, idempotency_key=idempotency_key)


def revoke(
    license_: str, *, reason: str | None = None, idempotency_key: str | None = None
) -> Call[License]:
    """Take all rights away for good. Gives the `License`."""
    where = path_of(_ROOM, license_, "revocation")
    return command("POST", where, _LICENSE, {}, reason=reason, idempotency_key=idempotency_key)


def deployments(
    license_: str, *, role: str | None = None, as_of: int | datetime | None = None
) -> Pages[Holder]:
    """Iterate over each `Holder` of a role on the license: first the active ones, then the backups.

    `role` is active or backup; `as_of` a position or a time.
    """
    return Pages(
        path=path_of(_ROOM, license_, "deployments"),
        name="deployments",
        of=Holder,
        query={"role": role, "as_of": moment(as_of)},
    )


def tenures(license_: str, *, as_of: int | datetime | None = None) -> Pages[Tenure]:
    """Iterate over each `Tenure`, oldest first: who held which role from when to when.

    As of a position or a time, those that had begun by then; one that ended later lasts still.
    """
    return Pages(
        path=path_of(_ROOM, license_, "tenures"),
        name="tenures",
        of=Tenure,
        query={"as_of": moment(as_of)},
    )


def diff(
    license_: str,
    *,
    from_: int | datetime,
    to: int | datetime | None = None,
    cursor: str | None = None,
) -> Call[Difference]:
    """Give the `Difference` of a license between two positions or times; without `to`, until now.

    A license may have so many backups that the changed ones come in parts: `cursor` is the `next`
    of the part before, asked with the `from_` and `to` that it says.
    """
    return reading(
        path_of(_ROOM, license_, "diff"),
        _DIFFERENCE,
        **{"from": moment(from_), "to": moment(to)},
        limit=COMPARED,
        cursor=cursor,
    )


def file(
    license_: str,
    *,
    deployment: str | None = None,
    reason: str | None = None,
    idempotency_key: str | None = None,
) -> Call[str]:
    """Have a license file made, for a site without a connection; gives its text as a `str`.

    Write it out unchanged. `deployment` is the one that it may activate; None is any.
    """
    return command(
        "GET",
        path_of(_ROOM, license_, "file"),
        license_file_text,
        query={} if deployment is None else {"deployment": checked_id(deployment)},
        reason=reason,
        idempotency_key=idempotency_key,
    )
