"""The states of the streams that this process worked on lately."""

from collections import OrderedDict
from datetime import datetime

from hotslot.domain.events import CommandRefused, Recorded
from hotslot.domain.streams import evolve
from hotslot.ledger.plan import REFUSAL_REPEATS_AFTER, RefusalKey, Versioned, refusal_key

CAPACITY = 50_000
"""Streams that are kept; the one that was used longest ago goes first."""


class Cache:
    """Built from committed events only, so that it is never ahead of the ledger.

    It may be behind: whatever is decided from it is checked when it is appended.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._streams: OrderedDict[str, Versioned] = OrderedDict()
        self.refused_lately: dict[RefusalKey, datetime] = {}
        self.last_time: datetime | None = None
        """Time of the latest event seen: clocks may go back, the record's does not."""

    def get(self, stream: str) -> Versioned | None:
        """The stream's state, or None when it has to be loaded."""
        entry = self._streams.get(stream)
        if entry is not None:
            self._streams.move_to_end(stream)
        return entry

    def put(self, stream: str, entry: Versioned) -> None:
        """Keep a state that is in the ledger."""
        self._streams[stream] = entry
        self._streams.move_to_end(stream)
        while len(self._streams) > self._capacity:
            self._streams.popitem(last=False)

    def note(self, recorded: Recorded) -> None:
        """Take note of when an event was, and of a refusal."""
        at = recorded.context.at
        if self.last_time is None or at > self.last_time:
            self.last_time = at
        if isinstance(recorded.event, CommandRefused):
            key = refusal_key(recorded.stream, recorded.context, recorded.event)
            self.refused_lately[key] = at

    def apply(self, recorded: Recorded) -> None:
        """Take in one committed event; one that is known already changes nothing."""
        self.note(recorded)
        entry = self._streams.get(recorded.stream)
        if entry is None or recorded.version <= entry.version:
            return
        if recorded.version == entry.version + 1:
            state = evolve(entry.state, recorded)
            self._streams[recorded.stream] = Versioned(recorded.version, state)
        else:
            # Events in between were not seen: the stream is loaded when it is needed again.
            del self._streams[recorded.stream]

    def forget_all(self) -> None:
        """Drop every state: what the ledger holds is not certain any more."""
        self._streams.clear()

    def forget_old_refusals(self, now: datetime) -> None:
        """Drop refusals that are recorded anew when they come again."""
        self.refused_lately = {
            key: at for key, at in self.refused_lately.items() if now - at < REFUSAL_REPEATS_AFTER
        }
