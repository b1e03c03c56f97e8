"""Leases renewed a second, against a plain endpoint that signs the same token and upserts one row.

The peer knows no roles: it signs what it is asked for. Hotslot decides each lease by the ledger,
and nothing can be appended while it does. The design load is 100,000 deployments that renew every
60 s.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.client import Connection
from bench.commands import (
    CLIENTS,
    LICENSES,
    Pace,
    alternate,
    hotslot_headers,
    issue_licenses,
    per_second,
    ratio_of_rounds,
)
from bench.load import Plan, request
from bench.peers import leases as peer
from bench.report import Row, Target, row
from bench.services import ADMIN_KEY, Bench, schema_of
from hotslot.licensefiles import KeyFolder

DEPLOYMENTS_EACH = 16
AGAINST_PEER = {1: None, 16: None, 64: 1.5}
DESIGN_LOAD = 100_000 / 60
SQL = Path(peer.__file__).with_suffix(".sql")


def run(pace: Pace, bench: Bench, console: Console) -> tuple[list[Row], dict[str, Any]]:
    """Measure renewals at each number of clients."""
    keys = bench.folder / "signing-keys"
    KeyFolder(keys).generate(datetime.now(UTC))
    peer_url = bench.database("lease_peer", schema_of(SQL))
    hotslot_url = bench.database("leases")
    rows: list[Row] = []
    details: dict[str, Any] = {}
    with (
        bench.peer("leases", peer_url, str(keys)) as peer_port,
        bench.hotslot(hotslot_url, HOTSLOT_SIGNING_KEYS=str(keys)) as hotslot_port,
    ):
        _fill(hotslot_port)
        for clients in CLIENTS:
            loads = alternate(
                {
                    "hotslot": _plan(hotslot_port, ADMIN_KEY, clients, pace),
                    "peer": _plan(peer_port, peer.KEY, clients, pace),
                },
                pace.rounds,
            )
            details[f"{clients} clients"] = loads
            rows += _rows(clients, loads)
            rates = ", ".join(f"{name} {per_second(each):,.0f}/s" for name, each in loads.items())
            console.print(f"  {clients} clients: {rates}", highlight=False)
    return rows, details


def _rows(clients: int, loads: dict[str, Any]) -> list[Row]:
    ours, theirs = loads["hotslot"], loads["peer"]
    wanted = AGAINST_PEER[clients]
    rows = [
        row(
            f"leases, {clients} client{'s' if clients > 1 else ''}",
            per_second(ours),
            "/s",
            against="sign and upsert",
            peer=per_second(theirs),
            ratio=ratio_of_rounds(ours, theirs),
            target=None if wanted is None else Target("≥", wanted, "ratio"),
        )
    ]
    if clients == max(CLIENTS):
        target = Target("≥", round(DESIGN_LOAD), "hotslot", "/s")
        rows.append(
            row("leases of 100,000 that renew every 60 s", per_second(ours), "/s", target=target)
        )
    return rows


def _plan(port: int, key: str, clients: int, pace: Pace) -> Plan:
    """Return the load of so many clients, each renewing the leases of its own deployments."""
    auth = {"authorization": f"Bearer {key}"}
    requests = [
        [
            request("POST", f"/v1/deployments/{name}/lease", auth, {"processing": True})
            for name in _deployments(client)
        ]
        for client in range(clients)
    ]
    return Plan(port=port, clients=requests, seconds=pace.seconds, warmup=pace.warmup)


def _deployments(client: int) -> list[str]:
    return [f"c{client}-d{number}" for number in range(DEPLOYMENTS_EACH)]


def _fill(port: int) -> None:
    issue_licenses(port)
    with Connection(port, hotslot_headers()) as connection:
        for client in range(max(CLIENTS)):
            for name in _deployments(client):
                body = {"license": f"l{client % LICENSES}"}
                connection.call("PUT", f"/v1/deployments/{name}/activation", body)
                connection.call("POST", f"/v1/deployments/{name}/lease", {"processing": True})
