"""Answers of the API, in the shapes of its contract."""

from typing import Any

SINCE = "2026-03-01T10:00:00.123456Z"


def license_(id_: str = "lic-1", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "product": "scanner",
        "customer": "acme",
        "status": "valid",
        "expires_at": None,
        "term": 1,
        "slots": {"total": 2, "used": 1, "free": 1},
        "active": [{"deployment": "core-a", "mode": "online", "since": SINCE, "position": 2}],
        "backups": [
            {
                "deployment": "core-b",
                "mode": "online",
                "since": SINCE,
                "position": 3,
                "standby_for": "core-a",
            }
        ],
        "backup_count": 1,
        "position": 3,
        "as_of": None,
    } | changes


def deployment(id_: str = "core-b", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "role": "backup",
        "license": "lic-1",
        "mode": "online",
        "standby_for": "core-a",
        "since": SINCE,
        "term": 1,
        "position": 3,
        "as_of": None,
        "capabilities": {"process": False, "engines.download": True, "administer": True},
    } | changes


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "index": 0,
        "position": 4,
        "at": SINCE,
        "type": "license.backup-nominated",
        "license": "lic-1",
        "deployment": "core-b",
        "actor": {"kind": "key", "id": "ops"},
        "request_id": "r-1",
        "reason": "power lost",
        "outcome": "done",
        "data": {},
        "stream": "license:lic-1",
        "stream_version": 4,
    } | changes


def procedure(**changes: Any) -> dict[str, Any]:
    steps = (
        ("license.deployment-deactivated", "core-a"),
        ("license.backup-unregistered", "core-b"),
        ("license.deployment-activated", "core-b"),
    )
    return {
        "kind": "offline-failover",
        "license": "lic-1",
        "former": "core-a",
        "deployment": "core-b",
        "reason": "drill",
        "trace_id": None,
        "began_at": SINCE,
        "ended_at": SINCE,
        "entries": [
            entry(position=number, type=type_, deployment=about, reason="drill")
            for number, (type_, about) in enumerate(steps, start=10)
        ],
    } | changes


def tenure(**changes: Any) -> dict[str, Any]:
    return {
        "license": "lic-1",
        "deployment": "core-b",
        "role": "backup",
        "mode": "online",
        "standby_for": "core-a",
        "term": 1,
        "from": {"position": 3, "at": SINCE, "type": "license.backup-registered"},
        "to": {"position": 4, "at": SINCE, "type": "license.backup-nominated"},
    } | changes


def step(**changes: Any) -> dict[str, Any]:
    return {
        "entry": entry(),
        "after": {
            "license": "lic-1",
            "status": "valid",
            "expires_at": None,
            "term": 2,
            "slots": {"total": 2, "used": 1, "free": 1},
            "active": ["core-b"],
            "backup_count": 0,
        },
    } | changes


def difference(**changes: Any) -> dict[str, Any]:
    active = {
        "role": "active",
        "mode": "online",
        "since": SINCE,
        "position": 2,
        "standby_for": None,
    }
    backup = {**active, "role": "backup", "position": 3, "standby_for": "core-a"}
    return {
        "license": "lic-1",
        "from": 3,
        "to": 9,
        "before": license_(as_of=3),
        "after": license_(as_of=9, term=2),
        "changes": [{"field": "term", "before": 1, "after": 2}],
        "deployments": [
            {"deployment": "core-a", "before": active, "after": None},
            {"deployment": "core-b", "before": backup, "after": {**active, "position": 4}},
        ],
        "entries": 3,
        "more_entries": False,
        "next": None,
    } | changes


REFUSAL = {
    "type": "about:blank",
    "title": "A backup cannot be activated directly",
    "status": 409,
    "detail": "core-b is registered as a hot backup on license lic-1.",
    "code": "backup-cannot-activate",
    "request_id": "r-7",
    "remedies": [
        {"action": "nominate", "description": "Nominate core-b: POST /v1/..."},
        {"action": "unregister-and-activate", "description": "Unregister core-b, then ..."},
    ],
}
