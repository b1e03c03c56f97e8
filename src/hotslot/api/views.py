"""From the domain's states to the shapes of the answers, right after a command."""

from datetime import datetime

from hotslot.api import shapes
from hotslot.api.shapes import write_time_or_null
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import Role
from hotslot.domain.keys import Key
from hotslot.domain.license import License, Status
from hotslot.domain.rights import rights_of
from hotslot.domain.times import write_time
from hotslot.leases.sightings import Sighting


def capabilities(role: Role, status: Status | None, *, waits: bool = False) -> shapes.Capabilities:
    """The rights that go with a role on a license of a status (None: on no license)."""
    rights = rights_of(role, valid=status is Status.VALID, waits=waits)
    return shapes.Capabilities(
        process="process" in rights,
        engines_download="engines.download" in rights,
        engines_upload="engines.upload" in rights,
        engines_deploy="engines.deploy" in rights,
        settings_modify="settings.modify" in rights,
        settings_import="settings.import" in rights,
        administer="administer" in rights,
    )


def deployment(
    state: Deployment,
    license_: License | None,
    position: int,
    now: datetime,
    *,
    waits: bool = False,
) -> shapes.Deployment:
    """A deployment whose role began or ended with the event at `position`.

    `waits` tells whether it waits for the end of the one that it replaced.
    """
    status = None if license_ is None else license_.status(now)
    return shapes.Deployment(
        id=state.id,
        role=state.role,
        license=state.license,
        mode=state.mode,
        standby_for=state.standby_for,
        since=write_time_or_null(state.since),
        term=state.term,
        position=position,
        capabilities=capabilities(state.role, status, waits=waits),
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


def lease_seen(lease: Sighting, now: datetime) -> shapes.LeaseSeen:
    """When a deployment took its newest lease, and whether that has ended."""
    return shapes.LeaseSeen(
        write_time(lease.seen_at), write_time(lease.expires_at), lease.expires_at <= now
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
