"""Reads of the projections: as of when, fresh enough, and within what the asker may see."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from fastapi import Request

from hotslot.api import shapes, views
from hotslot.api.backend import Pool, backend_of, utc_now
from hotslot.api.freshness import ProjectionBehindError
from hotslot.api.instants import Instant, place_of, time_at, wait_until
from hotslot.api.problems import invalid, refused
from hotslot.api.projected import (
    backup_shape,
    deployment_shape,
    holder_shape,
    license_shape,
    never_seen,
    tenure_shape,
)
from hotslot.domain.asker import Asker
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import Role, deployment_stream, license_stream
from hotslot.domain.license import Status
from hotslot.domain.refusals import UnknownDeployment, UnknownLicense
from hotslot.leases.sightings import newest_of_each
from projections.reading import InvalidCursorError, Page
from projections.slots import queries as slots
from projections.slots.views import DeploymentView, LicenseView

Row = TypeVar("Row")

CLOCK_AHEAD_AT_MOST = timedelta(days=1)
"""The clock by which an event was recorded may be ahead of this one, but not by more."""


class Reading:
    """One read. `prepare` first; then `position` is what the answer shows.

    `now` is when it is asked: by it a license has expired or not.
    """

    def __init__(self, request: Request, now: datetime | None = None) -> None:
        self._backend = backend_of(request)
        self._pool: Pool = self._backend.pool
        self.as_of: int | None = None
        """The position that `as_of` was resolved to; None for now."""
        self._now = now or utc_now()
        self._knows_time = True

    @property
    def position(self) -> int:
        """The ledger position that the answer shows."""
        return self._backend.slots.reached if self.as_of is None else self.as_of

    @property
    def position_of_trail(self) -> int:
        """The ledger position that an answer from the trail shows."""
        return self._backend.trail.reached if self.as_of is None else self.as_of

    @classmethod
    def at(cls, request: Request, instant: Instant) -> "Reading":
        """A read as of an instant, which needs no preparation."""
        read = cls(request, instant.at)
        read.as_of = instant.position
        return read

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
            await wait_until(self._backend, self._backend.slots, min_position, "min_position")
        if license_id is not None:
            await self._backend.slots.wait_for(license_stream(license_id))
        if deployment is not None:
            await self._backend.slots.wait_for(deployment_stream(deployment))
        await self._resolve(as_of)

    async def prepare_trail(self, as_of: str | None, min_position: int | None) -> None:
        """Do the same for reads of the trail.

        Raises:
            ProblemError: 422 for an `as_of` that is neither, or ahead of the ledger.
            ProjectionBehindError: the projection does not catch up in time.

        """
        if min_position is not None:
            await wait_until(self._backend, self._backend.trail, min_position, "min_position")
        await self._resolve(as_of)
        if as_of is None:
            await self._backend.trail.wait_until(self._backend.known_position)

    async def _resolve(self, as_of: str | None) -> None:
        if as_of is None:
            return
        self.as_of, at = await place_of(self._backend, "as_of", as_of, self._now)
        self._knows_time = at is not None
        self._now = at or self._now

    async def then(self) -> datetime | None:
        """The time that it is as of; None for now."""
        await self._look_up_time()
        return None if self.as_of is None else self._now

    async def _look_up_time_for(self, view: LicenseView | DeploymentView | None) -> None:
        """Find out when `as_of` was if it matters: what is not over yet was not over then."""
        if view is None or view.expires_at is None:
            return
        if view.expires_at < self._now + CLOCK_AHEAD_AT_MOST:
            await self._look_up_time()

    async def _look_up_time(self) -> None:
        if not self._knows_time and self.as_of is not None:
            self._now = await time_at(self._backend, self.as_of)
            self._knows_time = True

    async def license(self, asker: Asker, license_id: str) -> shapes.License:
        """A license that the asker may see.

        Raises:
            ProblemError: 404 when there is none.

        """
        found = await self.license_or_none(asker, license_id)
        if found is None:
            raise refused(UnknownLicense(license=license_id))
        return found

    async def license_or_none(self, asker: Asker, license_id: str) -> shapes.License | None:
        """A license that the asker may see; None when there is none, or was none by then."""
        view = await self._license_view(license_id)
        if view is None or not _may_see(asker, view.license, view.customer):
            return None
        return self._license(view)

    async def _license_view(self, license_id: str) -> LicenseView | None:
        cache = self._backend.license_views
        if self.as_of is None and (kept := cache.get(license_id)) is not None:
            return kept
        stream = license_stream(license_id)
        marks = cache.marks([stream])
        is_whole = not self._backend.slots.is_behind(stream)
        async with self._pool.connection() as connection:
            view = await slots.license_view(connection, license_id, self.as_of)
        await self._look_up_time_for(view)
        if view is not None and self.as_of is None and is_whole:
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
        return license_shape(view, self._now, self.as_of)

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
            own = await self.license_or_none(asker, asker.license)
            fits = (
                own is not None
                and customer in (None, own.customer)
                and status in (None, own.status)
            )
            return shapes.Licenses([own] if own and fits else [], None, self.as_of)
        if asker.customer is not None:
            if customer not in (None, asker.customer):
                return shapes.Licenses([], None, self.as_of)
            customer = asker.customer
        if self.as_of is None:
            await self._backend.slots.wait_until(self._backend.known_position)
        await self._look_up_time()
        async with self._pool.connection() as connection:
            page = await slots.licenses(
                connection,
                customer=customer,
                status=None if status is None else Status(status),
                now=self._now,
                position=self.as_of,
                cursor=cursor,
                limit=limit,
            )
        shown = [self._license(view) for view in page.rows]
        return shapes.Licenses(shown, page.next, self.as_of)

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
        held = [backup_shape(holder) for holder in holders if holder.deployment != nominated]
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
            return never_seen(deployment, self.as_of)
        if not _may_see(asker, view.license, view.customer):
            raise refused(UnknownDeployment(deployment=deployment))
        return self._deployment(view)

    async def _deployment_view(self, deployment: str) -> DeploymentView | None:
        cache = self._backend.deployment_views
        if self.as_of is None and (kept := cache.get(deployment)) is not None:
            return kept
        # Its rights hang on its license, which is known once it has been read.
        streams = [deployment_stream(deployment)]
        while True:
            marks = cache.marks(streams)
            # An event that came after the wait may be in the marks and not in the view yet.
            is_whole = not any(map(self._backend.slots.is_behind, streams))
            async with self._pool.connection() as connection:
                view = await slots.deployment_view(connection, deployment, self.as_of)
            await self._look_up_time_for(view)
            if view is None or self.as_of is not None:
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
        return never_seen(deployment, self.as_of) if view is None else self._deployment(view)

    def _deployment(self, view: DeploymentView) -> shapes.Deployment:
        return deployment_shape(view, self._now, self.as_of)

    async def holders(
        self, asker: Asker, license_id: str, role: str | None, cursor: str | None, limit: int
    ) -> shapes.Holders:
        """A page of those who hold a role on a license that the asker may see."""
        await self.license(asker, license_id)
        async with self._pool.connection() as connection:
            page = await page_of(
                slots.holders(
                    connection,
                    license_id,
                    role=None if role is None else Role(role),
                    position=self.as_of,
                    cursor=cursor,
                    limit=limit,
                )
            )
            held = [holder_shape(holder) for holder in page.rows]
            if self.as_of is None:
                named = [holder.deployment for holder in held]
                leases = await newest_of_each(connection, named, license_id)
                for holder in held:
                    if holder.deployment in leases:
                        holder.lease = views.lease_seen(leases[holder.deployment], self._now)
        return shapes.Holders(held, page.next, self.as_of)

    async def tenures(
        self, asker: Asker, license_id: str, cursor: str | None, limit: int
    ) -> shapes.Tenures:
        """A page of the tenures on a license that the asker may see."""
        await self.license(asker, license_id)
        async with self._pool.connection() as connection:
            page = await page_of(
                slots.tenures(
                    connection, license_id, position=self.as_of, cursor=cursor, limit=limit
                )
            )
        shown = [tenure_shape(view) for view in page.rows]
        return shapes.Tenures(shown, page.next, self.as_of)

    async def of_trail(
        self, read: Callable[..., Awaitable[Page[Row]]], asker: Asker, **asked: Any
    ) -> Page[Row]:
        """A page of a read of the trail, as far as the asker may see it; `asked` is as there."""
        async with self._pool.connection() as connection:
            return await page_of(
                read(connection, customer=asker.customer, as_of=self.as_of, **asked)
            )


async def page_of(reading: Awaitable[Page[Row]]) -> Page[Row]:
    """A page.

    Raises:
        ProblemError: 422 for a cursor that is none of the list.

    """
    try:
        return await reading
    except InvalidCursorError:
        raise invalid("The cursor is none that this list gave. Begin without one.") from None


def _may_see(asker: Asker, license_id: str, customer: str) -> bool:
    return asker.customer in (None, customer) and asker.license in (None, license_id)
