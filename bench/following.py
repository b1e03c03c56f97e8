"""The followers: how fast they catch up, and how far they lag behind commands at full load."""

import time
from itertools import count
from math import ceil
from typing import Any

import msgspec
from rich.console import Console

from bench.commands import Pace, issue_licenses, plan
from bench.history import History, issue
from bench.lag import ALL, LagWatch, wait_for_projections
from bench.load import measure
from bench.raw_inserts import insert_again
from bench.report import Row, Target, row
from bench.services import ADMIN_KEY, Bench
from hotslot.domain.commands import (
    Activate,
    Deactivate,
    NominateBackup,
    RegisterBackup,
    UnregisterBackup,
)
from projections.catalogue import PROJECTIONS
from projections.follower import following
from projections.install import install
from projections.source import BATCH

SWAPS_EACH = 20
CLIENTS = 64
CATCHING_UP = 20_000
LAG_P99_MS = 100.0


class CatchUp(msgspec.Struct, frozen=True):
    """How long a follower took from nothing to the end, beside inserting the finished rows."""

    events: int
    seconds: float
    raw_seconds: float


def history_of(events: int, database_url: str) -> int:
    """Fill a ledger with so many events of many small licenses; return how many there are."""
    with History(database_url) as history:
        licenses = count()
        while history.position < events:
            license_id = f"l{next(licenses)}"
            active, backup = f"{license_id}-a", f"{license_id}-b"
            history.do(issue(license_id, 2))
            history.do(Activate(license=license_id, deployment=active))
            history.do(RegisterBackup(license=license_id, deployment=backup, standby_for=active))
            for _ in range(SWAPS_EACH):
                history.do(NominateBackup(deployment=backup))
                history.do(RegisterBackup(license=license_id, deployment=active))
                active, backup = backup, active
            history.do(Deactivate(deployment=active))
            history.do(UnregisterBackup(deployment=backup))
    return history.position


def catch_up(database_url: str, names: tuple[str, ...]) -> float:
    """Follow with these projections at once until they know every event; return the seconds.

    They are threads of this process, as in a server. Raises StalledError.
    """
    install(database_url)
    followed = [PROJECTIONS[name] for name in names]
    began = time.perf_counter()
    with following(database_url, followed):
        wait_for_projections(database_url, names)
        return time.perf_counter() - began


def run(
    events: int, pace: Pace, bench: Bench, console: Console
) -> tuple[list[Row], dict[str, Any]]:
    """Measure catching up, and the lag at full load."""
    rows: list[Row] = []
    details: dict[str, Any] = {}
    for names in [*((name,) for name in PROJECTIONS), ALL]:
        who = " and ".join(names)
        found = _measure_catch_up(bench, events, names)
        rows.append(_catch_up_row(found, who, alone=len(names) == 1))
        details[f"catching up: {who}"] = found
        console.print(f"  {who}: {found.events / found.seconds:,.0f} events/s", highlight=False)
    lag_rows, details["lag"] = _measure_lag(bench, pace)
    return rows + lag_rows, details


def _measure_catch_up(bench: Bench, events: int, names: tuple[str, ...]) -> CatchUp:
    url = bench.database(f"following_{'_'.join(names)}")
    written = history_of(events, url)
    seconds = catch_up(url, names)
    raw = sum(insert_again(url, PROJECTIONS[name], ceil(written / BATCH)) for name in names)
    return CatchUp(written, seconds, raw)


def _catch_up_row(found: CatchUp, who: str, *, alone: bool) -> Row:
    return row(
        f"catching up, {who}" if alone else f"catching up, {who} at once",
        found.events / found.seconds,
        "events/s",
        against="inserts of finished rows",
        peer=found.events / found.raw_seconds,
        target=Target("≥", CATCHING_UP, "hotslot", "events/s") if alone else None,
    )


def _measure_lag(bench: Bench, pace: Pace) -> tuple[list[Row], dict[str, Any]]:
    url = bench.database("lag")
    with bench.hotslot(url) as port:
        issue_licenses(port)
        wait_for_projections(url)
        with LagWatch(url) as watch:
            load = measure(plan(port, ADMIN_KEY, CLIENTS, pace))
            wait_for_projections(url)
    lag = watch.lag()
    rows = [
        row(f"lag at {load.per_second:,.0f} commands/s, p50", lag.p50, "ms"),
        row(
            f"lag at {load.per_second:,.0f} commands/s, p99",
            lag.p99,
            "ms",
            target=Target("≤", LAG_P99_MS, "hotslot", "ms"),
        ),
    ]
    return rows, {"load": load, "lag": lag}
