"""`python -m bench`: measures everything side by side, prints the table and writes it down."""

import argparse
import logging
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog
from rich.console import Console

from bench import (
    commands,
    following,
    leases,
    machine,
    nomination,
    proving,
    reads,
    time_travel,
    tree_cost,
)
from bench.commands import Pace
from bench.nomination import Size
from bench.report import Report, Row, show, write
from bench.services import Bench, prepared

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results"
DATA = ROOT / ".hotslot" / "bench"
"""Beside the code rather than in a temporary folder, which may lie in memory."""

BUSY = 0.5
"""Load average from which on a warning is given."""

PAGE_WIDTH = 120
"""Of output that goes to a file: the table has long lines."""

Part = Callable[[Bench, Console], tuple[list[Row], dict[str, Any]]]


class Effort(msgspec.Struct, frozen=True):
    """How long everything is measured."""

    commands: Pace
    reads: Pace
    catch_up_events: int
    nomination: Size
    proving_events: int


FULL = Effort(
    commands=Pace(rounds=5, seconds=5.0, warmup=1.0),
    reads=Pace(rounds=5, seconds=3.0),
    catch_up_events=100_000,
    nomination=Size(backups=100_000, events=1_000_000, nominations=300),
    proving_events=1_000_000,
)
QUICK = Effort(
    commands=Pace(rounds=3, seconds=2.0),
    reads=Pace(rounds=3, seconds=1.5),
    catch_up_events=20_000,
    nomination=Size(backups=10_000, events=100_000, nominations=100),
    proving_events=100_000,
)


def parts(effort: Effort) -> dict[str, Part]:
    """Return what there is to measure, by name, in order."""
    return {
        "commands": partial(commands.run, effort.commands),
        "reads": partial(reads.run, effort.reads),
        "leases": partial(leases.run, effort.commands),
        "following": partial(following.run, effort.catch_up_events, effort.commands),
        "nomination": partial(nomination.run, effort.nomination),
        "proving": partial(proving.run, effort.proving_events),
        "time-travel": partial(time_travel.run, effort.nomination),
        "tree-cost": partial(tree_cost.run, effort.commands),
    }


def main() -> None:
    """Run the parts that were asked for; the exit status tells nothing of targets."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs and small histories")
    parser.add_argument(
        "--only", nargs="+", choices=list(parts(FULL)), help="these parts only; writes no results"
    )
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else FULL
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console()
    if not console.is_terminal:
        console = Console(width=PAGE_WIDTH)
    began = time.monotonic()
    rows: list[Row] = []
    details: dict[str, Any] = {}
    with prepared(DATA) as bench:
        described = machine.describe(bench.database("described"), DATA)
        for name, part in parts(effort).items():
            if arguments.only is None or name in arguments.only:
                console.print(f"[bold]{name}[/bold]")
                found, details[name] = part(bench, console)
                rows += found
    report = Report(
        command=" ".join(["python -m bench", *sys.argv[1:]]),
        quick=arguments.quick,
        minutes=round((time.monotonic() - began) / 60, 1),
        machine=described,
        rows=rows,
        details=details,
    )
    show(report, console)
    if arguments.only is None:
        for file in write(report, RESULTS):
            console.print(f"Written to {file.relative_to(ROOT)}", highlight=False)


if __name__ == "__main__":
    main()
