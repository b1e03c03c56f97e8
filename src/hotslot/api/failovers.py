"""Failovers: nominations, and what came of them, as the API shows them."""

from msgspec import Struct

from hotslot.api.shapes import AsOf, Position, Time, write_time_or_null
from hotslot.domain.events import Actor
from hotslot.domain.times import write_time
from projections.reading import Page
from projections.trail.failovers import Failover as FailoverView


class RefusedBefore(Struct):
    """A refusal on the license in the ten minutes before the nomination."""

    at: Time
    command: str
    deployment: str | None
    code: str
    detail: str


class Failover(Struct, kw_only=True):
    """How one active deployment took the place of another.

    `silent_at` is when it was known that the former one processes no more, and `silent_by` says
    from what: it `stood-down`, or its `lease-expired`; with `no-lease` it never had one with the
    right to process, so nothing is known. `overlap_seconds` is the time in which both could have
    processed, null while that is not known.
    """

    position: Position
    license: str
    nominated: str
    former: str | None
    term: int
    asked_at: Time
    recorded_at: Time
    serving_at: Time | None
    silent_at: Time | None
    silent_by: str | None
    overlap_seconds: float | None
    wait_for_release: bool
    reason: str | None
    actor: Actor
    refusals: list[RefusedBefore]


class Failovers(Struct):
    """A page of failovers, newest first."""

    failovers: list[Failover]
    next: str | None
    as_of: AsOf = None


def failovers_shape(page: Page[FailoverView], as_of: int | None) -> Failovers:
    """A page of failovers as the API shows it."""
    return Failovers([_failover(view) for view in page.rows], page.next, as_of)


def _failover(view: FailoverView) -> Failover:
    nomination, silence = view.nomination, view.silence
    silent_at = None if silence is None else silence.at
    return Failover(
        position=view.position,
        license=nomination.license,
        nominated=nomination.deployment,
        former=nomination.replaced,
        term=nomination.term,
        asked_at=write_time(view.asked_at),
        recorded_at=write_time(view.recorded_at),
        serving_at=write_time_or_null(view.serving_at),
        silent_at=write_time_or_null(silent_at),
        silent_by=None if silence is None else silence.by,
        overlap_seconds=None if view.overlap is None else view.overlap.total_seconds(),
        wait_for_release=nomination.wait_for_release,
        reason=view.reason,
        actor=view.actor,
        refusals=[
            RefusedBefore(
                write_time(refusal.at),
                refusal.command,
                refusal.deployment,
                refusal.code,
                refusal.detail,
            )
            for refusal in view.refusals
        ],
    )
