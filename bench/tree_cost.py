"""What the Merkle tree and its checkpoints cost commands: a server with them, and one without.

Without, the benchmark itself holds the lead of the tree's projection, so that nobody builds it and
there is nothing to sign.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from rich.console import Console

from bench.commands import Pace, alternate, issue_licenses, per_second, plan, ratio_of_rounds
from bench.lag import ALL, wait_for_projections
from bench.report import Row, Target, row
from bench.services import ADMIN_KEY, Bench
from projections.catalogue import PROJECTIONS
from projections.positions import take_lead

CLIENTS = (1, 64)
TREE = "proofs"
OTHERS = tuple(name for name in ALL if name != TREE)
NOT_MEASURABLE = 0.95
"""The ratio of two servers that do the same swings by about so much from round to round."""


@contextmanager
def _no_tree(database_url: str) -> Iterator[None]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert take_lead(connection, PROJECTIONS[TREE])
        yield


def run(pace: Pace, bench: Bench, console: Console) -> tuple[list[Row], dict[str, Any]]:
    """Measure commands on both servers by turns."""
    with_tree, without = bench.database("with_tree"), bench.database("without_tree")
    rows: list[Row] = []
    details: dict[str, Any] = {}
    with (
        _no_tree(without),
        bench.hotslot(with_tree) as port,
        bench.hotslot(without) as port_without,
    ):
        for each in (port, port_without):
            issue_licenses(each)
        for clients in CLIENTS:
            loads = alternate(
                {
                    "with": plan(port, ADMIN_KEY, clients, pace),
                    "without": plan(port_without, ADMIN_KEY, clients, pace),
                },
                pace.rounds,
                {
                    "with": lambda: wait_for_projections(with_tree),
                    "without": lambda: wait_for_projections(without, OTHERS),
                },
            )
            details[f"{clients} clients"] = loads
            rows.append(
                row(
                    f"commands with the tree, {clients} client{'s' if clients > 1 else ''}",
                    per_second(loads["with"]),
                    "/s",
                    against="without it",
                    peer=per_second(loads["without"]),
                    ratio=ratio_of_rounds(loads["with"], loads["without"]),
                    target=Target("≥", NOT_MEASURABLE, "ratio") if clients == 1 else None,
                )
            )
            rates = ", ".join(f"{name} {per_second(each):,.0f}/s" for name, each in loads.items())
            console.print(f"  {clients} clients: {rates}", highlight=False)
    return rows, details
