"""Procedures of the audit trail: entries that belong together, as one item."""

from typing import Literal

from msgspec import Struct

from hotslot.api.projected import entry_shape
from hotslot.api.shapes import AsOf, Entry, Time
from projections.reading import Page
from projections.trail.queries import Procedure as ProcedureView


class Procedure(Struct):
    """The three steps in which an offline backup took over, tied by their reason or trace id."""

    kind: Literal["offline-failover"]
    license: str
    former: str
    deployment: str
    reason: str | None
    trace_id: str | None
    began_at: Time
    ended_at: Time
    entries: list[Entry]


class Procedures(Struct):
    """A page of procedures, in the order in which they ended."""

    procedures: list[Procedure]
    next: str | None
    as_of: AsOf = None


def procedures_shape(page: Page[ProcedureView], as_of: int | None) -> Procedures:
    """A page of procedures as the API shows it."""
    return Procedures([_procedure(view) for view in page.rows], page.next, as_of)


def _procedure(view: ProcedureView) -> Procedure:
    entries = [entry_shape(entry) for entry in view.entries]
    return Procedure(
        kind="offline-failover",
        license=view.license,
        former=view.former,
        deployment=view.deployment,
        reason=view.reason,
        trace_id=view.trace_id,
        began_at=entries[0].at,
        ended_at=entries[-1].at,
        entries=entries,
    )
