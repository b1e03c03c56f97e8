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


def events_after(recorder: LedgerRecorder, position: int) -> list[Recorded]:
    """The next events behind a position, in order; none at the end of the ledger.

    They end before an event that this version of the software doesn't know.

    Raises:
        UnknownEventError: the first of them is such an event.

    """
    events: list[Recorded] = []
    for notification in recorder.select_notifications(position, BATCH, inclusive_of_start=False):
        try:
            event = mapper.decode(
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


def head(connection: Connection[Any]) -> int:
    """The ledger's last position; 0 when it is empty."""
    (position,) = connection.execute(HEAD).fetchone() or (0,)
    return int(position)
