"""Who may make which call: every route with every kind of credential."""

from collections.abc import Callable
from typing import NamedTuple

import httpx
import pytest

from tests.api.calls import Caller, done, problem

ADMIN, OPERATOR, AUDITOR = "admin", "operator", "auditor"
NODE, OTHER_NODE, ACTIVATION_KEY = "node", "node of another", "activation key"
EVERYONE = {ADMIN, OPERATOR, AUDITOR, NODE, OTHER_NODE, ACTIVATION_KEY}


class Stage(NamedTuple):
    """A license with two slots: `a` holds one, `b` is a backup, `d` is the one that is acted on."""

    license: str
    activation_key: str
    a: str
    d: str
    key: str


Call = Callable[[Caller, Stage], httpx.Response]


class Route(NamedTuple):
    """A call, who may make it, and in which role `d` is before."""

    may: set[str]
    call: Call
    role: str = "unlicensed"
    status: int = 200


READ_LICENSE = {ADMIN, OPERATOR, AUDITOR, ACTIVATION_KEY}
ACT = {ADMIN, OPERATOR, NODE, ACTIVATION_KEY}
READ_DEPLOYMENT = {ADMIN, OPERATOR, AUDITOR, NODE, ACTIVATION_KEY}

ROUTES: dict[str, Route] = {
    "POST /v1/licenses": Route({ADMIN}, lambda c, s: c.issue(), status=201),
    "GET /v1/licenses": Route(READ_LICENSE, lambda c, s: c.http.get("/v1/licenses")),
    "GET /v1/licenses/{id}": Route(
        READ_LICENSE, lambda c, s: c.http.get(f"/v1/licenses/{s.license}")
    ),
    "POST /v1/licenses/{id}/renewal": Route(
        {ADMIN}, lambda c, s: c.change(s.license, "renewal", expires_at="2999-01-01T00:00:00Z")
    ),
    "POST /v1/licenses/{id}/resize": Route(
        {ADMIN}, lambda c, s: c.change(s.license, "resize", slots=5)
    ),
    "POST /v1/licenses/{id}/suspension": Route(
        {ADMIN}, lambda c, s: c.change(s.license, "suspension")
    ),
    "POST /v1/licenses/{id}/reinstatement": Route(
        {ADMIN}, lambda c, s: c.change(s.license, "reinstatement")
    ),
    "POST /v1/licenses/{id}/revocation": Route(
        {ADMIN}, lambda c, s: c.change(s.license, "revocation")
    ),
    "POST /v1/licenses/{id}/lease-duration": Route(
        {ADMIN}, lambda c, s: c.change(s.license, "lease-duration", seconds=5)
    ),
    "GET /v1/licenses/{id}/deployments": Route(
        READ_LICENSE, lambda c, s: c.http.get(f"/v1/licenses/{s.license}/deployments")
    ),
    "GET /v1/licenses/{id}/file": Route(ACT, lambda c, s: c.file(s.license, s.d)),
    "GET /v1/licenses/{id}/tenures": Route(
        READ_LICENSE, lambda c, s: c.http.get(f"/v1/licenses/{s.license}/tenures")
    ),
    "GET /v1/licenses/{id}/diff": Route(
        READ_LICENSE,
        lambda c, s: c.http.get(
            f"/v1/licenses/{s.license}/diff", params={"from": "2026-01-01T00:00:00Z"}
        ),
    ),
    "PUT /v1/deployments/{deployment}/activation": Route(
        ACT, lambda c, s: c.activate(s.d, s.license)
    ),
    "DELETE /v1/deployments/{deployment}/activation": Route(
        ACT, lambda c, s: c.deactivate(s.d), "active"
    ),
    "PUT /v1/deployments/{deployment}/backup": Route(ACT, lambda c, s: c.register(s.d, s.license)),
    "DELETE /v1/deployments/{deployment}/backup": Route(
        ACT, lambda c, s: c.unregister(s.d), "backup"
    ),
    "POST /v1/deployments/{deployment}/nomination": Route(
        ACT, lambda c, s: c.nominate(s.d), "backup"
    ),
    "POST /v1/deployments/{deployment}/lease": Route(ACT, lambda c, s: c.lease(s.d), "active"),
    "GET /v1/deployments/{deployment}": Route(
        READ_DEPLOYMENT, lambda c, s: c.http.get(f"/v1/deployments/{s.d}"), "backup"
    ),
    "GET /v1/deployments/{deployment}/active": Route(
        READ_DEPLOYMENT, lambda c, s: c.http.get(f"/v1/deployments/{s.d}/active"), "active"
    ),
    "GET /v1/deployments/{deployment}/backup": Route(
        READ_DEPLOYMENT, lambda c, s: c.http.get(f"/v1/deployments/{s.d}/backup"), "backup"
    ),
    "GET /v1/audit": Route(
        {ADMIN, OPERATOR, AUDITOR}, lambda c, s: c.http.get("/v1/audit", params={"limit": 1})
    ),
    "GET /v1/audit/procedures": Route(
        {ADMIN, OPERATOR, AUDITOR}, lambda c, s: c.http.get("/v1/audit/procedures")
    ),
    "GET /v1/audit/proof/{index}": Route(
        {ADMIN, OPERATOR, AUDITOR}, lambda c, s: c.http.get("/v1/audit/proof/0")
    ),
    "GET /v1/audit/consistency": Route(
        {ADMIN, OPERATOR, AUDITOR},
        lambda c, s: c.http.get("/v1/audit/consistency", params={"from": 1, "to": 1}),
    ),
    "GET /v1/log/tile/{level}/{tile}": Route(
        {ADMIN, OPERATOR, AUDITOR}, lambda c, s: c.http.get("/v1/log/tile/0/000.p/1")
    ),
    "GET /v1/log/tile/entries/{tile}": Route(
        {ADMIN, OPERATOR, AUDITOR}, lambda c, s: c.http.get("/v1/log/tile/entries/000.p/1")
    ),
    "GET /v1/audit/replay": Route(
        {ADMIN, OPERATOR, AUDITOR}, lambda c, s: c.http.get("/v1/audit/replay", params={"limit": 1})
    ),
    "GET /v1/failovers": Route(
        {ADMIN, OPERATOR, AUDITOR}, lambda c, s: c.http.get("/v1/failovers")
    ),
    "POST /v1/keys": Route({ADMIN}, lambda c, s: c.key("auditor"), status=201),
    "GET /v1/keys": Route({ADMIN, AUDITOR}, lambda c, s: c.http.get("/v1/keys")),
    "DELETE /v1/keys/{id}": Route({ADMIN}, lambda c, s: c.http.delete(f"/v1/keys/{s.key}")),
}
OPEN = {
    "GET /livez": 200,
    "GET /readyz": 200,
    "GET /metrics": 200,
    "GET /docs": 200,
    "GET /openapi.json": 200,
    "GET /v1/signing-keys": 200,
    "GET /v1/log/checkpoint": 200,
    "GET /v1/log/key": 200,
    # The key is in the URL; what they refuse is told with 200.
    "GET /activation": 200,
    "GET /deactivation": 200,
    "GET /.well-known/jwks.json": 200,
}

EVERY_ROUTE = pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)


@pytest.fixture(scope="module")
def stage_of(api: Caller) -> Callable[[str, str], Stage]:
    """Sets the stage for one deployment in a role."""

    def stage(d: str, role: str) -> Stage:
        issued = done(api.issue(slots=2), 201)
        lic, a = issued["id"], f"a@{issued['id']}"
        if role == "active":
            done(api.activate(d, lic))
        else:
            done(api.activate(a, lic))
        if role == "backup":
            done(api.register(d, lic))
        key = done(api.key("auditor"), 201)["id"]
        return Stage(lic, issued["activation_key"], a, d, key)

    return stage


@pytest.fixture(scope="module")
def node() -> str:
    """The deployment that the node key is for: one after the other, the tests act on it."""
    return "the-node-of-roles"


@pytest.fixture(scope="module")
def callers(key_of: Callable[..., Caller], node: str) -> dict[str, Caller]:
    return {
        ADMIN: key_of("admin"),
        OPERATOR: key_of("operator"),
        AUDITOR: key_of("auditor"),
        NODE: key_of("node", deployment=node),
        OTHER_NODE: key_of("node", deployment="another-node"),
    }


@pytest.fixture
def released(api: Caller, node: str) -> None:
    """The node is a fresh installation again."""
    role = api.deployment(node)["role"]
    if role == "active":
        done(api.deactivate(node))
    elif role == "backup":
        done(api.unregister(node))


@EVERY_ROUTE
@pytest.mark.parametrize("who", sorted(EVERYONE))
def test_each_credential_does_what_its_role_allows_and_nothing_else(
    api: Caller,
    callers: dict[str, Caller],
    stage_of: Callable[[str, str], Stage],
    under_activation_key: Callable[[str], Caller],
    node: str,
    released: None,
    route: Route,
    who: str,
):
    stage = stage_of(node, route.role)
    caller = under_activation_key(stage.activation_key) if who == ACTIVATION_KEY else callers[who]
    before = api.head()
    answer = route.call(caller, stage)
    if who in route.may:
        assert answer.status_code == route.status, answer.text
    else:
        told = problem(answer, 403, "forbidden")
        assert told["detail"]
        assert api.head() == before


STRANGERS: dict[str, dict[str, str | bytes]] = {
    "no credential": {},
    "unknown key": {"Authorization": "Bearer nonsense"},
    "no key": {"Authorization": "Bearer"},
    "another scheme": {"Authorization": "Basic YWRtaW46YWRtaW4="},
    "no ASCII": {"Authorization": b"Bearer sch\xf6n"},
}


@pytest.fixture(scope="module")
def strangers(caller_with: Callable[..., Caller]) -> dict[str, Caller]:
    return {name: caller_with(**headers) for name, headers in STRANGERS.items()}


@EVERY_ROUTE
@pytest.mark.parametrize("who", STRANGERS)
def test_without_a_known_key_nothing_is_told_and_nothing_recorded(
    api: Caller, strangers: dict[str, Caller], route: Route, who: str
):
    before = api.head()
    answer = route.call(strangers[who], Stage("lic", "", "a", "d", "key"))
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert api.head() == before


@EVERY_ROUTE
def test_an_unknown_activation_key_is_refused(
    api: Caller, under_activation_key: Callable[[str], Caller], route: Route
):
    before, license_id = api.head(), "never-issued"
    caller = under_activation_key(f"{license_id}.nonsense")
    answer = route.call(caller, Stage(license_id, "", "a", "d", "key"))
    problem(answer, 403, "unknown-activation-key")
    assert api.head() == before


@pytest.mark.parametrize("route", OPEN)
def test_what_is_for_everyone_needs_no_key(nobody: Caller, route: str):
    method, path = route.split()
    assert nobody.http.request(method, path).status_code == OPEN[route]


def test_every_route_is_in_the_matrix(api: Caller):
    document = api.http.get("/openapi.json").json()
    documented = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert documented == set(ROUTES) | set(OPEN) - {"GET /docs", "GET /openapi.json"}


@pytest.mark.parametrize(
    ("route", "roles"),
    [
        ("POST /v1/licenses", "admin"),
        ("GET /v1/audit", "admin or operator or auditor"),
        ("GET /v1/keys", "admin or auditor"),
        ("PUT /v1/deployments/{deployment}/activation", "admin or operator or node"),
    ],
)
def test_who_may_not_is_told_which_roles_may(
    api: Caller, callers: dict[str, Caller], node: str, route: str, roles: str
):
    who = next(who for who in (AUDITOR, NODE) if who not in ROUTES[route].may)
    answer = ROUTES[route].call(callers[who], Stage("lic", "", "a", node, "key"))
    assert f"an API key of role {roles}." in problem(answer, 403, "forbidden")["detail"]


def test_a_node_acts_for_its_deployment_only(
    api: Caller, callers: dict[str, Caller], node: str, released: None
):
    license_id = api.issued(slots=2)
    done(callers[NODE].activate(node, license_id))
    problem(callers[NODE].activate("another-node", license_id), 403, "forbidden")
    problem(callers[NODE].http.get("/v1/deployments/another-node"), 403, "forbidden")


@pytest.mark.parametrize("role", ["active", "backup"])
def test_a_node_reads_the_license_that_it_holds_a_role_on_and_no_other(
    callers: dict[str, Caller],
    stage_of: Callable[[str, str], Stage],
    node: str,
    released: None,
    role: str,
):
    stage = stage_of(node, role)
    assert callers[NODE].license(stage.license)["customer"] == "acme"
    for path in ("deployments", "tenures", "diff?from=0"):
        problem(callers[NODE].http.get(f"/v1/licenses/{stage.license}/{path}"), 403, "forbidden")
    for who in (NODE, OTHER_NODE):
        another = stage_of(f"{node}-{role}-{who[-1]}", "backup").license
        problem(callers[who].http.get(f"/v1/licenses/{another}"), 403, "forbidden")
    problem(callers[OTHER_NODE].http.get(f"/v1/licenses/{stage.license}"), 403, "forbidden")


def test_an_activation_key_names_its_license_by_itself(
    api: Caller, under_activation_key: Callable[[str], Caller], unique: Callable[[str], str]
):
    issued, d = done(api.issue(), 201), unique("d")
    caller = under_activation_key(issued["activation_key"])
    shown = done(caller.http.put(f"/v1/deployments/{d}/activation"))
    assert (shown["role"], shown["license"]) == ("active", issued["id"])
    entry = api.trail(license=issued["id"])[-1]
    assert entry["actor"] == {"kind": "activation-key", "id": issued["id"]}


def test_an_activation_key_in_the_body_names_the_license(
    api: Caller, key_of: Callable[..., Caller], unique: Callable[[str], str]
):
    issued, d = done(api.issue(), 201), unique("d")
    shown = done(key_of("operator").register(d, activation_key=issued["activation_key"]))
    assert shown["license"] == issued["id"]
    assert api.trail(license=issued["id"])[-1]["actor"]["kind"] == "key"
