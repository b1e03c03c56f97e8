"""What load balancers, orchestrators and Prometheus ask."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api import shapes
from tests.api.calls import Caller, done, problem
from tests.api.shapes import differences


class Probed:
    """A license whose one slot `a` holds, with the backup `b`."""

    def __init__(self, api: Caller, unique: Callable[[str], str]) -> None:
        self.api = api
        self.lic, self.a, self.b = api.issued(), unique("a"), unique("b")
        done(api.activate(self.a, self.lic))
        done(api.register(self.b, self.lic))

    def probe(self, deployment: str) -> tuple[int, int]:
        """What `/active` and `/backup` of the deployment answer."""
        answers = [
            self.api.http.get(f"/v1/deployments/{deployment}/{role}")
            for role in ("active", "backup")
        ]
        for answer in answers:
            assert differences(answer.json(), shapes.DEPLOYMENT) == []
            assert answer.headers["content-type"] == "application/json"
        return answers[0].status_code, answers[1].status_code


@pytest.fixture
def probed(api: Caller, unique: Callable[[str], str]) -> Probed:
    return Probed(api, unique)


def test_each_answers_for_its_role_only(probed: Probed, unique: Callable[[str], str]):
    assert probed.probe(probed.a) == (200, 503)
    assert probed.probe(probed.b) == (503, 200)
    assert probed.probe(unique("never-seen")) == (503, 503)


def test_a_nomination_moves_the_traffic(probed: Probed):
    done(probed.api.nominate(probed.b))
    assert probed.probe(probed.a) == (503, 503)
    assert probed.probe(probed.b) == (200, 503)


@pytest.mark.parametrize(
    ("kind", "body"),
    [("suspension", {}), ("revocation", {}), ("renewal", {"expires_at": "2020-01-01T00:00:00Z"})],
)
def test_without_a_valid_license_neither_is_ready(probed: Probed, kind: str, body: dict[str, Any]):
    done(probed.api.change(probed.lic, kind, **body))
    assert probed.probe(probed.a) == (503, 503)
    assert probed.probe(probed.b) == (503, 503)


def test_it_lives(nobody: Caller):
    assert done(nobody.http.get("/livez")) == {"status": "alive"}


def test_it_is_ready_and_says_how_far_it_is(api: Caller, nobody: Caller):
    api.issued()
    told = done(nobody.http.get("/readyz"))
    assert (
        differences(
            told, {"status": "ready", "ledger": int, "projections": {"slots": int, "trail": int}}
        )
        == []
    )
    assert 0 < told["projections"]["slots"] <= told["ledger"]


def metrics(caller: Caller) -> dict[str, float]:
    answer = caller.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = (line for line in answer.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_commands_are_counted_by_what_became_of_them(api: Caller, nobody: Caller, probed: Probed):
    def counted() -> list[float]:
        now = metrics(nobody)
        outcomes = ("done", "unchanged", "refused", "repeated")
        name = 'hotslot_commands_total{{command="activate",outcome="{}"}}'
        return [now.get(name.format(outcome), 0.0) for outcome in outcomes]

    before = counted()
    once = {"Idempotency-Key": probed.lic}
    done(api.deactivate(probed.a))
    api.activate(probed.a, probed.lic, once)
    api.activate(probed.a, probed.lic, once)
    api.activate(probed.a, probed.lic)
    api.activate(probed.b, probed.lic)
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 1, 1, 1]


def test_positions_are_metrics(api: Caller, nobody: Caller):
    head = int(api.issue().headers["hotslot-position"])
    done(api.http.get("/v1/audit?limit=1"))
    now = metrics(nobody)
    assert now["hotslot_ledger_position"] == head
    assert now['hotslot_projection_position{projection="trail"}'] == head
    assert 'hotslot_projection_position{projection="slots"}' in now


def test_requests_are_measured_by_route_and_never_by_path(api: Caller, nobody: Caller):
    lic = api.issued()
    api.license(lic)
    nobody.http.get(f"/no/such/path/{lic}")
    text = nobody.http.get("/metrics").text
    assert 'route="/v1/licenses/{id}"' in text
    assert lic not in text


def test_the_documentation_is_served(nobody: Caller):
    page = nobody.http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    document = done(nobody.http.get("/openapi.json"))
    assert document["info"]["title"] == "Hotslot"


def test_the_document_names_every_error_of_every_call(nobody: Caller):
    document = done(nobody.http.get("/openapi.json"))
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation.get("security"):
                problems = {
                    status
                    for status, response in operation["responses"].items()
                    if "application/problem+json" in response.get("content", {})
                }
                assert {"401", "403", "413", "422", "503"} <= problems, (method, path)
                if method != "get" and not path.endswith("/lease"):  # no command
                    assert {"404", "409", "412"} <= problems, (method, path)
                if "requestBody" in operation:
                    assert "415" in problems, (method, path)


def test_unknown_paths_are_no_metrics_of_their_own(nobody: Caller):
    for number in range(3):
        problem(nobody.http.get(f"/nothing-{number}"), 404, "not-found")
    assert 'route="unknown"' in nobody.http.get("/metrics").text
