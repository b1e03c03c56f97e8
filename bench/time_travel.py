"""Reads as of earlier positions, against the same read of now, on a license with much history."""

import random
import statistics
from typing import Any

from rich.console import Console

from bench.client import Connection
from bench.commands import hotslot_headers
from bench.following import catch_up
from bench.lag import ALL, wait_for_projections
from bench.load import percentile, request
from bench.nomination import LONG, Size, fill
from bench.report import Row, Target, row
from bench.services import Bench

READS = 1_000
WARM_UP = 100
AT_MOST = 2.0
HEADERS = hotslot_headers()


def run(size: Size, bench: Bench, console: Console) -> tuple[list[Row], dict[str, Any]]:
    """Fill, let the projections catch up, and time both reads by turns."""
    url = bench.database("time_travel")
    events, _ = fill(url, size)
    console.print(f"  {events:,} events written", highlight=False)
    catch_up(url, ALL)
    chance = random.Random(1)
    now: list[float] = []
    as_of: list[float] = []
    with bench.hotslot(url) as port, Connection(port, HEADERS) as connection:
        wait_for_projections(url)

        def timed(query: str) -> float:
            asked = request("GET", f"/v1/licenses/{LONG}{query}", HEADERS)
            return connection.timed(asked)[1] * 1e3

        for _ in range(WARM_UP + READS):
            position = chance.randrange(events // 10, events)
            now.append(timed(""))
            as_of.append(timed(f"?as_of={position}"))
    now, as_of = sorted(now[WARM_UP:]), sorted(as_of[WARM_UP:])
    rows = [
        row(
            f"license as of a position, {size.events:,} events of history",
            statistics.median(as_of),
            "ms",
            against="the license now",
            peer=statistics.median(now),
            target=Target("≤", AT_MOST, "ratio"),
        )
    ]
    milliseconds = {
        name: {"p50": percentile(each, 0.5), "p99": percentile(each, 0.99)}
        for name, each in (("now", now), ("as of", as_of))
    }
    return rows, {"ledger_events": events, "milliseconds": milliseconds}
