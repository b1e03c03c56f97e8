"""The calls that deployment scripts know: `GET /activation` and `GET /deactivation`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from tests.api.calls import Caller, done, problem

Unique = Callable[[str], str]
JSON = {"Accept": "application/json"}


class Bought(NamedTuple):
    """A license of one slot, its activation key, and a deployment that knows it."""

    license: str
    key: str
    deployment: str


@pytest.fixture
def bought(api: Caller, unique: Unique) -> Bought:
    issued = done(api.issue(slots=1), 201)
    return Bought(issued["id"], issued["activation_key"], unique("d"))


def ask(api: Caller, call: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
    """As a script does it: without an API key."""
    with httpx.Client(base_url=api.http.base_url, trust_env=False, timeout=30) as http:
        return http.get(call, params=query, headers=headers)


def activate(
    api: Caller, bought: Bought, headers: dict[str, str] | None = None, **query: Any
) -> Any:
    asked = {"key": bought.key, "deployment": bought.deployment, "quantity": 1, **query}
    return ask(api, "/activation", headers, **asked)


def failed(response: httpx.Response) -> str:
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.text.startswith("error: '")
    assert response.text.endswith("'\n")
    return response.text.removeprefix("error: '").removesuffix("'\n")


def test_it_activates_and_gives_the_file_of_the_deployment(api: Caller, bought: Bought):
    answer = activate(api, bought)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/yaml")
    file = yaml.safe_load(answer.text)
    assert (file["license"], file["deployment"]) == (bought.license, bought.deployment)
    shown = api.deployment(bought.deployment)
    assert (shown["role"], shown["mode"], shown["license"]) == ("active", "online", bought.license)
    kinds = [entry["type"] for entry in api.trail(license=bought.license)]
    assert kinds[-1] == "license.file-issued"
    assert "license.deployment-activated" in kinds
    actors = {entry["actor"]["kind"] for entry in api.trail(deployment=bought.deployment)}
    assert actors == {"activation-key"}


def test_once_more_is_quiet_and_gives_the_same(api: Caller, bought: Bought):
    first = activate(api, bought, {"Idempotency-Key": "k"})
    head = api.head()
    assert activate(api, bought, {"Idempotency-Key": "k"}).content == first.content
    assert activate(api, bought).content == first.content
    assert api.head() == head


def test_it_deactivates(api: Caller, bought: Bought):
    activate(api, bought)
    answer = ask(api, "/deactivation", key=bought.key, deployment=bought.deployment)
    assert (answer.status_code, answer.text) == (200, f"{bought.deployment} is deactivated.\n")
    assert api.deployment(bought.deployment)["role"] == "unlicensed"
    told = failed(ask(api, "/deactivation", key=bought.key, deployment=bought.deployment))
    assert "nothing to deactivate" in told


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ({"key": "no-such.key"}, "activation key fits no license"),
        ({"key": ""}, "activation key is missing"),
        ({"deployment": "not valid!"}, "deployment ID is not valid"),
        ({"deployment": ""}, "deployment ID is not valid"),
        ({"quantity": "many"}, "quantity is no number"),
        ({"quantity": "-1"}, "quantity is no number"),
        ({"quantity": "9" * 5000}, "quantity is no number"),
    ],
)
def test_what_is_wrong_is_a_line_of_text(
    api: Caller, bought: Bought, query: dict[str, Any], detail: str
):
    head = api.head()
    assert detail in failed(activate(api, bought, **query))
    assert api.deployment(bought.deployment)["role"] == "unlicensed"
    assert api.head() == head


def test_a_refusal_is_one_too_and_is_recorded(api: Caller, bought: Bought, unique: Unique):
    activate(api, bought)
    other = bought._replace(deployment=unique("other"))
    assert "are taken" in failed(activate(api, other))
    assert api.trail(license=bought.license)[-1]["data"]["code"] == "no-free-slot"
    done(api.change(bought.license, "suspension"))
    assert "suspended" in failed(activate(api, other))


def test_another_license_s_deployment_is_not_deactivated(
    api: Caller, bought: Bought, unique: Unique
):
    other = api.issued(customer="acme")
    done(api.activate(bought.deployment, other))
    assert "no deployment" in failed(
        ask(api, "/deactivation", key=bought.key, deployment=bought.deployment)
    )
    assert api.deployment(bought.deployment)["role"] == "active"


def test_who_asks_for_json_gets_what_the_other_calls_answer(api: Caller, bought: Bought):
    problem(activate(api, bought, JSON, key="no-such.key"), 403, "unknown-activation-key")
    problem(activate(api, bought, JSON, quantity="x"), 422, "invalid-input")
    activate(api, bought)
    query = {"key": bought.key, "deployment": bought.deployment}
    assert done(ask(api, "/deactivation", JSON, **query))["role"] == "unlicensed"
    problem(ask(api, "/deactivation", JSON, **query), 409, "not-active")
