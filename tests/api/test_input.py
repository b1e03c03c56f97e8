"""Bad input is a problem that says what is wrong, and never reaches the ledger."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.api.calls import Caller, done, problem

LIMIT = 64 * 1024
LIMIT_WITH_FILE = LIMIT + 6 * 64 * 1024
"""A license file, of which JSON may escape every character."""
JSON = {"Content-Type": "application/json"}

ISSUE = {"product": "scanner", "customer": "acme", "slots": 1}
BAD_ISSUES: dict[str, dict[str, Any]] = {
    "no product": {"customer": "acme", "slots": 1},
    "no customer": {"product": "scanner", "slots": 1},
    "no slots": {"product": "scanner", "customer": "acme"},
    "no slot": {**ISSUE, "slots": 0},
    "fewer than no slots": {**ISSUE, "slots": -1},
    "too many slots": {**ISSUE, "slots": 100_001},
    "half a slot": {**ISSUE, "slots": 1.5},
    "slots as text": {**ISSUE, "slots": "1"},
    "slots as truth": {**ISSUE, "slots": True},
    "slots as null": {**ISSUE, "slots": None},
    "an empty product": {**ISSUE, "product": ""},
    "a long product": {**ISSUE, "product": "x" * 201},
    "a customer with a line break": {**ISSUE, "customer": "a\nb"},
    "a customer with a zero byte": {**ISSUE, "customer": "a\x00b"},
    "a customer that is a number": {**ISSUE, "customer": 7},
    "half a surrogate pair": {**ISSUE, "customer": "\ud800"},
    "an id with a slash": {**ISSUE, "id": "a/b"},
    "an id with a space": {**ISSUE, "id": "a b"},
    "an id that ends a line": {**ISSUE, "id": "a\n"},
    "an id of another script": {**ISSUE, "id": "лицензия"},
    "an empty id": {**ISSUE, "id": ""},
    "a long id": {**ISSUE, "id": "x" * 129},
    "an id that begins with a dot": {**ISSUE, "id": ".a"},
    "a time without a zone": {**ISSUE, "expires_at": "2999-01-01T00:00:00"},
    "a day": {**ISSUE, "expires_at": "2999-01-01"},
    "no time": {**ISSUE, "expires_at": "tomorrow"},
    "a time beyond the calendar": {**ISSUE, "expires_at": "9999-12-31T23:59:59-12:00"},
    "a time as a number": {**ISSUE, "expires_at": 32503680000},
    "a time as a number in a text": {**ISSUE, "expires_at": "32503680000"},
    "a field that is not known": {**ISSUE, "colour": "red"},
    "a long reason": {**ISSUE, "reason": "x" * 1001},
    "a reason with a control character": {**ISSUE, "reason": "a\x1bb"},
}
NO_OBJECTS = [
    b"",
    b"null",
    b"[]",
    b"7",
    b'"text"',
    b"{",
    b'{"product":}',
    b"\xff\xfe",
    b"{'a': 1}",
    b"NaN",
    b"[" * 20_000,
]


@pytest.fixture
def nothing_recorded(api: Caller) -> Iterator[None]:
    """Whatever the test does, the ledger does not hear of it."""
    before = api.head()
    yield
    assert api.head() == before


@pytest.fixture(scope="module")
def lic(api: Caller) -> str:
    return api.issued(slots=2)


@pytest.mark.parametrize("body", BAD_ISSUES.values(), ids=BAD_ISSUES)
def test_a_license_that_is_none(api: Caller, nothing_recorded: None, body: dict[str, Any]):
    told = problem(
        api.http.post("/v1/licenses", content=json.dumps(body), headers=JSON), 422, "invalid-input"
    )
    assert told["detail"]


def test_the_detail_and_the_errors_name_the_field(api: Caller, nothing_recorded: None):
    answer = api.http.post("/v1/licenses", json={**ISSUE, "slots": 0, "customer": ""})
    errors = {each["field"]: each["message"] for each in answer.json()["errors"]}
    assert set(errors) == {"body.slots", "body.customer"}
    assert all(each in answer.json()["detail"] for each in [*errors, *errors.values()])


COMMANDS = [
    ("POST", "/v1/licenses"),
    ("POST", "/v1/licenses/{lic}/renewal"),
    ("POST", "/v1/licenses/{lic}/resize"),
    ("POST", "/v1/licenses/{lic}/suspension"),
    ("PUT", "/v1/deployments/d/activation"),
    ("PUT", "/v1/deployments/d/backup"),
    ("POST", "/v1/deployments/d/nomination"),
    ("POST", "/v1/keys"),
]
EVERY_BODY = pytest.mark.parametrize(("method", "path"), COMMANDS)


MAY_BE_LEFT_OUT = {"suspension", "activation", "backup", "nomination"}
"""Ends of the paths that do without a body, or with null for one."""


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        (method, path, content)
        for method, path in COMMANDS
        for content in NO_OBJECTS
        if content not in (b"", b"null") or path.rpartition("/")[2] not in MAY_BE_LEFT_OUT
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_body_that_is_no_object(
    api: Caller, lic: str, nothing_recorded: None, method: str, path: str, content: bytes
):
    answer = api.http.request(method, path.format(lic=lic), content=content, headers=JSON)
    problem(answer, 422, "invalid-input")


@EVERY_BODY
@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/x-yaml",
        "nonsense",
        "",
        None,
    ],
)
def test_a_body_that_is_not_json(
    api: Caller, lic: str, nothing_recorded: None, method: str, path: str, media_type: str | None
):
    headers = {} if media_type is None else {"Content-Type": media_type}
    body = json.dumps({**ISSUE, "license": lic})
    request = api.http.build_request(method, path.format(lic=lic), content=body, headers=headers)
    told = problem(api.http.send(request), 415, "unsupported-media-type")
    assert "application/json" in told["detail"]


@pytest.mark.parametrize(
    "media_type",
    ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"],
)
def test_json_by_other_names(api: Caller, media_type: str):
    headers = {"Content-Type": media_type}
    done(api.http.post("/v1/licenses", content=json.dumps(ISSUE), headers=headers), 201)


@EVERY_BODY
@pytest.mark.parametrize("sent", ["whole", "in pieces"])
def test_a_body_that_is_too_large(
    api: Caller, lic: str, nothing_recorded: None, method: str, path: str, sent: str
):
    limit = LIMIT_WITH_FILE if path.endswith(("/activation", "/backup")) else LIMIT
    content = json.dumps({**ISSUE, "reason": "x" * limit}).encode()
    pieces = (content[i : i + 8192] for i in range(0, len(content), 8192))
    answer = api.http.request(
        method,
        path.format(lic=lic),
        content=content if sent == "whole" else pieces,
        headers=JSON,
    )
    told = problem(answer, 413, "body-too-large")
    assert f" {limit} " in told["detail"]


def test_a_body_of_64_kib_is_read(api: Caller, nothing_recorded: None):
    padded = json.dumps({**ISSUE, "slots": 0}).encode().ljust(LIMIT)
    problem(api.http.post("/v1/licenses", content=padded, headers=JSON), 422, "invalid-input")


def test_one_byte_more_is_not(api: Caller, nothing_recorded: None):
    padded = json.dumps(ISSUE).encode().ljust(LIMIT + 1)
    problem(api.http.post("/v1/licenses", content=padded, headers=JSON), 413, "body-too-large")


BAD_ROLES: dict[str, dict[str, Any]] = {
    "no license": {},
    "license and key": {"license": "a", "activation_key": "b"},
    "license and file": {"license": "a", "license_file": "b"},
    "key and file": {"activation_key": "a", "license_file": "b"},
    "a file that is no text": {"license_file": ["a"]},
    "an empty key": {"activation_key": ""},
    "a long key": {"activation_key": "x" * 301},
    "a bad id": {"license": "a/b"},
    "a mode": {"license": "a", "mode": "offline"},
    "a number": {"license": 7},
}


@pytest.mark.parametrize("body", BAD_ROLES.values(), ids=BAD_ROLES)
@pytest.mark.parametrize("role", ["activation", "backup"])
def test_a_role_that_is_none(api: Caller, nothing_recorded: None, role: str, body: dict[str, Any]):
    problem(api.http.put(f"/v1/deployments/d/{role}", json=body), 422, "invalid-input")


BAD_REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("PUT", "/v1/deployments/d/backup", {"license": "a", "standby_for": "a b"}),
    ("PUT", "/v1/deployments/d/activation", {"license": "a", "standby_for": "b"}),
    ("POST", "/v1/deployments/d/nomination", {"replaces": ""}),
    ("POST", "/v1/deployments/d/nomination", {"replaces": "/"}),
    ("POST", "/v1/deployments/d/nomination", {"dry_run": "perhaps"}),
    ("POST", "/v1/licenses/a/renewal", {}),
    ("POST", "/v1/licenses/a/renewal", {"expires_at": "soon"}),
    ("POST", "/v1/licenses/a/resize", {}),
    ("POST", "/v1/licenses/a/resize", {"slots": 0}),
    ("POST", "/v1/licenses/a/suspension", {"until": "tomorrow"}),
    ("POST", "/v1/keys", {}),
    ("POST", "/v1/keys", {"role": "root"}),
    ("POST", "/v1/keys", {"role": "node"}),
    ("POST", "/v1/keys", {"role": "operator", "deployment": "d"}),
    ("POST", "/v1/keys", {"role": "auditor", "customer": ""}),
    ("POST", "/v1/keys", {"role": "auditor", "id": "a b"}),
]


@pytest.mark.parametrize(("method", "path", "body"), BAD_REQUESTS)
def test_a_request_that_makes_no_sense(
    api: Caller, nothing_recorded: None, method: str, path: str, body: dict[str, Any]
):
    problem(api.http.request(method, path, json=body), 422, "invalid-input")


BAD_IDS = ["%20", "a%20b", "a%0A", "%00", "a%2Fb", "-a", ".a", "x" * 129, "%D0%BB", "a;b", "a%25b"]


@pytest.mark.parametrize("bad", BAD_IDS)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/licenses/{bad}"),
        ("GET", "/v1/licenses/{bad}/tenures"),
        ("POST", "/v1/licenses/{bad}/suspension"),
        ("GET", "/v1/deployments/{bad}"),
        ("DELETE", "/v1/deployments/{bad}/activation"),
        ("POST", "/v1/deployments/{bad}/nomination"),
        ("DELETE", "/v1/keys/{bad}"),
    ],
)
def test_an_id_in_the_path_that_is_none(
    api: Caller, nothing_recorded: None, method: str, path: str, bad: str
):
    answer = api.http.request(method, path.format(bad=bad))
    # A slash, even encoded, makes another path of it, and there is nothing at that.
    expected = (404, "not-found") if "%2F" in bad else (422, "invalid-input")
    problem(answer, *expected)


@pytest.mark.parametrize("good", ["a", "A1", "a.b_c~d-e", "urn:uuid:0@host", "x" * 128, "1"])
def test_ids_that_are_some(api: Caller, good: str):
    assert api.deployment(good)["id"] == good
    assert api.deployment(good.replace(":", "%3A").replace("@", "%40"))["id"] == good


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/licences", "/v2/licenses", "/v1/licenses/a/b"])
def test_a_path_that_is_none(api: Caller, path: str):
    assert "/docs" in problem(api.http.get(path), 404, "not-found")["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/v1/audit", "GET"),
        ("DELETE", "/v1/licenses/a", "GET"),
        ("PUT", "/v1/keys", "POST"),
        ("POST", "/livez", "GET"),
        ("PUT", "/v1/deployments/d/nomination", "POST"),
    ],
)
def test_a_method_that_a_path_does_not_take(api: Caller, method: str, path: str, allowed: str):
    answer = api.http.request(method, path)
    problem(answer, 405, "method-not-allowed")
    assert allowed in answer.headers["allow"]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/licenses", {"status": "dead"}),
        ("/v1/licenses", {"customer": "x" * 201}),
        ("/v1/licenses", {"customer": "a\x00b"}),
        ("/v1/licenses/{lic}/deployments", {"role": "unlicensed"}),
        ("/v1/licenses/{lic}/deployments", {"role": ""}),
    ],
)
def test_a_filter_that_is_none(api: Caller, lic: str, path: str, asked: dict[str, str]):
    problem(api.http.get(path.format(lic=lic), params=asked), 422, "invalid-input")


def test_noise_without_a_key_never_reaches_the_ledger(
    nobody: Caller, lic: str, nothing_recorded: None, unique: Callable[[str], str]
):
    for method, path in COMMANDS:
        answer = nobody.http.request(method, path.format(lic=lic), json={"slots": 1, "role": "x"})
        assert answer.status_code in (401, 422)
    for path in ("activation", "backup"):
        problem(nobody.http.delete(f"/v1/deployments/{unique('d')}/{path}"), 401, "unauthenticated")


def test_half_a_request_is_no_fault_of_the_server(nobody: Caller, nothing_recorded: None):
    url = httpx.URL(nobody.http.base_url)
    with socket.create_connection((url.host, url.port or 80), timeout=10) as raw:
        raw.sendall(b"GET / HTTP/9.9\r\n\r\n")
        assert b" 400 " in raw.recv(4096).partition(b"\r\n")[0]


COMPLAINTS: list[tuple[dict[str, Any], str]] = [
    ({**ISSUE, "id": "a b"}, "body.id: must have 1 to 128 letters, digits and . _ ~ - : @, and "),
    ({**ISSUE, "customer": "a\nb"}, "body.customer: must not be empty or have control characters"),
    ({**ISSUE, "reason": "a\nb"}, "body.reason: must not have control characters"),
    ({**ISSUE, "colour": "red"}, "body.colour: is not a field of this call"),
    ({**ISSUE, "slots": 0}, "body.slots: input should be greater than or equal to 1"),
    ({**ISSUE, "expires_at": "soon"}, "body.expires_at: use an RFC 3339 time such as 2026-01-31"),
    ({"slots": 1, "product": "p"}, "body.customer: is missing"),
]


@pytest.mark.parametrize(("body", "told"), COMPLAINTS)
def test_a_person_is_told_what_is_wrong(
    api: Caller, nothing_recorded: None, body: dict[str, Any], told: str
):
    answer = api.http.post("/v1/licenses", json=body)
    assert problem(answer, 422, "invalid-input")["detail"].startswith(told)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[]", "body: must be a JSON object"),
        ('{"slots":', "body: is not valid JSON, at character 9: Expecting value"),
        ("", "body: is missing"),
    ],
)
def test_a_person_is_told_what_is_wrong_with_a_body(
    api: Caller, nothing_recorded: None, content: str, told: str
):
    answer = api.http.post("/v1/licenses", content=content, headers=JSON)
    assert problem(answer, 422, "invalid-input")["detail"] == told


@pytest.mark.parametrize("path", ["/v1/licenses", "/v1/keys", "/v1/audit", "/v1/failovers"])
def test_a_parameter_that_stands_twice_is_refused(api: Caller, path: str):
    problem(api.http.get(f"{path}?limit=1&limit=2"), 422, "invalid-input")
