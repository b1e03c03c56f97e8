"""As of every position, the reads of the slots projection equal a naive fold of the events."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from hotslot.domain import license as licenses
from hotslot.domain.events import (
    BackupNominated,
    BackupRegistered,
    BackupUnregistered,
    DeploymentActivated,
    DeploymentDeactivated,
    LicenseImported,
    LicenseIssued,
    LicenseReinstated,
    LicenseRenewed,
    LicenseResized,
    LicenseRevoked,
    LicenseSuspended,
    Mode,
    Recorded,
    Role,
)
from hotslot.domain.license import Status
from projections import reading
from projections.slots import history, queries
from projections.slots.projection import SlotsProjection
from projections.slots.views import Holder
from tests.projections.conftest import dump
from tests.projections.history import START, History

SLOTS = SlotsProjection()
LICENSES = ("license-1", "license-2", "license-3")
DEPLOYMENTS = ("a", "b", "c", "d", "e")
NOON = START.replace(year=2031)
"""By then, what was renewed has expired, and nothing else."""

ids = st.sampled_from(LICENSES)
deployments = st.sampled_from(DEPLOYMENTS)
modes = st.sampled_from((Mode.ONLINE, Mode.ONLINE, Mode.OFFLINE))
steps = st.one_of(
    st.tuples(st.just("activate"), deployments, ids, modes),
    st.tuples(st.just("register"), deployments, ids, modes, st.one_of(st.none(), st.just("a"))),
    st.tuples(st.just("nominate"), deployments, st.one_of(st.none(), deployments)),
    st.tuples(st.just("deactivate"), deployments),
    st.tuples(st.just("unregister"), deployments),
    st.tuples(st.just("change"), ids, st.sampled_from(("renew", "resize", "suspend", "reinstate"))),
    st.tuples(st.just("file"), st.integers(1, 3)),
)


def play(chosen: Sequence[tuple[Any, ...]], *, revoke: bool) -> History:
    """The history of these steps; refusals stand in it too."""
    history = History()
    history.issue("license-1", slots=2)
    history.issue("license-2", slots=1, customer="globex")
    history.take_in("license-3", slots=1, customer="globex")
    for step in chosen:
        match step:
            case ("change", license_id, change):
                license_ = history.license(license_id)
                history.decide(
                    {
                        "renew": licenses.renew(license_, START.replace(year=2030)),
                        "resize": licenses.resize(license_, license_.slots + 1),
                        "suspend": licenses.suspend(license_),
                        "reinstate": licenses.reinstate(license_),
                    }[change],
                    change,
                    license_id,
                    "a",
                )
            case ("file", slots):
                history.take_in("license-3", slots=slots, customer="globex")
            case (command, *arguments):
                getattr(history, command)(*arguments)
    if revoke:
        history.decide(licenses.revoke(history.license("license-1")), "revoke", "license-1", "a")
    return history


class Held(NamedTuple):
    role: Role
    license: str
    mode: Mode
    standby_for: str | None
    since: datetime
    position: int
    term: int


class Naive:
    """The state after some events, by the plainest of folds: kept apart from the product's own."""

    def __init__(self, events: Sequence[Recorded]) -> None:
        self.licenses: dict[str, dict[str, Any]] = {}
        self.held: dict[str, Held] = {}
        self.released: dict[str, tuple[str, datetime, int]] = {}
        for recorded in events:
            self.see(recorded)

    def see(self, recorded: Recorded) -> None:  # noqa: PLR0912 - a case an event
        event, at, position = recorded.event, recorded.context.at, recorded.position
        if not isinstance(event, CHANGES):
            return
        if isinstance(event, LicenseIssued | LicenseImported):
            begun = {"customer": event.customer, "suspended": False, "revoked": False, "term": 0}
            license_ = self.licenses.setdefault(event.license, begun)
            license_ |= {"slots": event.slots, "expires_at": event.expires_at}
        license_ = self.licenses[event.license]
        license_["position"] = position
        match event:
            case LicenseRenewed():
                license_["expires_at"] = event.expires_at
            case LicenseResized():
                license_["slots"] = event.slots
            case LicenseSuspended():
                license_["suspended"] = True
            case LicenseReinstated():
                license_["suspended"] = False
            case LicenseRevoked():
                license_["revoked"] = True
            case DeploymentActivated():
                license_["term"] = event.term
                self.held[event.deployment] = Held(
                    Role.ACTIVE, event.license, event.mode, None, at, position, event.term
                )
            case BackupRegistered():
                self.held[event.deployment] = Held(
                    Role.BACKUP,
                    event.license,
                    event.mode,
                    event.standby_for,
                    at,
                    position,
                    event.term,
                )
            case DeploymentDeactivated():
                license_["term"] = event.term
                self.release(event.deployment, at, position)
            case BackupUnregistered():
                self.release(event.deployment, at, position)
            case BackupNominated():
                license_["term"] = event.term
                if event.replaced is not None:
                    self.release(event.replaced, at, position)
                self.held[event.deployment] = Held(
                    Role.ACTIVE, event.license, event.mode, None, at, position, event.term
                )

    def release(self, deployment: str, at: datetime, position: int) -> None:
        self.released[deployment] = (self.held.pop(deployment).license, at, position)

    def holders(self, license_id: str, role: Role) -> list[Holder]:
        """By position."""
        held = [
            Holder(deployment, each.role, each.mode, each.since, each.position, each.standby_for)
            for deployment, each in self.held.items()
            if (each.license, each.role) == (license_id, role)
        ]
        return sorted(held, key=lambda holder: holder.position)


CHANGES = (
    LicenseIssued,
    LicenseImported,
    LicenseRenewed,
    LicenseResized,
    LicenseSuspended,
    LicenseReinstated,
    LicenseRevoked,
    DeploymentActivated,
    DeploymentDeactivated,
    BackupRegistered,
    BackupUnregistered,
    BackupNominated,
)


def by_position(holders: Sequence[Holder]) -> list[Holder]:
    return sorted(holders, key=lambda holder: holder.position)


async def compare_license(
    connection: AsyncConnection[Any], naive: Naive, license_id: str, position: int | None
) -> None:
    view = await queries.license_view(connection, license_id, position)
    expected = naive.licenses.get(license_id)
    if expected is None:
        assert view is None
        return
    assert view is not None
    assert {name: getattr(view, name) for name in expected} == expected
    active = naive.holders(license_id, Role.ACTIVE)
    backups = naive.holders(license_id, Role.BACKUP)
    assert view.active == active
    assert by_position(view.backups) == backups
    assert (view.used, view.backup_count) == (len(active), len(backups))
    for role, holders in ((Role.ACTIVE, active), (Role.BACKUP, backups)):
        page = await queries.holders(connection, license_id, role=role, position=position)
        assert by_position(page.rows) == holders
    both, cursor = [], None
    while True:
        page = await queries.holders(
            connection, license_id, position=position, cursor=cursor, limit=1
        )
        both += page.rows
        if (cursor := page.next) is None:
            break
    assert by_position(both[: len(active)]) == active, "actives come first"
    assert by_position(both[len(active) :]) == backups


async def compare_deployment(
    connection: AsyncConnection[Any], naive: Naive, deployment: str, position: int | None
) -> None:
    view = await queries.deployment_view(connection, deployment, position)
    if deployment in naive.held:
        assert view is not None
        expected = naive.held[deployment]
        assert Held(*(getattr(view, name) for name in Held._fields)) == expected
    elif deployment in naive.released:
        assert view is not None
        assert (view.license, view.since, view.position) == naive.released[deployment]
        assert (view.role, view.mode, view.standby_for, view.term) == (
            Role.UNLICENSED,
            None,
            None,
            None,
        )
    else:
        assert view is None
        return
    license_ = naive.licenses[view.license]
    assert (view.customer, view.expires_at, view.suspended, view.revoked) == (
        license_["customer"],
        license_["expires_at"],
        license_["suspended"],
        license_["revoked"],
    )


async def compare_lists(
    connection: AsyncConnection[Any], naive: Naive, position: int | None
) -> None:
    """The list of licenses has what each license says of itself, in pages too."""
    views = [await queries.license_view(connection, each, position) for each in LICENSES]
    for status, customer in [*((each, None) for each in Status), (None, None), (None, "globex")]:
        listed, cursor = [], None
        while True:
            page = await queries.licenses(
                connection,
                customer=customer,
                status=status,
                now=NOON,
                position=position,
                cursor=cursor,
                limit=1 if status is None else 2,
            )
            listed += page.rows
            if (cursor := page.next) is None:
                break
        assert listed == [
            view
            for view in views
            if view is not None
            and customer in (None, view.customer)
            and status in (None, view.status(NOON))
        ]
    known = await queries.licenses(connection, now=NOON, position=position)
    assert [view.license for view in known.rows] == sorted(naive.licenses)


async def compare_tenures(
    connection: AsyncConnection[Any], naive: Naive, license_id: str, position: int | None
) -> None:
    """Those that last as of then are what is held then, and none tells of what came later."""
    page = await queries.tenures(connection, license_id, position=position, limit=1000)
    lasting = {
        tenure.deployment: (tenure.role, tenure.from_.position)
        for tenure in page.rows
        if tenure.to is None
    }
    assert lasting == {
        deployment: (held.role, held.position)
        for deployment, held in naive.held.items()
        if held.license == license_id
    }
    if position is not None:
        told = [each.position for row in page.rows for each in (row.from_, row.to) if each]
        assert all(each <= position for each in told)


async def compare_steps(
    connection: AsyncConnection[Any], naives: Sequence[Naive], license_id: str
) -> None:
    """What each event left of a license is what the license is as of then."""
    everywhere = [(license_id, at) for at in range(len(naives))]
    steps = await history.steps(connection, everywhere)
    assert sorted(steps) == [at for at, each in enumerate(naives) if license_id in each.licenses]
    for at, step in steps.items():
        view = await queries.license_view(connection, license_id, at)
        assert view is not None
        own = {name: getattr(step, name) for name in step.__struct_fields__ if name != "active"}
        assert own == {name: getattr(view, name) for name in own}
        assert step.status(NOON) is view.status(NOON)
        assert step.active == [holder.deployment for holder in view.active]


async def compare_changes(
    connection: AsyncConnection[Any], naives: Sequence[Naive], license_id: str
) -> None:
    """Between any two positions, what changed is the difference of who held what at each."""
    ends = range(0, len(naives), max(1, len(naives) // 8))
    for first in ends:
        for last in range(first, len(naives), max(1, len(naives) // 8)):
            held = [
                {
                    holder.deployment: holder
                    for role in (Role.ACTIVE, Role.BACKUP)
                    for holder in naives[at].holders(license_id, role)
                }
                for at in (first, last)
            ]
            expected = {
                deployment: (held[0].get(deployment), held[1].get(deployment))
                for deployment in held[0].keys() | held[1].keys()
                if held[0].get(deployment) != held[1].get(deployment)
            }
            found, cursor = [], None
            while True:
                page = await history.changes(
                    connection, license_id, first=first, last=last, cursor=cursor, limit=2
                )
                found += page.rows
                if (cursor := page.next) is None:
                    break
            assert len(found) == len(expected), "each once"
            assert {each.deployment: (each.before, each.after) for each in found} == expected


async def compare_at_every_position(dsn: str, events: Sequence[Recorded]) -> None:
    connection = await AsyncConnection.connect(dsn, autocommit=True)
    async with connection:
        await reading.configure(connection)
        ends: list[int | None] = [*range(len(events) + 1), None]
        for position in ends:
            naive = Naive(events[:position])
            await compare_lists(connection, naive, position)
            for license_id in LICENSES:
                await compare_license(connection, naive, license_id, position)
                await compare_tenures(connection, naive, license_id, position)
            for deployment in DEPLOYMENTS:
                await compare_deployment(connection, naive, deployment, position)
        naives = [Naive(events[:position]) for position in range(len(events) + 1)]
        for license_id in LICENSES:
            await compare_steps(connection, naives, license_id)
            await compare_changes(connection, naives, license_id)


@pytest.fixture(scope="module")
def database(new_database: Callable[[], str]) -> str:
    return new_database()


def apply(dsn: str, events: Sequence[Recorded], cuts: Sequence[int]) -> None:
    """Fill the empty tables, in batches that end where it is said."""
    ends = sorted({0, len(events), *(cut % (len(events) + 1) for cut in cuts)})
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SET search_path TO slots")
        cursor.execute(f"TRUNCATE {', '.join(SLOTS.tables)}")
        for begin, end in pairwise(ends):
            SLOTS.apply(cursor, events[begin:end])


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    chosen=st.lists(steps, min_size=5, max_size=40),
    revoke=st.booleans(),
    cuts=st.lists(st.integers(0, 200), max_size=12),
)
def test_reads_equal_a_naive_fold(
    database: str, chosen: list[tuple[Any, ...]], revoke: bool, cuts: list[int]
):
    events = play(chosen, revoke=revoke).events
    apply(database, events, cuts)
    asyncio.run(compare_at_every_position(database, events))


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    chosen=st.lists(steps, min_size=5, max_size=40),
    cuts=st.lists(st.integers(0, 200), max_size=12),
)
def test_batches_make_no_difference(database: str, chosen: list[tuple[Any, ...]], cuts: list[int]):
    events = play(chosen, revoke=False).events
    apply(database, events, [])
    at_once = dump(database, SLOTS)
    apply(database, events, cuts)
    assert dump(database, SLOTS) == at_once
    apply(database, events, range(len(events)))
    assert dump(database, SLOTS) == at_once
