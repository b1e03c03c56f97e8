"""Answers of the API that only the client's tests need, in the shapes of its contract."""

from typing import Any

from tests.cli.answers import SINCE, deployment, license_

LEASE: dict[str, Any] = {
    "token": "aaa.bbb.ccc",
    "deployment": "core-b",
    "role": "active",
    "license": "lic-1",
    "rights": ["engines.download", "administer"],
    "term": 3,
    "position": 9,
    "issued_at": SINCE,
    "expires_at": "2026-03-01T10:01:00.123456Z",
    "waits_for": {"deployment": "core-a", "until": "2026-03-01T10:00:31Z"},
}
FAILOVER: dict[str, Any] = {
    "position": 9,
    "license": "lic-1",
    "nominated": "core-b",
    "former": "core-a",
    "term": 3,
    "asked_at": SINCE,
    "recorded_at": SINCE,
    "serving_at": SINCE,
    "silent_at": None,
    "silent_by": None,
    "overlap_seconds": None,
    "wait_for_release": False,
    "reason": "power lost",
    "actor": {"kind": "key", "id": "ops"},
    "refusals": [
        {
            "at": SINCE,
            "command": "activate",
            "deployment": "core-b",
            "code": "backup-cannot-activate",
            "detail": "core-b is a backup.",
        }
    ],
}
KEY_MADE: dict[str, Any] = {
    "id": "ops",
    "role": "operator",
    "customer": None,
    "deployment": None,
    "created_at": SINCE,
    "revoked_at": None,
    "key": "hsk.ops.secret",
}
NOMINATION: dict[str, Any] = {
    "deployment": deployment(role="active"),
    "replaced": deployment("core-a", role="unlicensed", license=None, since=None),
    "license": license_(),
    "position": 9,
    "dry_run": False,
}
HOLDER: dict[str, Any] = {
    "deployment": "core-b",
    "role": "backup",
    "mode": "online",
    "since": SINCE,
    "position": 3,
    "standby_for": None,
}
SIGNING_KEY: dict[str, Any] = {
    "id": "k1",
    "algorithm": "ed25519",
    "created_at": None,
    "status": "signing",
    "public_key": "-----BEGIN PUBLIC KEY-----",
}
INCLUSION: dict[str, Any] = {
    "index": 7,
    "leaf_hash": "A" * 43 + "=",
    "size": 9,
    "hashes": ["A" * 43 + "="],
    "checkpoint": "a\n9\n",
    "entry": "{}",
}
