"""Nomination on a license with a long history and very many backups, against an empty one.

The two licenses lie in one ledger, so that they share its size; what differs is their own history.
On both, two deployments take turns: the backup is nominated (this is timed), and the one that it
replaced is registered again, and the license is looked at.
"""

import statistics
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import msgspec
from rich.console import Console

from bench.client import Connection
from bench.commands import hotslot_headers
from bench.following import catch_up
from bench.history import History, issue
from bench.lag import ALL, wait_for_projections
from bench.load import percentile, request
from bench.report import Row, Target, row
from bench.services import Bench
from hotslot.domain.commands import Activate, NominateBackup, RegisterBackup, RenewLicense
from hotslot.domain.events import license_stream

LONG, EMPTY = "long", "empty"
TARGET = 1.2
HEADERS = hotslot_headers()


class Size(msgspec.Struct, frozen=True):
    """How long the long history is, and how often a nomination is timed."""

    backups: int
    events: int
    """On the license's own stream."""
    nominations: int


class Pair:
    """The two deployments of a license that take turns."""

    def __init__(self, license_id: str) -> None:
        self.license = license_id
        self.active, self.backup = f"{license_id}-a", f"{license_id}-b"

    def turn(self) -> None:
        """The backup was nominated, and the former active one registered again."""
        self.active, self.backup = self.backup, self.active

    def swap(self, connection: Connection) -> float:
        """Nominate the backup, then register the one that it replaced and look at the license.

        Returns the milliseconds that the nomination took.
        """
        nominated = request(
            "POST", f"/v1/deployments/{self.backup}/nomination", HEADERS, {"reason": "bench"}
        )
        _, seconds = connection.timed(nominated)
        connection.call("PUT", f"/v1/deployments/{self.active}/backup", {"license": self.license})
        # As operators do before a failover, and so that the view has caught up with the rest.
        connection.call("GET", f"/v1/licenses/{self.license}")
        self.turn()
        return seconds * 1e3


def fill(database_url: str, size: Size) -> tuple[int, list[Pair]]:
    """Write both histories; return the number of events in the ledger, and the pairs."""
    pairs = [Pair(LONG), Pair(EMPTY)]
    expiries = cycle((datetime(2100, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC)))
    with History(database_url) as history:
        for pair in pairs:
            history.do(issue(pair.license, 1))
            history.do(Activate(license=pair.license, deployment=pair.active))
            history.do(RegisterBackup(license=pair.license, deployment=pair.backup))
        for number in range(size.backups - 1):
            history.do(RegisterBackup(license=LONG, deployment=f"backup-{number}"))
        long = pairs[0]
        while history.version(license_stream(LONG)) < size.events:
            history.do(NominateBackup(deployment=long.backup))
            history.do(RegisterBackup(license=LONG, deployment=long.active))
            long.turn()
            history.do(RenewLicense(license=LONG, expires_at=next(expiries)))
    return history.position, pairs


def run(size: Size, bench: Bench, console: Console) -> tuple[list[Row], dict[str, Any]]:
    """Fill, let the projections catch up, and time nominations on both licenses by turns."""
    url = bench.database("nomination")
    events, pairs = fill(url, size)
    console.print(f"  {events:,} events written", highlight=False)
    seconds = catch_up(url, ALL)
    console.print(f"  followed at {events / seconds:,.0f} events/s", highlight=False)
    taken: dict[str, list[float]] = {LONG: [], EMPTY: []}
    with bench.hotslot(url) as port, Connection(port, HEADERS) as connection:
        wait_for_projections(url)  # the server has added its admin key
        # The first ones load the streams into the server's cache; they are shown apart.
        first = {pair.license: pair.swap(connection) for pair in pairs}
        for _ in range(size.nominations):
            for pair in pairs:
                taken[pair.license].append(pair.swap(connection))
    long, empty = (statistics.median(taken[name]) for name in (LONG, EMPTY))
    rows = [
        row(
            f"nomination, {size.backups:,} backups, {size.events:,} events",
            long,
            "ms",
            against="on an empty license",
            peer=empty,
            target=Target("≤", TARGET, "ratio"),
        )
    ]
    milliseconds = {
        name: {
            "first": first[name],
            "p50": percentile(each, 0.5),
            "p90": percentile(each, 0.9),
            "p99": percentile(each, 0.99),
            "samples": len(each),
        }
        for name, each in ((name, sorted(each)) for name, each in taken.items())
    }
    return rows, {
        "ledger_events": events,
        "catching_up_seconds": seconds,
        "milliseconds": milliseconds,
    }
