"""`hotslot failovers`: what it asks, and what it shows."""

from typing import Any

from tests.cli.stub import Stub
from tests.command_line import Hotslot


def failover(**fields: Any) -> dict[str, Any]:
    return {
        "position": 40,
        "license": "lic-1",
        "nominated": "core-b",
        "former": "core-a",
        "term": 2,
        "asked_at": "2026-03-01T10:00:00.000000Z",
        "recorded_at": "2026-03-01T10:00:00.010000Z",
        "serving_at": "2026-03-01T10:00:01.500000Z",
        "silent_at": "2026-03-01T10:00:01.250000Z",
        "silent_by": "stood-down",
        "overlap_seconds": 0.0,
        "wait_for_release": True,
        "reason": "drill",
        "actor": {"kind": "key", "id": "operator-1"},
        "refusals": [
            {
                "at": "2026-03-01T09:59:00.000000Z",
                "command": "activate",
                "deployment": "core-b",
                "code": "backup-cannot-activate",
                "detail": "core-b is registered as a hot backup on license lic-1.",
            }
        ],
        **fields,
    }


def test_it_shows_how_long_each_took_and_its_story(hotslot: Hotslot, stub: Stub) -> None:
    unknown = failover(
        former="core-x",
        serving_at=None,
        silent_at=None,
        silent_by=None,
        overlap_seconds=None,
        refusals=[],
    )
    stub.answer("GET", "/v1/failovers", {"failovers": [failover(), unknown], "next": None})
    out = hotslot("failovers", "--license", "lic-1", "--since", "2026-03-01").out
    assert stub.asked[-1].query["license"] == "lic-1"
    assert stub.asked[-1].query["since"].startswith("2026-03-01T00:00:00")
    row, other = (line for line in out.splitlines() if line.startswith("40"))
    assert row.split()[-6:] == ["1.500", "s", "1.250", "s", "0.000", "s"]
    assert other.split()[-3:] == ["-", "-", "-"]
    assert "core-a -> core-b at position 40" in out
    assert 'waited for the end of core-a; it stood down; reason "drill"; by key operator-1' in out
    assert "before, at 2026-03-01 09:59:00.000: core-b is registered as a hot backup" in out


def test_without_any_it_says_so(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/failovers", {"failovers": [], "next": None})
    assert "No backup was ever nominated." in hotslot("failovers").out
