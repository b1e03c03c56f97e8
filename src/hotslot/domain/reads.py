"""Reads of the record in bulk: when they are noted."""

from datetime import datetime, timedelta

import msgspec

from hotslot.domain.events import AuditExported, Recorded
from hotslot.domain.license import Decision

NOTED_AGAIN_AFTER = timedelta(hours=1)
"""What a key goes on reading is noted again only after this long."""


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever reads with an API key."""

    key: str
    exported_at: datetime
    """When a read in bulk was last noted."""


def evolve(_: Reader | None, recorded: Recorded) -> Reader:
    """The reader after one more event of its stream."""
    match recorded.event:
        case AuditExported() as exported:
            return Reader(key=exported.key, exported_at=recorded.context.at)
        case event:
            raise AssertionError(event)


def is_noted(reader: Reader | None, now: datetime) -> bool:
    """Whether it was noted so lately that there is nothing to add.

    A note of more than an hour ahead, by a clock that was wrong, does not count.
    """
    return reader is not None and abs(now - reader.exported_at) < NOTED_AGAIN_AFTER


def note(reader: Reader | None, exported: AuditExported, now: datetime) -> Decision:
    """Note that a key reads in bulk, unless that was noted lately."""
    return () if is_noted(reader, now) else (exported,)
