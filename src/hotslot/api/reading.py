"""Reads of the projections: as of when, fresh enough, and within what the asker may see."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from fastapi import Request

from hotslot.api import shapes, views
from hotslot.api.backend import Pool, backend_of, utc_now
from hotslot.api.freshness import Freshness, ProjectionBehindError
from hotslot.api.problems import invalid, refused
from hotslot.api.shapes import write_time_or_null
from hotslot.api.times import read_time
from hotslot.domain.asker import Asker
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import Role, deployment_stream, license_stream
from hotslot.domain.license import Status
from hotslot.domain.refusals import UnknownDeployment, UnknownLicense
from hotslot.domain.times import write_time
from hotslot.leases.sightings import newest_of_each
from projections.reading import InvalidCursorError, Page
from projections.slots import queries as slots
from projections.slots.views import DeploymentView, LicenseView, TenureView
from projections.slots.views import Holder as HolderView
from projections.slots.views import Moment as MomentView
from projections.trail import queries as trail

Row = TypeVar("Row")

_MAX_POSITION = 2**62
_DIGITS = 18


class Reading:
    """One read. `prepare` first; then `position` is what the answer shows.

    `now` is when it is asked: by it a license has expired or not.
    """

    def __init__(self, request: Request, now: datetime | None = None) -> None:
        self._backend = backend_of(request)
        self._pool: Pool = self._backend.pool
        self._as_of: int | None = None
        self._now = now or utc_now()

    @property
    def position(self) -> int:
        """The ledger position that the answer shows."""
        return self._backend.slots.reached if self._as_of is None else self._as_of

    async def prepare(
        self,
        *,
        as_of: str | None = None,
        min_position: int | None = None,
        license_id: str | None = None,
        deployment: str | None = None,
    ) -> None:
        """Wait until the projection shows what it must, and find out what `as_of` means.

        Raises:
            ProblemError: 422 for an `as_of` that is neither, or ahead of the ledger.
            ProjectionBehindError: the projection does not catch up in time.

        """
        if min_position is not None:
            await self._wait_until(self._backend.slots, min_position, "min_position")
        if license_id is not None:
            await self._backend.slots.wait_for(license_stream(license_id))
        if deployment is not None:
            await self._backend.slots.wait_for(deployment_stream(deployment))
        if as_of is not None:
            await self._resolve(as_of)

    async def _wait_until(self, freshness: Freshness, position: int, name: str) -> None:
        if position > self._backend.known_position and position > await self._backend.head():
            raise invalid(f"{name} {position} is ahead of the ledger.")
        await freshness.wait_until(position)

    async def _resolve(self, as_of: str) -> None:
        if as_of.isascii() and as_of.isdigit():
            # Longer than any position, and perhaps than what can be converted.
            position = int(as_of) if len(as_of) <= _DIGITS else _MAX_POSITION
            await self._wait_until(self._backend.slots, position, "as_of")
            await self._wait_until(self._backend.trail, position, "as_of")
            async with self._pool.connection() as connection:
                at = await trail.time_of(connection, position)
            self._as_of, self._now = position, at or datetime.min.replace(tzinfo=UTC)
            return
        time = read_time("as_of", as_of)
        # The time asked for may be of an event that the projections have yet to see.
        await self._backend.trail.wait_until(self._backend.known_position)
        async with self._pool.connection() as connection:
            position = await trail.position_at(connection, time)
        await self._backend.slots.wait_until(position)
        # What a license will be is not known: of a time to come, the answer is as of now.
        self._as_of, self._now = position, min(time, self._now)

    async def license(self, asker: Asker, license_id: str) -> shapes.License:
        """A license that the asker may see.

        Raises:
            ProblemError: 404 when there is none.

        """
        view = await self._license_view(license_id)
        if view is None or not _may_see(asker, view.license, view.customer):
            raise refused(UnknownLicense(license=license_id))
        return self._license(view)

    async def _license_view(self, license_id: str) -> LicenseView | None:
        cache = self._backend.license_views
        if self._as_of is None and (kept := cache.get(license_id)) is not None:
            return kept
        stream = license_stream(license_id)
        marks = cache.marks([stream])
        is_whole = not self._backend.slots.is_behind(stream)
        async with self._pool.connection() as connection:
            view = await slots.license_view(connection, license_id, self._as_of)
        if view is not None and self._as_of is None and is_whole:
            cache.put(license_id, view, marks)
        return view

    async def license_at(self, license_id: str, position: int) -> shapes.License:
        """A license as it was at a position that a command gave; for a repeated request."""
        await self._backend.slots.wait_until(position)
        async with self._pool.connection() as connection:
            view = await slots.license_view(connection, license_id, position)
        assert view is not None
        return self._license(view)

    def _license(self, view: LicenseView) -> shapes.License:
        return shapes.License(
            id=view.license,
            product=view.product,
            customer=view.customer,
            status=view.status(self._now),
            expires_at=write_time_or_null(view.expires_at),
            term=view.term,
            slots=shapes.Slots(view.slots, view.used, view.slots - view.used),
            active=[
                shapes.ActiveHolder(h.deployment, h.mode, write_time(h.since), h.position)
                for h in view.active
            ],
            backups=[_backup(holder) for holder in view.backups[: slots.BACKUPS_SHOWN]],
            backup_count=view.backup_count,
            position=view.position,
            as_of=self._as_of,
        )

    async def licenses(
        self,
        asker: Asker,
        customer: str | None,
        status: str | None,
        cursor: str | None,
        limit: int,
    ) -> shapes.Licenses:
        """A page of the licenses that the asker may see."""
        if asker.license is not None:
            # An activation key sees the one license that it belongs to.
            own = await self.license(asker, asker.license)
            fits = customer in (None, own.customer) and status in (None, own.status)
            return shapes.Licenses([own] if fits else [], None)
        if asker.customer is not None:
            if customer not in (None, asker.customer):
                return shapes.Licenses([], None)
            customer = asker.customer
        await self._backend.slots.wait_until(self._backend.known_position)
        async with self._pool.connection() as connection:
            page = await slots.licenses(
                connection,
                customer=customer,
                status=None if status is None else Status(status),
                now=self._now,
                cursor=cursor,
                limit=limit,
            )
        return shapes.Licenses([self._license(view) for view in page.rows], page.next)

    async def license_ahead(self, deployment: str) -> LicenseView | None:
        """The license of a deployment, read while a command on it is on its way to the ledger.

        None when the projection is behind, or there is none.
        """
        state = (await self._backend.writer.load(deployment_stream(deployment))).state
        if not isinstance(state, Deployment) or state.license is None:
            return None
        if self._backend.slots.is_behind(license_stream(state.license)):
            return None
        return await self._license_view(state.license)

    async def backups_left(
        self, license_id: str, before: int, nominated: str | None, ahead: LicenseView | None
    ) -> list[shapes.BackupHolder]:
        """The first backups that a command left, to show with its answer.

        Commands that answer with a license take at most the nominated one from its backups. So the
        list is that of `before`, the license's position until then, without the nominated one; and
        `ahead` has it if it is of that position. The command is recorded whatever the projection
        does: should it not catch up, the list is as of where it stands.
        """
        if ahead is not None and ahead.position == before:
            holders = ahead.backups
        else:
            with contextlib.suppress(ProjectionBehindError):
                await self._backend.slots.wait_until(before)
            async with self._pool.connection() as connection:
                page = await slots.holders(
                    connection, license_id, role=Role.BACKUP, limit=slots.BACKUPS_READ
                )
            holders = page.rows
        held = [_backup(holder) for holder in holders if holder.deployment != nominated]
        return held[: slots.BACKUPS_SHOWN]

    async def deployment(self, asker: Asker, deployment: str) -> shapes.Deployment:
        """A deployment that the asker may see; one that was never seen is unlicensed.

        Raises:
            ProblemError: 404 when it is not for the asker to see.

        """
        view = await self._deployment_view(deployment)
        if view is None:
            if asker.is_limited:
                raise refused(UnknownDeployment(deployment=deployment))
            return self._never_seen(deployment)
        if not _may_see(asker, view.license, view.customer):
            raise refused(UnknownDeployment(deployment=deployment))
        return self._deployment(view)

    async def _deployment_view(self, deployment: str) -> DeploymentView | None:
        cache = self._backend.deployment_views
        if self._as_of is None and (kept := cache.get(deployment)) is not None:
            return kept
        # Its rights hang on its license, which is known once it has been read.
        streams = [deployment_stream(deployment)]
        while True:
            marks = cache.marks(streams)
            # An event that came after the wait may be in the marks and not in the view yet.
            is_whole = not any(map(self._backend.slots.is_behind, streams))
            async with self._pool.connection() as connection:
                view = await slots.deployment_view(connection, deployment, self._as_of)
            if view is None or self._as_of is not None:
                return view
            stream = license_stream(view.license)
            if stream in streams:
                if is_whole:
                    cache.put(deployment, view, marks)
                return view
            streams = [deployment_stream(deployment), stream]
            await self._backend.slots.wait_for(stream)

    async def deployment_at(self, deployment: str, position: int) -> shapes.Deployment:
        """A deployment as it was at a position that a command gave; for a repeated request."""
        await self._backend.slots.wait_until(position)
        async with self._pool.connection() as connection:
            view = await slots.deployment_view(connection, deployment, position)
        return self._never_seen(deployment) if view is None else self._deployment(view)

    def _never_seen(self, deployment: str) -> shapes.Deployment:
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
            as_of=self._as_of,
        )

    def _deployment(self, view: DeploymentView) -> shapes.Deployment:
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
            capabilities=views.capabilities(view.role, view.license_status(self._now)),
            as_of=self._as_of,
        )

    async def holders(
        self, asker: Asker, license_id: str, role: str | None, cursor: str | None, limit: int
    ) -> shapes.Holders:
        """A page of those who hold a role on a license that the asker may see."""
        await self.license(asker, license_id)
        async with self._pool.connection() as connection:
            page = await _page(
                slots.holders(
                    connection,
                    license_id,
                    role=None if role is None else Role(role),
                    position=self._as_of,
                    cursor=cursor,
                    limit=limit,
                )
            )
            held = [
                shapes.Holder(
                    h.deployment, h.role, h.mode, write_time(h.since), h.position, h.standby_for
                )
                for h in page.rows
            ]
            if self._as_of is None:
                named = [holder.deployment for holder in held]
                leases = await newest_of_each(connection, named, license_id)
                for holder in held:
                    if holder.deployment in leases:
                        holder.lease = views.lease_seen(leases[holder.deployment], self._now)
        return shapes.Holders(held, page.next)

    async def tenures(
        self, asker: Asker, license_id: str, cursor: str | None, limit: int
    ) -> shapes.Tenures:
        """A page of the tenures on a license that the asker may see."""
        await self.license(asker, license_id)
        async with self._pool.connection() as connection:
            page = await _page(slots.tenures(connection, license_id, cursor=cursor, limit=limit))
        return shapes.Tenures([_tenure(view) for view in page.rows], page.next)

    async def of_trail(
        self,
        read: Callable[..., Awaitable[Page[Row]]],
        asker: Asker,
        min_position: int | None,
        **asked: Any,
    ) -> Page[Row]:
        """A page of a read of the trail, as far as the asker may see it; `asked` is as there."""
        if min_position is not None:
            await self._wait_until(self._backend.trail, min_position, "min_position")
        await self._backend.trail.wait_until(self._backend.known_position)
        async with self._pool.connection() as connection:
            return await _page(read(connection, customer=asker.customer, **asked))


async def _page(reading: Awaitable[Page[Row]]) -> Page[Row]:
    try:
        return await reading
    except InvalidCursorError:
        raise invalid("The cursor is none that this list gave. Begin without one.") from None


def _may_see(asker: Asker, license_id: str, customer: str) -> bool:
    return asker.customer in (None, customer) and asker.license in (None, license_id)


def _backup(holder: HolderView) -> shapes.BackupHolder:
    return shapes.BackupHolder(
        holder.deployment,
        holder.mode,
        write_time(holder.since),
        holder.position,
        holder.standby_for,
    )


def _tenure(view: TenureView) -> shapes.Tenure:
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


def _moment(moment: MomentView) -> shapes.Moment:
    return shapes.Moment(moment.position, write_time(moment.at), moment.type)


def entry_shape(view: trail.Entry) -> shapes.Entry:
    """An entry of the trail as the API shows it."""
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
