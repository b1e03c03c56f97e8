"""Commands a second, against a plain CRUD service and against doing nothing.

Each client activates and deactivates deployments of its own, in turn, on a license that it has for
itself: nobody waits for another's row lock, which is the best case for the CRUD service. A
deactivation of a deployment that is not active is an error in every service but the one that does
nothing, and errors end the run: so every command that is counted did change something.
"""

import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import psycopg
from rich.console import Console

from bench.client import Connection
from bench.lag import wait_for_projections
from bench.load import Load, Plan, measure, request
from bench.peers import crud
from bench.report import Row, Target, row
from bench.services import ADMIN_KEY, Bench, schema_of

LICENSES = 64
DEPLOYMENTS_EACH = 8
CLIENTS = (1, 16, 64)
AGAINST_CRUD = {1: 0.9, 16: None, 64: 2.5}
AGAINST_NOTHING = {1: None, 16: None, 64: 0.5}
SQL = Path(crud.__file__).with_suffix(".sql")

FILL_LICENSES = """
INSERT INTO license SELECT 'l' || i, 'scanner', 'acme', 'valid', 64, 0, NULL, 0, 0
  FROM generate_series(0, %s - 1) AS i
"""


class Pace(msgspec.Struct, frozen=True):
    """How long and how often something is measured."""

    rounds: int
    seconds: float
    warmup: float = 0.5


def hotslot_headers(reason: str | None = None) -> dict[str, str]:
    """Return the headers of a request to Hotslot."""
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    return headers | {"hotslot-reason": reason} if reason else headers


def plan(port: int, key: str, clients: int, pace: Pace) -> Plan:
    """Return the load of so many clients, each activating and deactivating in turn."""
    auth = {"authorization": f"Bearer {key}"}
    requests = []
    for client in range(clients):
        pairs = []
        for deployment in range(DEPLOYMENTS_EACH):
            path = f"/v1/deployments/c{client}-d{deployment}/activation"
            body = {"license": f"l{client % LICENSES}", "reason": "load"}
            pairs.append(request("PUT", path, auth, body))
            pairs.append(request("DELETE", path, auth | {"hotslot-reason": "load"}))
        requests.append(pairs)
    return Plan(port=port, clients=requests, seconds=pace.seconds, warmup=pace.warmup, stop_after=2)


def issue_licenses(port: int, count: int = LICENSES) -> None:
    """Issue the licenses that the load uses, `l0` and so on."""
    with Connection(port, hotslot_headers()) as connection:
        for number in range(count):
            license_ = {"id": f"l{number}", "product": "scanner", "customer": "acme", "slots": 64}
            connection.call("POST", "/v1/licenses", license_)


def fill_licenses(database_url: str, count: int = LICENSES) -> None:
    """Write the same licenses into the tables of the CRUD service."""
    with psycopg.connect(database_url) as connection:
        connection.execute(FILL_LICENSES, (count,))


def alternate(
    plans: Mapping[str, Plan],
    rounds: int,
    after: Mapping[str, Callable[[], object]] = MappingProxyType({}),
) -> dict[str, list[Load]]:
    """Measure the plans by turns, each round beginning with another one.

    `after` is called when a plan's turn ends, to wait for what it has left running.
    """
    names = list(plans)
    loads: dict[str, list[Load]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            loads[name].append(measure(plans[name]))
            if name in after:
                after[name]()
    return loads


def per_second(loads: list[Load]) -> float:
    """Return the median of the rounds' rates."""
    return statistics.median(load.per_second for load in loads)


def ratio_of_rounds(ours: list[Load], theirs: list[Load]) -> float:
    """Return the median of the ratios that the rounds show, each to the one beside it."""
    return statistics.median(
        our.per_second / their.per_second for our, their in zip(ours, theirs, strict=True)
    )


def run(pace: Pace, bench: Bench, console: Console) -> tuple[list[Row], dict[str, Any]]:
    """Measure commands at each number of clients."""
    crud_url = bench.database("crud", schema_of(SQL))
    fill_licenses(crud_url)
    hotslot_url = bench.database("commands")
    rows: list[Row] = []
    details: dict[str, Any] = {}
    with (
        bench.peer("crud", crud_url) as crud_port,
        bench.peer("nothing", crud_url) as nothing_port,
        bench.hotslot(hotslot_url) as hotslot_port,
    ):
        issue_licenses(hotslot_port)
        for clients in CLIENTS:
            loads = alternate(
                {
                    "hotslot": plan(hotslot_port, ADMIN_KEY, clients, pace),
                    "crud": plan(crud_port, crud.KEY, clients, pace),
                    "nothing": plan(nothing_port, crud.KEY, clients, pace),
                },
                pace.rounds,
                {"hotslot": lambda: wait_for_projections(hotslot_url)},
            )
            details[f"{clients} clients"] = loads
            rows += _rows(clients, loads)
            console.print(f"  {clients} clients: {_line(loads)}", highlight=False)
    return rows, details


def _rows(clients: int, loads: dict[str, list[Load]]) -> list[Row]:
    ours = loads["hotslot"]
    return [
        row(
            f"commands, {clients} client{'s' if clients > 1 else ''}",
            per_second(ours),
            "/s",
            against=against,
            peer=per_second(loads[name]),
            ratio=ratio_of_rounds(ours, loads[name]),
            target=None if wanted is None else Target("≥", wanted, "ratio"),
        )
        for name, against, wanted in (
            ("crud", "plain CRUD", AGAINST_CRUD[clients]),
            ("nothing", "doing nothing", AGAINST_NOTHING[clients]),
        )
    ]


def _line(loads: dict[str, list[Load]]) -> str:
    return ", ".join(f"{name} {per_second(each):,.0f}/s" for name, each in loads.items())
