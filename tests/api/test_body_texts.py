"""Every text in every body is refused for a control character, whatever else it says."""

import json
import re
from collections.abc import Mapping

import pytest

from hotslot.api.app import create_app
from tests.api.raw import COMMANDS, Target, request

ISSUE = {
    "id": "y", "product": "p", "customer": "c", "slots": 1, "expires_at": "2999-01-01T00:00:00Z",
    "reason": "r",
}  # fmt: skip
KEY = {"id": "y", "role": "node", "customer": "c", "deployment": "d", "reason": "r"}
BY_ID = {"license": "y", "reason": "r"}
BY_KEY = {"activation_key": "y.secret"}
BY_FILE = {"license_file": "no file at all"}
NOMINATION = {"replaces": "z", "wait_for_release": True, "dry_run": True, "reason": "r"}
GOOD_BODIES: list[tuple[str, Mapping[str, object]]] = [
    ("POST /v1/licenses", ISSUE),
    ("POST /v1/licenses/y/renewal", {"expires_at": "2999-01-01T00:00:00Z", "reason": "r"}),
    ("POST /v1/licenses/y/resize", {"slots": 2, "reason": "r"}),
    ("POST /v1/licenses/y/suspension", {"reason": "r"}),
    ("POST /v1/licenses/y/reinstatement", {"reason": "r"}),
    ("POST /v1/licenses/y/revocation", {"reason": "r"}),
    ("PUT /v1/deployments/y/activation", BY_ID),
    ("PUT /v1/deployments/y/activation", BY_KEY),
    ("PUT /v1/deployments/y/activation", BY_FILE),
    ("PUT /v1/deployments/y/backup", {**BY_ID, "standby_for": "z"}),
    ("PUT /v1/deployments/y/backup", BY_KEY),
    ("PUT /v1/deployments/y/backup", BY_FILE),
    ("POST /v1/deployments/y/nomination", NOMINATION),
    ("POST /v1/deployments/y/lease", {"processing": True}),
    ("POST /v1/licenses/y/lease-duration", {"seconds": 5, "reason": "r"}),
    ("POST /v1/keys", KEY),
]
"""All fields of all bodies; what they ask for may be refused, but not for its form."""

TEXTS = [
    (route, body, field)
    for route, body in GOOD_BODIES
    for field, value in body.items()
    if isinstance(value, str)
]


def asking(route: str, body: Mapping[str, object]) -> bytes:
    method, path = route.split()
    return request(method, path, body=json.dumps(body).encode())


def test_the_good_bodies_are_good_and_have_every_field(target: Target):
    document = create_app("postgresql://").openapi()
    for method, path in COMMANDS:
        known = [
            body for route, body in GOOD_BODIES if route.replace("/y", "/x") == f"{method} {path}"
        ]
        (template,) = (p for p in document["paths"] if re.sub(r"\{\w+\}", "x", p) == path)
        taken = document["paths"][template][method.lower()].get("requestBody")
        if taken is None:
            assert known == []
            continue
        schema = taken["content"]["application/json"]["schema"]
        reference = schema.get("$ref") or schema["anyOf"][0]["$ref"]
        fields = document["components"]["schemas"][reference.rpartition("/")[2]]["properties"]
        assert {field for body in known for field in body} == set(fields), path
    for route, body in GOOD_BODIES:
        (answer,) = target.send(asking(route, body))
        assert answer.status in {200, 201, 401, 403, 404, 409} or (
            answer.code == "license-file-unreadable"
        ), (route, answer)


@pytest.mark.parametrize("control", ["\x00", "\x1f", "\x7f", "\x80", "\x85", "\x9f"], ids=ascii)
@pytest.mark.parametrize("begins", [False, True])
def test_a_body_that_is_good_but_for_a_control_character(
    target: Target, control: str, begins: bool
):
    for route, body, field in TEXTS:
        spoilt = f"{control}{body[field]}" if begins else f"{body[field]}{control}b"
        asked = asking(route, {**body, field: spoilt})
        target.refuses(asked, statuses={422})
        (answer,) = target.send(asked)
        assert field in answer.body["detail"], (route, field, answer)
