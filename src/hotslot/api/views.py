"""From the domain's states to the shapes of the answers, right after a command."""

from datetime import datetime

from hotslot.api import shapes
from hotslot.api.shapes import write_time_or_null
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import Role
from hotslot.domain.keys import Key
from hotslot.domain.license import License, Status
from hotslot.domain.times import write_time


def capabilities(role: Role, status: Status | None) -> shapes.Capabilities:
    """The rights that go with a role on a license of a status (None: on no license)."""
    has_license = role is not Role.UNLICENSED and status is Status.VALID
    return shapes.Capabilities(
        process=role is Role.ACTIVE and has_license,
        engines_download=has_license,
        engines_upload=has_license,
        engines_deploy=has_license,
        settings_modify=True,
        settings_import=True,
        administer=True,
    )


def deployment(
    state: Deployment, license_: License | None, position: int, now: datetime
) -> shapes.Deployment:
    """A deployment whose role began or ended with the event at `position`."""
    return shapes.Deployment(
        id=state.id,
        role=state.role,
        license=state.license,
        mode=state.mode,
        standby_for=state.standby_for,
        since=write_time_or_null(state.since),
        term=state.term,
        position=position,
        capabilities=capabilities(state.role, license_.status(now) if license_ else None),
    )


def license(  # noqa: A001 - the field's word
    state: License, backups: list[shapes.BackupHolder], now: datetime
) -> shapes.License:
    """A license with the first of its backups."""
    used = len(state.active)
    return shapes.License(
        id=state.id,
        product=state.product,
        customer=state.customer,
        status=state.status(now),
        expires_at=write_time_or_null(state.expires_at),
        term=state.term,
        slots=shapes.Slots(total=state.slots, used=used, free=state.slots - used),
        active=[
            shapes.ActiveHolder(held, holding.mode, write_time(holding.since), holding.position)
            for held, holding in sorted(state.active.items(), key=lambda item: item[1].position)
        ],
        backups=backups,
        backup_count=state.backup_count,
        position=state.position,
    )


def key(state: Key) -> shapes.Key:
    """An API key."""
    return shapes.Key(
        id=state.id,
        role=state.role,
        customer=state.customer,
        deployment=state.deployment,
        created_at=write_time(state.created_at),
        revoked_at=write_time_or_null(state.revoked_at),
    )
