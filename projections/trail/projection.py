"""How events become entries of the trail: one function for what differs between them."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, LiteralString

from psycopg import Cursor

from hotslot.domain.events import (
    BackupNominated,
    CommandRefused,
    KeyCreated,
    KeyRevoked,
    LicenseImported,
    LicenseIssued,
    Recorded,
)
from hotslot.ledger.schema import schema_of
from projections.trail.procedures import find_procedures

NEXT_INDEX = "SELECT coalesce(max(index) + 1, 0) FROM entries"

# Every entry of a license knows its customer; the first one is where the license was issued.
CUSTOMERS = """
SELECT l.license, e.customer
  FROM unnest(%s::text[]) AS l (license)
 CROSS JOIN LATERAL (
    SELECT * FROM entries WHERE entries.license = l.license ORDER BY index LIMIT 1) AS e
"""

ADD_ENTRIES = """
COPY entries (index, position, at, type, license, customer, deployment, other_deployment,
              actor_kind, actor_id, outcome) FROM STDIN
"""


class TrailProjection:
    """The audit trail."""

    name: ClassVar[str] = "trail"
    version: ClassVar[int] = 2
    tables: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "entries": ("index",),
        "procedures": ("ended",),
        "open_steps": ("license", "deployment", "role"),
    }
    schema: ClassVar[LiteralString] = schema_of("projections.trail")

    def apply(self, cursor: Cursor[Any], batch: Sequence[Recorded]) -> None:
        customers = {
            event.license: event.customer
            for recorded in batch
            if isinstance(event := recorded.event, LicenseIssued | LicenseImported)
        }
        subjects = [subject_of(recorded) for recorded in batch]
        older = {license_id for license_id, _, _ in subjects if license_id} - customers.keys()
        customers.update(cursor.execute(CUSTOMERS, (list(older),)).fetchall())
        (index,) = cursor.execute(NEXT_INDEX).fetchone() or (0,)
        with cursor.copy(ADD_ENTRIES) as copy:
            for at, (recorded, subject) in enumerate(zip(batch, subjects, strict=True), index):
                copy.write_row((at, *row(recorded, subject, customers)))
        find_procedures(cursor, index, batch, customers)


Subject = tuple[str | None, str | None, str | None]
"""License, deployment, and the deployment that was replaced."""


def subject_of(recorded: Recorded) -> Subject:
    """What the event is about."""
    match event := recorded.event:
        case KeyCreated() | KeyRevoked():
            return None, None, None
        case CommandRefused(license=license_id, deployment=deployment):
            return license_id, deployment, None
        case BackupNominated(license=license_id, deployment=deployment, replaced=replaced):
            return license_id, deployment, replaced
        case _:
            return getattr(event, "license", None), getattr(event, "deployment", None), None


def row(
    recorded: Recorded, subject: Subject, customers: Mapping[str, str | None]
) -> tuple[Any, ...]:
    """The entry without its index."""
    license_id, deployment, replaced = subject
    context, event = recorded.context, recorded.event
    return (
        recorded.position,
        context.at,
        event.type,
        license_id,
        customers.get(license_id) if license_id is not None else None,
        deployment,
        replaced,
        context.actor.kind,
        context.actor.id,
        "refused" if isinstance(event, CommandRefused) else "done",
    )
