"""How much of the trail was read with each key in the last hour, by this process's count."""

from collections import defaultdict

MANY_ENTRIES = 10_000
"""More entries than this within an hour are a read in bulk."""

_MINUTES = 60


class TrailReads:
    """Entries that were handed out, by key and minute."""

    def __init__(self) -> None:
        self._read: defaultdict[str, dict[int, int]] = defaultdict(dict)

    def add(self, key: str, entries: int, now: float) -> bool:
        """Count a page; tells whether the key has now read in bulk. `now` is in seconds."""
        minute = int(now // 60)
        counts = self._read[key] = {
            then: count for then, count in self._read[key].items() if then > minute - _MINUTES
        }
        counts[minute] = counts.get(minute, 0) + entries
        return sum(counts.values()) > MANY_ENTRIES
