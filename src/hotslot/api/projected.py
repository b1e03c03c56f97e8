"""From the views of the read models to the shapes of the answers."""

from datetime import datetime

from hotslot.api import shapes, views
from hotslot.api.shapes import write_time_or_null
from hotslot.domain.events import Role
from hotslot.domain.times import write_time
from projections.slots.statements import BACKUPS_SHOWN
from projections.slots.views import DeploymentView, Holder, LicenseView, Moment, TenureView
from projections.trail.queries import Entry


def license_shape(view: LicenseView, at: datetime, as_of: int | None) -> shapes.License:
    """A license, with the status that it has at a time."""
    return shapes.License(
        id=view.license,
        product=view.product,
        customer=view.customer,
        status=view.status(at),
        expires_at=write_time_or_null(view.expires_at),
        term=view.term,
        slots=shapes.Slots(view.slots, view.used, view.slots - view.used),
        active=[
            shapes.ActiveHolder(h.deployment, h.mode, write_time(h.since), h.position)
            for h in view.active
        ],
        backups=[backup_shape(holder) for holder in view.backups[:BACKUPS_SHOWN]],
        backup_count=view.backup_count,
        position=view.position,
        as_of=as_of,
    )


def backup_shape(holder: Holder) -> shapes.BackupHolder:
    """A backup among those of its license."""
    return shapes.BackupHolder(
        holder.deployment,
        holder.mode,
        write_time(holder.since),
        holder.position,
        holder.standby_for,
    )


def holder_shape(holder: Holder) -> shapes.Holder:
    """A deployment in its role on a license."""
    return shapes.Holder(
        holder.deployment,
        holder.role,
        holder.mode,
        write_time(holder.since),
        holder.position,
        holder.standby_for,
    )


def deployment_shape(view: DeploymentView, at: datetime, as_of: int | None) -> shapes.Deployment:
    """A deployment, with the rights that it has at a time."""
    holds = view.role is not Role.UNLICENSED
    return shapes.Deployment(
        id=view.deployment,
        role=view.role,
        license=view.license if holds else None,
        mode=view.mode,
        standby_for=view.standby_for,
        since=write_time(view.since),
        term=view.term,
        position=view.position,
        capabilities=views.capabilities(view.role, view.license_status(at)),
        as_of=as_of,
    )


def never_seen(deployment: str, as_of: int | None) -> shapes.Deployment:
    """A deployment that the record does not know: as a fresh installation."""
    return shapes.Deployment(
        id=deployment,
        role=Role.UNLICENSED,
        license=None,
        mode=None,
        standby_for=None,
        since=None,
        term=None,
        position=None,
        capabilities=views.capabilities(Role.UNLICENSED, None),
        as_of=as_of,
    )


def tenure_shape(view: TenureView) -> shapes.Tenure:
    """A stretch of time in which a deployment held a role."""
    return shapes.Tenure(
        license=view.license,
        deployment=view.deployment,
        role=view.role,
        mode=view.mode,
        standby_for=view.standby_for,
        term=view.term,
        from_=_moment(view.from_),
        to=None if view.to is None else _moment(view.to),
    )


def _moment(moment: Moment) -> shapes.Moment:
    return shapes.Moment(moment.position, write_time(moment.at), moment.type)


def entry_shape(view: Entry) -> shapes.Entry:
    """An entry of the trail."""
    return shapes.Entry(
        index=view.index,
        position=view.position,
        at=write_time(view.at),
        type=view.type,
        license=view.license,
        deployment=view.deployment,
        actor=view.actor,
        request_id=view.request_id,
        reason=view.reason,
        outcome=view.outcome,
        data=view.data,
        stream=view.stream,
        stream_version=view.stream_version,
    )
