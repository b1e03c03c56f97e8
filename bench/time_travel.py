"""Reads as of earlier positions, against the same read of now, on a license with much history.

Reads of now come from the server's view cache until an event changes what they show. So the license
is changed before each read of now, that both ask the database; the cached read is timed as well.
"""

import random
import statistics
from itertools import cycle
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

READS = 400
WARM_UP = 50
AT_MOST = 2.0
HEADERS = hotslot_headers()
PATH = f"/v1/licenses/{LONG}"


def run(size: Size, bench: Bench, console: Console) -> tuple[list[Row], dict[str, Any]]:
    """Fill, let the projections catch up, and time the reads by turns."""
    url = bench.database("time_travel")
    events, _ = fill(url, size)
    console.print(f"  {events:,} events written", highlight=False)
    catch_up(url, ALL)
    chance = random.Random(1)
    ends = cycle(("2100-01-01T00:00:00Z", "2101-01-01T00:00:00Z"))
    taken: dict[str, list[float]] = {"as of": [], "now": [], "now, cached": []}
    with bench.hotslot(url) as port, Connection(port, HEADERS) as connection:

        def read(name: str, query: str = "") -> None:
            _, seconds = connection.timed(request("GET", f"{PATH}{query}", HEADERS))
            taken[name].append(seconds * 1e3)

        for _ in range(WARM_UP + READS):
            connection.call("POST", f"{PATH}/renewal", {"expires_at": next(ends)})
            wait_for_projections(url)
            read("now")
            read("now, cached")
            read("as of", f"?as_of={chance.randrange(events // 10, events)}")
    timed = {name: sorted(each[WARM_UP:]) for name, each in taken.items()}
    as_of, now, cached = (statistics.median(each) for each in timed.values())
    what = f"license as of a position, {size.events:,} events of history"
    rows = [
        row(what, as_of, "ms", against="now", peer=now, target=Target("≤", AT_MOST, "ratio")),
        row("the same", as_of, "ms", against="now, from the cache", peer=cached),
    ]
    milliseconds = {
        name: {"p50": percentile(each, 0.5), "p99": percentile(each, 0.99)}
        for name, each in timed.items()
    }
    return rows, {"ledger_events": events, "milliseconds": milliseconds}
