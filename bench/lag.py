"""How far the projections are behind the ledger, seen from outside."""

import threading
import time
from types import TracebackType
from typing import Self

import msgspec
import psycopg

from bench.load import percentile
from projections.catalogue import PROJECTIONS

POLL_S = 0.004
STALLED_AFTER_S = 30.0

# Where the ledger and the projections stand: the last committed event, and the position of that
# projection, of those named, which is furthest behind.
STAND = """
SELECT (SELECT coalesce(max(position), 0) FROM ledger.events),
       (SELECT min(coalesce(p.position, 0))
          FROM unnest(%s::text[]) AS named (name) LEFT JOIN projections.positions AS p USING (name))
"""

ALL = tuple(PROJECTIONS)


class StalledError(Exception):
    """The projections do not catch up."""


class Lag(msgspec.Struct, frozen=True):
    """Time from the commit of an event until every projection showed it, in milliseconds.

    Seen from outside, by a look at both every few milliseconds; the time between two looks is
    counted in full, so the true lag is rather less.
    """

    p50: float
    p99: float
    slowest: float
    samples: int


def wait_for_projections(database_url: str, names: tuple[str, ...] = ALL) -> float:
    """Wait until these projections have applied the last event; return the seconds it took.

    Raises StalledError when they have not moved for a while.
    """
    began = moved_at = time.perf_counter()
    moved_to = -1
    with psycopg.connect(database_url, autocommit=True, prepare_threshold=0) as connection:
        while True:
            committed, shown = _stand(connection, names)
            now = time.perf_counter()
            if shown >= committed:
                return now - began
            if shown != moved_to:
                moved_to, moved_at = shown, now
            elif now - moved_at > STALLED_AFTER_S:
                raise StalledError(f"the projections stay at {shown:,} of {committed:,} events")
            time.sleep(POLL_S)


class LagWatch:
    """Looks at the ledger and the projections, in a thread, while the context lasts."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._looks: list[tuple[float, int, int]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        with psycopg.connect(self._database_url, autocommit=True, prepare_threshold=0) as link:
            while not self._stop.wait(POLL_S):
                committed, shown = _stand(link, ALL)
                self._looks.append((time.perf_counter(), committed, shown))

    def lag(self) -> Lag:
        """Return what was seen, once the context has ended."""
        lags = sorted(_lags(self._looks))
        return Lag(
            p50=percentile(lags, 0.5) * 1e3,
            p99=percentile(lags, 0.99) * 1e3,
            slowest=(lags[-1] if lags else 0.0) * 1e3,
            samples=len(lags),
        )


def _lags(looks: list[tuple[float, int, int]]) -> list[float]:
    """Return, for each look that saw new events, the seconds until all of them were shown."""
    lags = []
    shown_at = 0
    for index in range(1, len(looks)):
        committed = looks[index][1]
        before, committed_before, _ = looks[index - 1]
        if committed == committed_before:
            continue
        shown_at = max(shown_at, index)
        while shown_at < len(looks) and looks[shown_at][2] < committed:
            shown_at += 1
        if shown_at == len(looks):
            break  # the load ended; what was not shown by then can't be told
        # The oldest of the new events may have been committed right after the look before.
        lags.append(looks[shown_at][0] - before)
    return lags


def _stand(connection: psycopg.Connection, names: tuple[str, ...]) -> tuple[int, int]:
    row = connection.execute(STAND, (list(names),)).fetchone()
    assert row is not None
    return row[0], row[1]
