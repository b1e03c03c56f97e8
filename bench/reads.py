"""GET of a license and of a deployment, against an endpoint that selects one row by its key.

Every license has one active deployment and two hot backups. Nothing is written meanwhile.
"""

from typing import Any

from rich.console import Console

from bench.client import Connection
from bench.commands import (
    CLIENTS,
    LICENSES,
    SQL,
    Pace,
    alternate,
    fill_licenses,
    hotslot_headers,
    issue_licenses,
    per_second,
    ratio_of_rounds,
)
from bench.lag import wait_for_projections
from bench.load import Plan, request
from bench.report import Row, Target, row
from bench.services import Bench, schema_of

TARGET = 0.8


def run(pace: Pace, bench: Bench, console: Console) -> tuple[list[Row], dict[str, Any]]:
    """Measure reads at each number of clients."""
    rows_url = bench.database("rows", schema_of(SQL))
    fill_licenses(rows_url)
    hotslot_url = bench.database("reads")
    rows: list[Row] = []
    details: dict[str, Any] = {}
    with bench.peer("nothing", rows_url) as peer_port, bench.hotslot(hotslot_url) as hotslot_port:
        _fill(hotslot_port)
        wait_for_projections(hotslot_url)
        for clients in CLIENTS:
            loads = alternate(
                {
                    "license": _plan(hotslot_port, "/v1/licenses/l{}", clients, pace),
                    "row": _plan(peer_port, "/rows/l{}", clients, pace),
                    "deployment": _plan(hotslot_port, "/v1/deployments/d{}-0", clients, pace),
                },
                pace.rounds,
            )
            details[f"{clients} clients"] = loads
            rows += [
                row(
                    f"GET {what}, {clients} client{'s' if clients > 1 else ''}",
                    per_second(loads[what]),
                    "/s",
                    against="select of one row",
                    peer=per_second(loads["row"]),
                    ratio=ratio_of_rounds(loads[what], loads["row"]),
                    target=Target("≥", TARGET, "ratio"),
                )
                for what in ("license", "deployment")
            ]
            rates = ", ".join(f"{name} {per_second(each):,.0f}/s" for name, each in loads.items())
            console.print(f"  {clients} clients: {rates}", highlight=False)
    return rows, details


def _plan(port: int, path: str, clients: int, pace: Pace) -> Plan:
    """Return the load of so many clients, each going through all the licenses."""
    headers = hotslot_headers()
    all_reads = [request("GET", path.format(number), headers) for number in range(LICENSES)]
    each = [all_reads[first:] + all_reads[:first] for first in range(min(clients, LICENSES))]
    return Plan(port=port, clients=each, seconds=pace.seconds, warmup=pace.warmup)


def _fill(port: int) -> None:
    issue_licenses(port)
    with Connection(port, hotslot_headers()) as connection:
        for number in range(LICENSES):
            body = {"license": f"l{number}"}
            connection.call("PUT", f"/v1/deployments/d{number}-0/activation", body)
            connection.call("PUT", f"/v1/deployments/d{number}-1/backup", body)
            connection.call("PUT", f"/v1/deployments/d{number}-2/backup", body)
