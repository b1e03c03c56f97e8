"""The shapes of the answers, to the letter, and the differences of an answer from its shape.

In a shape, a dict has exactly these keys, a list any number of that, a tuple one of those, and a
pattern matches the whole text.
"""

import re
from typing import Any

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
ROLE = re.compile("active|backup")
MODE = re.compile("online|offline")

LICENSE: dict[str, Any] = {
    "id": str,
    "product": str,
    "customer": str,
    "status": re.compile("valid|expired|suspended|revoked"),
    "expires_at": (None, TIME),
    "term": int,
    "slots": {"total": int, "used": int, "free": int},
    "active": [{"deployment": str, "mode": MODE, "since": TIME, "position": int}],
    "backups": [
        {
            "deployment": str,
            "mode": MODE,
            "since": TIME,
            "position": int,
            "standby_for": (None, str),
        }
    ],
    "backup_count": int,
    "position": int,
    "as_of": (None, int),
}
ISSUED = {**LICENSE, "activation_key": str}
LICENSES = {"licenses": [LICENSE], "next": (None, str), "as_of": (None, int)}
CAPABILITIES = {
    "process": bool,
    "engines.download": bool,
    "engines.upload": bool,
    "engines.deploy": bool,
    "settings.modify": bool,
    "settings.import": bool,
    "administer": bool,
}
DEPLOYMENT = {
    "id": str,
    "role": re.compile("active|backup|unlicensed"),
    "license": (None, str),
    "mode": (None, MODE),
    "standby_for": (None, str),
    "since": (None, TIME),
    "term": (None, int),
    "position": (None, int),
    "capabilities": CAPABILITIES,
    "as_of": (None, int),
}
NOMINATION = {
    "deployment": DEPLOYMENT,
    "replaced": (None, DEPLOYMENT),
    "license": LICENSE,
    "position": int,
    "dry_run": bool,
}
HOLDERS = {
    "deployments": [
        {
            "deployment": str,
            "role": ROLE,
            "mode": MODE,
            "since": TIME,
            "position": int,
            "standby_for": (None, str),
        }
    ],
    "next": (None, str),
    "as_of": (None, int),
}
_MOMENT = {"position": int, "at": TIME, "type": re.compile(r"license\.[a-z-]+")}
TENURES = {
    "tenures": [
        {
            "license": str,
            "deployment": str,
            "role": ROLE,
            "mode": MODE,
            "standby_for": (None, str),
            "term": int,
            "from": _MOMENT,
            "to": (None, _MOMENT),
        }
    ],
    "next": (None, str),
    "as_of": (None, int),
}
KEY = {
    "id": str,
    "role": re.compile("admin|operator|auditor|node"),
    "customer": (None, str),
    "deployment": (None, str),
    "created_at": TIME,
    "revoked_at": (None, TIME),
}
CREATED_KEY = {**KEY, "key": str}
KEYS = {"keys": [KEY], "next": (None, str), "as_of": (None, int)}
SIGNING_KEYS = {
    "keys": [
        {
            "id": str,
            "algorithm": "ed25519",
            "created_at": (None, TIME),
            "status": re.compile("signing|verifying|revoked"),
            "public_key": re.compile(r"-----BEGIN PUBLIC KEY-----\n.+\n-----END PUBLIC KEY-----\n"),
        }
    ]
}
WEB_KEYS = {
    "keys": [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": re.compile("[A-Za-z0-9_-]{43}"),
            "kid": re.compile("[A-Za-z0-9_-]{43}"),
            "use": "sig",
            "alg": "EdDSA",
        }
    ]
}
ENTRY = {
    "index": int,
    "position": int,
    "at": TIME,
    "type": re.compile(r"[a-z]+\.[a-z-]+"),
    "license": (None, str),
    "deployment": (None, str),
    "actor": {"kind": re.compile("key|activation-key|system"), "id": str},
    "request_id": str,
    "reason": (None, str),
    "outcome": re.compile("done|refused"),
    "data": dict,
    "stream": str,
    "stream_version": int,
}
ENTRIES = {"entries": [ENTRY], "next": (None, str), "as_of": (None, int)}
LICENSE_AFTER = {
    "license": str,
    "status": LICENSE["status"],
    "expires_at": (None, TIME),
    "term": int,
    "slots": LICENSE["slots"],
    "active": [str],
    "backup_count": int,
}
REPLAY = {
    "steps": [{"entry": ENTRY, "after": (None, LICENSE_AFTER)}],
    "next": (None, str),
    "from": int,
    "to": int,
}
_ROLE_HELD = {
    "role": ROLE,
    "mode": MODE,
    "since": TIME,
    "position": int,
    "standby_for": (None, str),
}
DIFFERENCE = {
    "license": str,
    "from": int,
    "to": int,
    "before": (None, LICENSE),
    "after": LICENSE,
    "changes": [{"field": str, "before": (None, int, str), "after": (None, int, str)}],
    "deployments": [{"deployment": str, "before": (None, _ROLE_HELD), "after": (None, _ROLE_HELD)}],
    "entries": int,
    "more_entries": bool,
    "next": (None, str),
}
PROBLEM = {
    "type": str,
    "title": str,
    "status": int,
    "detail": str,
    "code": re.compile("[a-z-]+"),
    "request_id": str,
}
REFUSAL = {**PROBLEM, "remedies": [{"action": str, "description": str}]}


def differences(value: Any, shape: Any, at: str = "$") -> list[str]:
    """Where a value is not as its shape says; empty if it is."""
    match shape:
        case dict():
            if not isinstance(value, dict) or value.keys() != shape.keys():
                return [f"{at} is {value!r}, wants the keys {list(shape)}"]
            return [
                d for name in shape for d in differences(value[name], shape[name], f"{at}.{name}")
            ]
        case list():
            if not isinstance(value, list):
                return [f"{at} is {value!r}, wants a list"]
            return [
                d for i, each in enumerate(value) for d in differences(each, shape[0], f"{at}[{i}]")
            ]
        case tuple():
            found = [differences(value, each, at) for each in shape]
            return [] if [] in found else found[-1]
        case re.Pattern():
            fits = isinstance(value, str) and shape.fullmatch(value) is not None
        case type():
            fits = type(value) is shape  # True is no number here
        case _:
            fits = value == shape
    return [] if fits else [f"{at} is {value!r}, wants {shape!r}"]
