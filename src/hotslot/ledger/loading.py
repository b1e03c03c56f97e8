"""Reads streams from the ledger into states."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection

from hotslot.domain.events import CommandRefused, Recorded
from hotslot.domain.streams import State, evolve
from hotslot.ledger import mapper, snapshots
from hotslot.ledger.plan import Versioned

# The latest snapshot of each stream, where it is newer than what is known, and the events behind
# it, in order.
LOAD = """
WITH wanted AS (
    SELECT w.stream, w.known, s.version, s.state
      FROM unnest(%s::text[], %s::bigint[]) AS w (stream, known)
      LEFT JOIN ledger.snapshots AS s
        ON s.stream = w.stream AND s.version > w.known AND s.format = %s
)
SELECT stream, version, 0 AS position, NULL AS type, state::text
  FROM wanted WHERE version IS NOT NULL
UNION ALL
SELECT e.stream, e.version, e.position, e.type, e.state::text
  FROM wanted AS w
  JOIN ledger.events AS e
    ON e.stream = w.stream AND e.version > coalesce(w.version, w.known)
 ORDER BY stream, version
"""


class Loaded(dict[str, Versioned]):
    """States as the ledger has them."""

    def __init__(self, known: Mapping[str, Versioned]) -> None:
        super().__init__(known)
        self.folded: Counter[str] = Counter()
        self.refused: list[Recorded] = []
        """The refusals among the events that were read, which no state holds."""

    @property
    def long(self) -> list[str]:
        """The streams that took so many events that a snapshot is worth its while."""
        return [stream for stream, count in self.folded.items() if count >= snapshots.EVERY]


async def load(connection: AsyncConnection[Any], known: Mapping[str, Versioned]) -> Loaded:
    """Bring streams up to what the ledger holds; version 0 of a stream knows nothing of it."""
    loaded = Loaded(known)
    versions = [entry.version for entry in known.values()]
    cursor = await connection.execute(LOAD, (list(known), versions, snapshots.FORMAT))
    async for stream, version, position, type_, text in cursor:
        state: State
        if type_ is None:
            state = snapshots.decode(stream, text)
        else:
            recorded = mapper.decode(position, stream, version, type_, text)
            state = evolve(loaded[stream].state, recorded)
            loaded.folded[stream] += 1
            if isinstance(recorded.event, CommandRefused):
                loaded.refused.append(recorded)
        loaded[stream] = Versioned(version, state)
    return loaded
