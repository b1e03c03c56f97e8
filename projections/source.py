"""The events that projections are made of."""

from typing import Any

from psycopg import Connection

from hotslot.domain.events import Recorded
from hotslot.ledger import mapper
from hotslot.ledger.recorder import LedgerRecorder

BATCH = 1000
"""So many events are applied in one transaction, at most."""

# The last position.
HEAD = "SELECT coalesce(max(position), 0) FROM ledger.events"


class StoredEvent(Recorded, frozen=True):
    """An event, and the very bytes that the ledger holds of it."""

    state: bytes

    @property
    def type(self) -> str:
        """The event's name."""
        return self.event.type


def events_after(recorder: LedgerRecorder, position: int) -> list[StoredEvent]:
    """The next events behind a position, in order; none at the end of the ledger.

    They end before an event that this version of the software doesn't know.

    Raises:
        UnknownEventError: the first of them is such an event.

    """
    events: list[StoredEvent] = []
    for notification in recorder.select_notifications(position, BATCH, inclusive_of_start=False):
        try:
            event = read(
                notification.id,
                str(notification.originator_id),
                notification.originator_version,
                notification.topic,
                notification.state,
            )
        except mapper.UnknownEventError:
            if not events:
                raise
            break
        events.append(event)
    return events


def read(position: int, stream: str, version: int, type_: str, state: bytes) -> StoredEvent:
    """An event as it stands in a row of the ledger.

    Raises:
        UnknownEventError: this version of the software doesn't know it.

    """
    recorded = mapper.decode(position, stream, version, type_, state)
    return StoredEvent(position, stream, version, recorded.context, recorded.event, state)


def head(connection: Connection[Any]) -> int:
    """The ledger's last position; 0 when it is empty."""
    (position,) = connection.execute(HEAD).fetchone() or (0,)
    return int(position)
