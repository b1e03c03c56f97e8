"""Bytes that no well-meaning client sends, to every route: a clear 4xx, and nothing recorded."""

import asyncio
import json

import pytest

from tests.api.raw import COMMANDS, FILE_OF_X, PUBLIC, ROUTES, TAKES_FILE, Target, chunked, request
from tests.races.wire import connect, connected
from tests.serving import ADMIN_KEY

MAX_BODY = 64 * 1024
MAX_BODY_WITH_FILE = 7 * MAX_BODY
DEEP = 30_000
BODIES = {
    "nothing but an opening": b"{",
    "half": b'{"slots": 1',
    "two": b"{}{}",
    "a word": b"slots",
    "single quotes": b"{'slots': 1}",
    "a comma too many": b'{"slots": 1,}',
    "a comment": b'{"slots": 1} // one',
    "not a number": b'{"slots": NaN, "expires_at": Infinity}',
    "a number beyond floats": b'{"slots": 1e999, "expires_at": -1e999}',
    "a number of 5000 digits": b'{"slots": ' + b"9" * 5000 + b"}",
    "a fraction": b'{"slots": 1.0000000000000000000001}',
    "a raw NUL": b'{"license": "a\x00b"}',
    "half a character": b'{"license": "\\ud800", "id": "\\udfff", "reason": "\\ud800"}',
    "half a character as a name": b'{"\\ud800": 1}',
    "bytes that are no UTF-8": b'{"license": "\xff\xfe"}',
    "a mark in front": b"\xef\xbb\xbf{}x",
    "arrays in arrays": b"[" * DEEP + b"]" * DEEP,
    "objects in objects": b'{"license":' * 5000 + b"1" + b"}" * 5000,
    "a deep value": b'{"reason": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "an array": b"[]",
    "true": b"true",
    "a text": b'"x"',
    "wrong types": b'{"reason": [], "license": {}, "replaces": 1, "slots": "1", "role": null}',
    "the same name twice": b'{"reason": 1, "reason": 2}',
    "unknown names": b'{"__proto__": 1, "": 2, "slots ": 3}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_none(target: Target, body: bytes):
    takes_a_body = [(m, p) for m, p in COMMANDS if m != "DELETE"]
    target.refuses(*(request(m, p, body=body) for m, p in takes_a_body), statuses={422})


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_where_none_is_taken(target: Target, body: bytes):
    others = [(m, p) for m, p in ROUTES if (m, p) not in COMMANDS or m == "DELETE"]
    for (method, path), answer in zip(
        others, target.send(*(request(m, p, body=body) for m, p in others)), strict=True
    ):
        assert answer.status < 500 or path.endswith(("/active", "/backup")), (method, path, answer)


@pytest.mark.parametrize(
    "media_type",
    [
        b"text/plain",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data",
        b"x",
        b"\xff",
        b"",
    ],
)
def test_a_body_of_another_kind(target: Target, media_type: bytes):
    target.refuses(
        *(
            request(m, p, body=b'{"license": "x"}', media_type=media_type)
            for m, p in COMMANDS
            if m != "DELETE"
        ),
        statuses={415, 422},
    )


def test_a_body_that_is_too_large(target: Target):
    large = b'{"reason": "' + b"x" * MAX_BODY + b'"}'
    others = [route for route in ROUTES if route not in TAKES_FILE]
    target.refuses(*(request(m, p, body=large) for m, p in others), statuses={413})
    # Which is for a license file, and for nothing else.
    target.refuses(*(request(m, p, body=large) for m, p in TAKES_FILE), statuses={422})
    larger = b'{"license_file": "' + b"x" * MAX_BODY_WITH_FILE + b'"}'
    target.refuses(*(request(m, p, body=larger) for m, p in TAKES_FILE), statuses={413})


def test_a_body_that_is_too_large_in_pieces(target: Target):
    # GET requests pass: what nobody reads is not counted.
    reading = [(m, p) for m, p in COMMANDS if m != "DELETE"]
    for m, p in reading:
        size = MAX_BODY_WITH_FILE if (m, p) in TAKES_FILE else MAX_BODY
        pieces = [b'{"reason": "', *[b"x" * 1000] * (size // 1000), b'"}', b" " * 1000]
        target.refuses(chunked(m, p, *pieces), statuses={413})


def test_a_body_in_pieces_that_is_none(target: Target):
    pieces = [b"{", b'"', b"\xff", b'": 1}']
    reading = [(m, p) for m, p in COMMANDS if m != "DELETE"]
    target.refuses(*(chunked(m, p, *pieces) for m, p in reading), statuses={422})


HEADERS = {
    "an empty Idempotency-Key": b"Idempotency-Key: ",
    "an Idempotency-Key of 256 characters": b"Idempotency-Key: " + b"k" * 256,
    "an Idempotency-Key beyond ASCII": b"Idempotency-Key: \xff\xfe",
    "an If-Match without quotes": b"If-Match: 12-valid",
    "an If-Match of commas": b"If-Match: ,,,",
    "an If-Match beyond ASCII": b"If-Match: \xff",
    "a long reason": b"Hotslot-Reason: " + b"x" * 1001,
    "a reason with a NUL": b"Hotslot-Reason: a%00b",
    "a reason with a line feed": b"Hotslot-Reason: a%0Ab",
    "a reason with a C1 control": b"Hotslot-Reason: a\x85b",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_that_is_none(target: Target, header: bytes):
    bodies = {
        "/v1/licenses": b'{"product": "p", "customer": "c", "slots": 1}',
        "/v1/keys": b'{"role": "auditor"}',
        "/v1/licenses/x/renewal": b'{"expires_at": null}',
        "/v1/licenses/x/resize": b'{"slots": 1}',
        "/v1/licenses/x/lease-duration": b'{"seconds": 1}',
        "/v1/deployments/x/activation": b'{"license": "x"}',
        "/v1/deployments/x/backup": b'{"license": "x"}',
    }
    target.refuses(
        *(
            request(m, p, header, body=bodies.get(p, b"") if m != "DELETE" else b"")
            for m, p in COMMANDS
            # A lease is no command: nothing of it is recorded or repeated.
            if not p.endswith("/lease")
        ),
        statuses={422},
    )


CREDENTIALS = {
    "nothing": b"Authorization:",
    "a bare word": b"Authorization: Bearer",
    "another scheme": b"Authorization: Basic eDp5",
    "bytes": b"Authorization: Bearer \xff\xfe",
    "a long one": b"Authorization: Bearer " + b"k" * 10_000,
    "another's": b"Authorization: Bearer hsk.admin.guessed",
}


@pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=CREDENTIALS)
def test_a_credential_that_is_none(target: Target, credential: bytes):
    secured = [(m, p) for m, p in ROUTES if p.startswith("/v1/") and (m, p) not in PUBLIC]
    target.refuses(
        *(
            request(m, p, body=b"").replace(
                b"Authorization: Bearer " + ADMIN_KEY.encode(), credential
            )
            for m, p in secured
        ),
        statuses={401, 422},
    )


@pytest.mark.parametrize(
    "key", [b"", b".", b"x.y", b"\xff.\xfe", b"%00.x", b"x" * 5000, b"a.b.c.d", b"' OR 1=1 --.x"]
)
def test_an_activation_key_that_is_none(target: Target, key: bytes):
    on_deployments = [(m, p) for m, p in ROUTES if p.startswith("/v1/deployments/")]
    requests = [
        request(m, p).replace(
            b"Authorization: Bearer " + ADMIN_KEY.encode(), b"Activation-Key: " + key
        )
        for m, p in on_deployments
    ]
    target.refuses(*requests, statuses={401, 403})


QUERIES = [
    "%00", "a%00b", "%ff%fe", "%ed%a0%80", "'%3B--", "%F0%9F%94%A5", "x" * 5000, "-1", "1e3",
    "9" * 400, "9" * 4301, "9" * 18, "active.2147483647", "backup." + "9" * 18, "0x10",
    "%D9%A3", "NaN", "null", "", "2026-01-01", "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00%2B23:59", "2026-13-01T00:00:00Z", "9223372036854775808",
]  # fmt: skip
TEXTS = {"/v1/log/checkpoint", "/v1/log/key"}
PARAMETERS = [
    "limit", "cursor", "as_of", "min_position", "customer", "status", "role", "license",
    "deployment", "actor", "type", "outcome", "since", "until",
]  # fmt: skip


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_query_of_anything_is_answered(target: Target, parameter: str):
    # A license file is made for any deployment that could be: that is a command.
    reads = [p for m, p in ROUTES if m == "GET" and p.startswith("/v1/") and p != FILE_OF_X]
    before = target.recorded()
    asked = [f"{path}?{parameter}={value}" for path in reads for value in QUERIES]
    for start in range(0, len(asked), 50):
        some = asked[start : start + 50]
        answers = target.send(*(request("GET", path) for path in some))
        for path, answer in zip(some, answers, strict=True):
            is_probe = path.partition("?")[0].endswith(("/active", "/backup"))
            assert answer.status in {200, 404, 422, *([503] if is_probe else [])}, (path, answer)
            if path.partition("?")[0] not in TEXTS:
                json.loads(answer.raw)
    assert target.recorded() == before


CURSORS = [
    "0", "9" * 18, "9" * 19, "9" * 4301, "2147483648", "9223372036854775807",
    *(
        f"{role}.{seat}"
        for role in ("active", "backup")
        for seat in ("0", "2147483646", "2147483647", "2147483648", "9" * 18, "9" * 4301)
    ),
]  # fmt: skip


@pytest.mark.parametrize("as_of", ["", "&as_of=3"], ids=["now", "then"])
@pytest.mark.parametrize("role", ["", "&role=active", "&role=backup"])
def test_a_cursor_of_any_number_is_answered(target: Target, role: str, as_of: str):
    lists = ["licenses/x/deployments", "licenses/x/tenures", "licenses", "audit", "keys"]
    asked = [f"/v1/{path}?cursor={cursor}{role}{as_of}" for path in lists for cursor in CURSORS]
    for start in range(0, len(asked), 50):
        some = asked[start : start + 50]
        for path, answer in zip(
            some, target.send(*(request("GET", path) for path in some)), strict=True
        ):
            assert answer.status in {200, 422}, (path, answer)


def test_a_path_of_anything_is_answered(target: Target):
    names = [
        "%00",
        "%ff",
        "..",
        "%2e%2e",
        "%2F",
        "a%0Ab",
        "%C3%A9",
        "x" * 3000,
        "a%20b",
    ]
    requests = [
        request(method, path.replace("/x", f"/{name}"))
        for method, path in ROUTES
        if "/x" in path
        for name in names
    ]
    for start in range(0, len(requests), 50):
        target.refuses(*requests[start : start + 50], statuses={404, 405, 422})


def test_what_is_no_http_is_no_fault_of_the_server(target: Target):
    before = target.recorded()
    for nonsense in (
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/licenses HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/licenses HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST /v1/licenses HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /v1/licenses HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    ):
        (answer,) = target.send(nonsense)
        assert 400 <= answer.status < 500, (nonsense, answer)
    (answer,) = target.send(request("GET", "/livez"))
    assert answer.status == 200
    assert target.recorded() == before


def test_half_a_request_holds_nobody_up(target: Target):
    async def scenario() -> None:
        half = [await connect(target.url) for _ in range(50)]
        for connection in half:
            connection.begin(request("POST", "/v1/licenses", body=b'{"product"')[:-5])
        async with connected(target.url) as (connection,):
            assert (await connection.send(request("GET", "/livez"))).status == 200
        for connection in half:
            await connection.close()

    asyncio.run(scenario())
