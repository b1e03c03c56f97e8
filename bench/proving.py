"""Proofs and the whole record: verifying an export, rebuilding state, one proof out of very many.

The ledger holds many small licenses, each with its swaps. Both walks through all of it stand beside
one plain SELECT of the same rows, which does nothing with them.
"""

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg import ServerCursor
from rich.console import Console

from bench.client import Connection
from bench.commands import hotslot_headers
from bench.following import catch_up, history_of
from bench.lag import ALL, wait_for_projections
from bench.load import percentile, request
from bench.report import Row, Target, row
from bench.services import ADMIN_KEY, Bench
from hotslot.domain.streams import State, evolve
from hotslot.ledger import mapper

ROUNDS = 3
PROOFS = 1_000
SIGNED_WITHIN_S = 60.0
POLL_S = 0.05
FETCHED_AT_ONCE = 10_000
AT_LEAST_OF_SELECT = 0.4
MEMORY_MB = 200
PROOF_MS = 5.0
HEADERS = hotslot_headers()

# Every row of the ledger, in order.
SELECT = "SELECT position, stream, version, type, state::text FROM ledger.events ORDER BY position"


def run(events: int, bench: Bench, console: Console) -> tuple[list[Row], dict[str, Any]]:
    """Fill a ledger, export it, and walk through it in each way by turns."""
    url = bench.database("proving")
    written = history_of(events, url)
    console.print(f"  {written:,} events written", highlight=False)
    catch_up(url, ALL)
    export = bench.folder / "export"
    with bench.hotslot(url) as port:
        wait_for_projections(url)
        key = _wait_until_signed(port, written)
        seconds = _timed(lambda: _export(port, export))
        console.print(f"  exported at {written / seconds:,.0f} events/s", highlight=False)
        proofs = _time_proofs(port, written)
    memory: list[float] = []
    walks: dict[str, Callable[[], object]] = {
        "select": lambda: _select(url),
        "verify": lambda: memory.append(_verify(export, key)),
        "rebuild": lambda: rebuild(url),
    }
    taken: dict[str, list[float]] = {name: [] for name in walks}
    for _ in range(ROUNDS):
        for name, walk in walks.items():
            taken[name].append(_timed(walk))
        rates = ", ".join(f"{name} {written / taken[name][-1]:,.0f}/s" for name in walks)
        console.print(f"  {rates}", highlight=False)
    rows = [
        _walk_row(what, written, taken[name], taken["select"])
        for name, what in (
            ("verify", f"hotslot-verify, export of {written:,} events"),
            ("rebuild", f"state rebuilt from {written:,} events"),
        )
    ]
    rows += [
        row("memory of hotslot-verify", max(memory), "MB", target=_at_most(MEMORY_MB, "MB")),
        *(
            row(
                f"proof of inclusion, {written:,} leaves, p{percent}",
                percentile(proofs, percent / 100),
                "ms",
                target=_at_most(PROOF_MS, "ms"),
            )
            for percent in (50, 99)
        ),
    ]
    return rows, {
        "events": written,
        "export_seconds": seconds,
        "seconds": taken,
        "verify_memory_mb": memory,
        "proof_ms": {"p50": percentile(proofs, 0.5), "p99": percentile(proofs, 0.99)},
    }


def rebuild(database_url: str) -> dict[str, State]:
    """Fold every event of a ledger; return the state of each stream."""
    states: dict[str, State] = {}
    for each in _rows(database_url):
        recorded = mapper.decode(*each)
        states[recorded.stream] = evolve(states.get(recorded.stream), recorded)
    return states


def _select(database_url: str) -> None:
    for _ in _rows(database_url):
        pass


def _rows(database_url: str) -> Any:
    with (
        psycopg.connect(database_url) as connection,
        ServerCursor(connection, "bench_rows") as cursor,
    ):
        cursor.itersize = FETCHED_AT_ONCE
        cursor.execute(SELECT)
        yield from cursor


def _export(port: int, folder: Path) -> None:
    environment = os.environ | {
        "HOTSLOT_URL": f"http://127.0.0.1:{port}",
        "HOTSLOT_KEY": ADMIN_KEY,
    }
    command = [sys.executable, "-m", "hotslot", "audit", "export", str(folder)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def _verify(export: Path, key: str) -> float:
    """Verify an export in a process of its own; return the most memory that it had, in MB."""
    command = [sys.executable, "-m", "hotslot_verify", str(export), "--key", key, "--quiet"]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.returncode
    return usage.ru_maxrss / 1024


def _wait_until_signed(port: int, size: int) -> str:
    """Wait for a checkpoint that covers so many events; return the key to verify it with."""
    deadline = time.monotonic() + SIGNED_WITHIN_S
    with Connection(port, HEADERS) as connection:
        asked = request("GET", "/v1/log/checkpoint", HEADERS)
        while int(connection.timed(asked)[0].split(b"\n")[1]) < size:
            assert time.monotonic() < deadline, "no checkpoint came"
            time.sleep(POLL_S)
        keys, _ = connection.timed(request("GET", "/v1/log/key", HEADERS))
    return keys.decode().splitlines()[0]


def _time_proofs(port: int, size: int) -> list[float]:
    """Ask for proofs of leaves all over the tree; return the milliseconds of each, sorted."""
    chance = random.Random(1)
    with Connection(port, HEADERS) as connection:
        return sorted(
            connection.timed(request("GET", f"/v1/audit/proof/{chance.randrange(size)}", HEADERS))[
                1
            ]
            * 1e3
            for _ in range(PROOFS)
        )


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _walk_row(what: str, events: int, taken: list[float], selecting: list[float]) -> Row:
    return row(
        what,
        events / statistics.median(taken),
        "events/s",
        against="one plain SELECT",
        peer=events / statistics.median(selecting),
        ratio=statistics.median(
            theirs / ours for ours, theirs in zip(taken, selecting, strict=True)
        ),
        target=Target("≥", AT_LEAST_OF_SELECT, "ratio"),
    )


def _at_most(bound: float, unit: str) -> Target:
    return Target("≤", bound, "hotslot", unit)
