"""Keys are shown once: they are in no table, no log and no error."""

import base64
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from psycopg import sql

from tests.api.calls import Caller, done, problem
from tests.api.conftest import Watched
from tests.api.sites import now
from tests.serving import ADMIN_KEY

TABLES = """
SELECT table_schema, table_name FROM information_schema.tables
 WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
"""


@pytest.fixture(scope="module")
def secrets(watched: Watched) -> Iterator[set[str]]:
    """Every secret of a day at work, wherever it was shown."""
    with watched.caller().http as http:
        yield set(_a_day_at_work(watched, Caller(http)))


def _a_day_at_work(watched: Watched, api: Caller) -> Iterator[str]:
    yield ADMIN_KEY
    once = {"Idempotency-Key": "secret-idempotency-key"}
    issued = done(api.issue(once, slots=2), 201)
    lic, activation_key = issued["id"], issued["activation_key"]
    yield activation_key
    assert done(api.issue(once, slots=2), 201) == issued
    made = done(api.key("operator", {"Idempotency-Key": "for-a-key"}), 201)
    yield made["key"]
    for role in ("admin", "auditor"):
        yield done(api.key(role), 201)["key"]
    done(api.activate("a", activation_key=activation_key, headers={"Idempotency-Key": "taking"}))
    api.activate("a", activation_key=f"{activation_key}x")
    api.register("a", activation_key=activation_key)
    problem(api.activate("b", activation_key=activation_key, nonsense=1), 422, "invalid-input")
    problem(api.activate("b", lic, activation_key=activation_key), 422, "invalid-input")
    problem(api.activate("b", activation_key=activation_key * 9), 422, "invalid-input")
    with watched.server.client(None, **{"activation-key": activation_key}) as http:
        Caller(http).activate("b")
        Caller(http).activate("a")
        http.get("/v1/keys")
    with watched.server.client(made["key"]) as http:
        Caller(http).nominate("a")
        Caller(http).issue()
        api.http.delete(f"/v1/keys/{made['id']}")
        http.get("/v1/licenses")
    yield from _a_day_with_license_files(watched, api, lic)
    with watched.server.client("a-wrong-key-that-someone-tried") as http:
        problem(http.get("/v1/licenses"), 401, "unauthenticated")
    yield "a-wrong-key-that-someone-tried"


def _a_day_with_license_files(watched: Watched, api: Caller, lic: str) -> Iterator[str]:
    """Made, presented, forged, and met by a key that is spoilt: the private keys stay unseen."""
    watched.keys.generate(now())
    for path in watched.keys.path.iterdir():
        yield path.read_text().splitlines()[1]
        key = load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        seed = key.private_bytes_raw()
        yield from (seed.hex(), base64.b64encode(seed).decode())
    file = api.file(lic, headers={"Idempotency-Key": "for-a-file"}).text
    api.file(lic, headers={"Idempotency-Key": "for-a-file"})
    api.file("unknown")
    api.register("e", license_file=file)
    problem(api.register("f", license_file=file[:-90]), 422, "license-file-unreadable")
    api.register("f", license_file=file.replace("scanner", "scammer"))
    spoilt = watched.keys.path / "a.pem"
    spoilt.write_text(path.read_text()[:80])
    spoilt.chmod(0o600)
    problem(api.file(lic), 503, "license-file-keys-unreadable")
    spoilt.unlink()


def _rows(dsn: str) -> Iterator[tuple[str, str]]:
    with psycopg.connect(dsn) as connection:
        for schema, table in connection.execute(TABLES).fetchall():
            whole = sql.SQL("SELECT t::text FROM {}.{} AS t").format(
                sql.Identifier(schema), sql.Identifier(table)
            )
            for (row,) in connection.execute(whole):
                yield f"{schema}.{table}", row


def found(secrets: set[str], text: str) -> list[str]:
    """The secrets in a text: whole, or the random part behind the id that they begin with."""
    return [each for each in secrets if each in text or each.rpartition(".")[2] in text]


def test_no_table_has_a_secret(watched: Watched, secrets: set[str]):
    rows = list(_rows(watched.dsn))
    tables = {table for table, _ in rows}
    assert {"ledger.events", "ledger.idempotency", "slots.tenures", "trail.entries"} <= tables
    assert [(table, row) for table, row in rows if found(secrets, row)] == []


def test_no_log_line_has_a_secret(watched: Watched, secrets: set[str]):
    log = watched.log.read_text()
    assert log
    assert found(secrets, log) == []
    assert "secret-idempotency-key" not in log


def test_no_answer_has_a_secret_but_the_first(watched: Watched, secrets: set[str]):
    with watched.caller().http as http:
        api = Caller(http)
        shown: list[Any] = [api.trail(), *(http.get(path).text for path in _LISTS)]
    assert found(secrets, str(shown)) == []


_LISTS = [
    "/v1/licenses",
    "/v1/keys",
    "/v1/signing-keys",
    "/.well-known/jwks.json",
    "/metrics",
    "/readyz",
    "/openapi.json",
]


def test_a_problem_does_not_repeat_the_key_that_was_sent(watched: Watched, secrets: set[str]):
    with watched.caller().http as http:
        api = Caller(http)
        for secret in secrets:
            answers = [
                api.activate("c", activation_key=secret),
                api.activate("c", activation_key=secret, extra=1),
                api.activate("c", activation_key=[secret]),
                http.put("/v1/deployments/c/activation", content=f'{{"activation_key": "{secret}'),
                http.get("/v1/licenses", headers={"Authorization": f"Bearer {secret}x"}),
                http.get("/v1/licenses", headers={"Authorization": secret}),
            ]
            for answer in answers:
                assert answer.status_code >= 400
                assert found({secret}, answer.text) == []


def test_what_is_stored_of_a_request_is_enough_to_trace_it(watched: Watched):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with watched.caller().http as http:
        headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "X-Request-Id": "traced"}
        done(Caller(http).issue(headers, reason="order 7"), 201)
    stored = [row for table, row in _rows(watched.dsn) if table == "ledger.events"]
    (traced,) = [row for row in stored if trace in row]
    for part in ("traced", "order 7", "127.0.0.1", "license.issued"):
        assert part in traced
