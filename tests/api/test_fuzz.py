"""The API against its own OpenAPI document: whatever is sent, it answers as the document says."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from psycopg import Connection
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hotslot.api.app import create_app
from tests.api.sites import key_folder
from tests.serving import ADMIN_KEY, serving

Case = schemathesis.Case[Any]

CONFORMS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
HEADERS = {"Authorization": f"Bearer {ADMIN_KEY}"}
HEAD = "SELECT coalesce(max(position), 0) FROM ledger.events"

# What is turned down before any rule of the product looks at it. None of it may be recorded.
NOISE = {
    "body-too-large",
    "forbidden",
    "idempotency-key-reused",
    "invalid-input",
    "license-file-unreadable",
    "method-not-allowed",
    "not-found",
    "precondition-failed",
    "unauthenticated",
    "unsupported-media-type",
}
KNOWN = {
    "id": "known",
    "deployment": "known",
    "index": "0",
    "level": "0",
    "tile": "000.p/1",
}


class Fuzzed:
    """A server that nobody else writes to, its document, and what it answered."""

    def __init__(self, url: str, ledger: Connection[Any]) -> None:
        self.url = url
        self.answers: Counter[tuple[int, str | None]] = Counter()
        self._ledger = ledger

    def head(self) -> int:
        (position,) = self._ledger.execute(HEAD).fetchone() or (0,)
        return int(position)

    def try_out(self, case: Case, *also: Any) -> None:
        before = self.head()
        answer = case.call_and_validate(self.url, headers=HEADERS, checks=[*CONFORMS, *also])
        shown = answer.json() if answer.status_code >= 400 else {}
        # A probe says no by 503, and shows the deployment.
        is_probe = case.path.endswith(("/active", "/backup")) and case.method == "GET"
        assert answer.status_code < 500 or (is_probe and "role" in shown), shown
        code = shown.get("code")
        self.answers[answer.status_code, code] += 1
        if code in NOISE:
            assert self.head() == before


@pytest.fixture(scope="module")
def fuzzed(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fuzzed]:
    dsn = new_database()
    keys = str(key_folder(tmp_path_factory.mktemp("signing-keys")).path)
    with (
        serving(dsn, HOTSLOT_SIGNING_KEYS=keys) as server,
        server.client() as client,
        psycopg.connect(dsn, autocommit=True) as ledger,
    ):
        body = {"id": "known", "product": "p", "customer": "c", "slots": 3}
        assert client.post("/v1/licenses", json=body).status_code == 201
        yield Fuzzed(server.url, ledger)


# The document that a server shows, without a server: tests are made of it before there is one.
DOCUMENT = create_app("postgresql://").openapi()
CONFIG = {
    "checks": {"negative_data_rejection": {"expected-statuses": [401, 403, 404, 405, 412, 422]}}
}
schema = schemathesis.openapi.from_dict(DOCUMENT, config=SchemathesisConfig.from_dict(CONFIG))
LIGHT = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
HEAVY = settings(LIGHT, max_examples=300)


def test_a_server_shows_this_document(fuzzed: Fuzzed):
    assert httpx.get(f"{fuzzed.url}/openapi.json", trust_env=False).json() == DOCUMENT


def to_what_is_there(case: Case) -> Case:
    case.path_parameters = {name: KNOWN[name] for name in case.path_parameters}
    return case


@schema.parametrize()
@LIGHT
def test_whatever_is_sent(case: Case, fuzzed: Fuzzed):
    fuzzed.try_out(case, negative_data_rejection)


@schema.parametrize()
@LIGHT
def test_whatever_is_sent_to_what_is_there(case: Case, fuzzed: Fuzzed):
    fuzzed.try_out(to_what_is_there(case))


@pytest.mark.heavy
@schema.parametrize()
@HEAVY
def test_much_is_sent(case: Case, fuzzed: Fuzzed):
    fuzzed.try_out(case, negative_data_rejection)


@pytest.mark.heavy
@schema.parametrize()
@HEAVY
def test_much_is_sent_to_what_is_there(case: Case, fuzzed: Fuzzed):
    fuzzed.try_out(to_what_is_there(case))
