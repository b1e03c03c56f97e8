"""What every method asks, and what it makes of the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from hotslot.client import (
    Deployment,
    Entry,
    Failover,
    Holder,
    InclusionProof,
    IssuedLicense,
    Key,
    Lease,
    License,
    Nomination,
    Procedure,
    Readiness,
    SigningKey,
    Step,
    Tenure,
    results,
)
from tests.cli.answers import deployment, difference, entry, license_, procedure, step, tenure
from tests.cli.stub import Stub
from tests.client.answers import (
    FAILOVER,
    HOLDER,
    INCLUSION,
    KEY_MADE,
    LEASE,
    NOMINATION,
    SIGNING_KEY,
)
from tests.client.conftest import KEY

AT = datetime(2026, 3, 1, 10, 0, 0, 123456, UTC)
NOON = datetime(2030, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))
ISSUED = license_() | {"activation_key": "lic-1.secret"}
ACT = {"reason": "why", "idempotency_key": "once-1"}
YAML = "application/yaml; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"


@dataclass
class Case:
    """A method, what it is to ask, and what it gives for an answer."""

    name: str
    asks: str
    answer: Any
    gives: type
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    media: str = "application/json"


WHY = {"reason": "why"}
BODY_COMMANDS = [
    Case(
        "licenses.issue",
        "POST /v1/licenses",
        ISSUED,
        IssuedLicense,
        kwargs={"product": "p", "customer": "c", "slots": 2, "id": "l", "expires_at": NOON},
        body={
            "id": "l",
            "product": "p",
            "customer": "c",
            "slots": 2,
            "expires_at": "2030-01-31T12:00:00+02:00",
        },
    ),
    Case(
        "licenses.renew",
        "POST /v1/licenses/l/renewal",
        license_(),
        License,
        ("l",),
        {"expires_at": None},
        {"expires_at": None},
    ),
    Case(
        "licenses.resize",
        "POST /v1/licenses/l/resize",
        license_(),
        License,
        ("l",),
        {"slots": 3},
        {"slots": 3},
    ),
    Case(
        "licenses.set_lease",
        "POST /v1/licenses/l/lease-duration",
        license_(),
        License,
        ("l",),
        {"seconds": 90},
        {"seconds": 90},
    ),
    Case("licenses.suspend", "POST /v1/licenses/l/suspension", license_(), License, ("l",)),
    Case("licenses.reinstate", "POST /v1/licenses/l/reinstatement", license_(), License, ("l",)),
    Case("licenses.revoke", "POST /v1/licenses/l/revocation", license_(), License, ("l",)),
    Case(
        "deployments.activate",
        "PUT /v1/deployments/d/activation",
        deployment("d"),
        Deployment,
        ("d",),
        {"license": "l"},
        {"license": "l"},
    ),
    Case(
        "deployments.register",
        "PUT /v1/deployments/d/backup",
        deployment("d"),
        Deployment,
        ("d",),
        {"license_file": "format: x", "standby_for": "a"},
        {"license_file": "format: x", "standby_for": "a"},
    ),
    Case(
        "deployments.nominate",
        "POST /v1/deployments/d/nomination",
        NOMINATION,
        Nomination,
        ("d",),
        {"replaces": "a", "dry_run": True, "wait_for_release": True},
        {"replaces": "a", "dry_run": True, "wait_for_release": True},
    ),
    Case(
        "keys.create",
        "POST /v1/keys",
        KEY_MADE,
        results.CreatedKey,
        kwargs={"role": "node", "deployment": "d", "customer": "c"},
        body={"role": "node", "deployment": "d", "customer": "c"},
    ),
]
BARE_COMMANDS = [
    Case(
        "deployments.deactivate",
        "DELETE /v1/deployments/d/activation",
        deployment("d"),
        Deployment,
        ("d",),
    ),
    Case(
        "deployments.unregister",
        "DELETE /v1/deployments/d/backup",
        deployment("d"),
        Deployment,
        ("d",),
    ),
    Case("keys.revoke", "DELETE /v1/keys/k", KEY_MADE, Key, ("k",)),
    Case(
        "licenses.file",
        "GET /v1/licenses/l/file",
        'customer: "Größe"\n',
        str,
        ("l",),
        media=YAML,
    ),
]
READS = [
    Case("licenses.get", "GET /v1/licenses/l", license_(), License, ("l",)),
    Case("deployments.get", "GET /v1/deployments/a:b@c", deployment(), Deployment, ("a:b@c",)),
    Case("ready", "GET /readyz", {"status": "ready", "ledger": 3, "projections": {}}, Readiness),
    Case("log.checkpoint", "GET /v1/log/checkpoint", "a\n1\n", str, media=PLAIN),
    Case("log.keys", "GET /v1/log/key", "a+1+b\nc+2+d\n", tuple, media=PLAIN),
    Case("log.proof", "GET /v1/audit/proof/7", INCLUSION, InclusionProof, (7,)),
    Case("jwks", "GET /.well-known/jwks.json", {"keys": [{"kty": "OKP"}]}, dict),
]
LISTS = [
    Case("licenses.list", "GET /v1/licenses", {"licenses": [license_()]}, License),
    Case(
        "licenses.deployments",
        "GET /v1/licenses/l/deployments",
        {"deployments": [HOLDER]},
        Holder,
        ("l",),
    ),
    Case("licenses.tenures", "GET /v1/licenses/l/tenures", {"tenures": [tenure()]}, Tenure, ("l",)),
    Case("keys.list", "GET /v1/keys", {"keys": [KEY_MADE]}, Key),
    Case("audit.entries", "GET /v1/audit", {"entries": [entry()]}, Entry),
    Case("audit.procedures", "GET /v1/audit/procedures", {"procedures": [procedure()]}, Procedure),
    Case("audit.replay", "GET /v1/audit/replay", {"steps": [step()]}, Step),
    Case("failovers", "GET /v1/failovers", {"failovers": [FAILOVER]}, Failover),
    Case("signing_keys", "GET /v1/signing-keys", {"keys": [SIGNING_KEY]}, SigningKey),
]


def named(case: Case) -> str:
    return case.name


def ask(hotslot: Any, stub: Stub, case: Case, **more: Any) -> Any:
    """Call the method, with an answer ready at the one address where it has to ask."""
    method, path = case.asks.split()
    stub.answer(method, path, case.answer, media=case.media)
    found = hotslot
    for part in case.name.split("."):
        found = getattr(found, part)
    return found(*case.args, **case.kwargs, **more)


@pytest.mark.parametrize("case", BODY_COMMANDS, ids=named)
def test_a_command_sends_its_body_with_the_reason_and_the_key(
    hotslot: Any, stub: Stub, case: Case
) -> None:
    given = ask(hotslot, stub, case, reason=" wh\ny ", idempotency_key="once-1")
    assert type(given) is case.gives
    (asked,) = stub.asked
    assert asked.body == {**(case.body or {}), "reason": "wh y"}
    assert asked.headers["idempotency-key"] == "once-1"
    assert asked.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("case", BARE_COMMANDS, ids=named)
def test_a_command_without_a_body_sends_the_reason_as_a_header(
    hotslot: Any, stub: Stub, case: Case
) -> None:
    given = ask(hotslot, stub, case, reason="für\nB", idempotency_key="once-1")
    assert type(given) is case.gives
    (asked,) = stub.asked
    assert asked.body is None
    assert asked.headers["hotslot-reason"] == "f%C3%BCr B"
    assert asked.headers["idempotency-key"] == "once-1"


@pytest.mark.parametrize("case", [*BODY_COMMANDS, *BARE_COMMANDS], ids=named)
def test_every_command_carries_an_idempotency_key_of_its_own(
    hotslot: Any, stub: Stub, case: Case
) -> None:
    for _ in range(2):
        ask(hotslot, stub, case)
    first, second = (asked.headers["idempotency-key"] for asked in stub.asked)
    assert len(first) > 20
    assert first != second
    for asked in stub.asked:
        assert "reason" not in (asked.body or {})
        assert "hotslot-reason" not in asked.headers


@pytest.mark.parametrize("case", READS, ids=named)
def test_a_read_gives_its_shape(hotslot: Any, stub: Stub, case: Case) -> None:
    assert type(ask(hotslot, stub, case)) is case.gives
    (asked,) = stub.asked
    assert asked.query == {}
    assert "idempotency-key" not in asked.headers


@pytest.mark.parametrize("case", LISTS, ids=named)
def test_a_list_gives_its_items(hotslot: Any, stub: Stub, case: Case) -> None:
    (item,) = ask(hotslot, stub, case)
    assert type(item) is case.gives


def test_results_have_their_types(hotslot: Any, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/l", license_("l", expires_at="2030-01-31T00:00:00Z"))
    found = hotslot.licenses.get("l")
    assert found.expires_at == datetime(2030, 1, 31, tzinfo=UTC)
    assert found.active[0].since == AT
    assert (found.slots.total, found.backups[0].standby_for) == (2, "core-a")


def test_a_deployment_may_what_its_capabilities_say_and_nothing_else(
    hotslot: Any, stub: Stub
) -> None:
    stub.answer("GET", "/v1/deployments/d", deployment("d"))
    found = hotslot.deployments.get("d")
    assert [found.may(right) for right in ("administer", "process", "fly")] == [True, False, False]
    assert found.lease is None


def test_a_deployment_that_took_a_lease_shows_when(hotslot: Any, stub: Stub) -> None:
    lease = {"seen_at": LEASE["issued_at"], "expires_at": LEASE["expires_at"], "stale": True}
    stub.answer("GET", "/v1/deployments/d", deployment("d", lease=lease))
    found = hotslot.deployments.get("d").lease
    assert (found.seen_at, found.stale) == (AT, True)


@pytest.mark.parametrize("said", [{"processing": True}, {"processing": False}, {}])
def test_a_lease_says_what_the_instance_does_and_is_no_command(
    hotslot: Any, stub: Stub, said: dict[str, bool]
) -> None:
    stub.answer("POST", "/v1/deployments/d/lease", LEASE)
    lease = hotslot.deployments.lease("d", **said)
    assert type(lease) is Lease
    assert lease.rights == {"engines.download", "administer"}
    assert lease.waits_for is not None
    assert lease.waits_for.deployment == "core-a"
    assert lease.waits_for.until == datetime(2026, 3, 1, 10, 0, 31, tzinfo=UTC)
    (asked,) = stub.asked
    assert asked.body == said
    assert "idempotency-key" not in asked.headers


def test_a_nomination_without_options_says_nothing_of_them(hotslot: Any, stub: Stub) -> None:
    stub.answer("POST", "/v1/deployments/d/nomination", NOMINATION)
    done = hotslot.deployments.nominate("d")
    assert (done.deployment.role, done.replaced.role, done.license.id) == (
        "active",
        "unlicensed",
        "lic-1",
    )
    assert stub.asked[0].body == {}


def test_a_read_is_asked_as_of_a_position_or_a_time(hotslot: Any, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/l", license_("l", as_of=7))
    stub.answer("GET", "/v1/deployments/d", deployment("d"))
    assert hotslot.licenses.get("l", as_of=7).as_of == 7
    hotslot.deployments.get("d", as_of=NOON)
    assert [asked.query["as_of"] for asked in stub.asked] == ["7", "2030-01-31T12:00:00+02:00"]


def test_lists_are_asked_as_of_a_position_or_a_time(hotslot: Any, stub: Stub) -> None:
    lists: dict[str, Callable[[Any], Any]] = {
        "licenses": lambda at: hotslot.licenses.list(as_of=at),
        "licenses/l/tenures": lambda at: hotslot.licenses.tenures("l", as_of=at),
        "licenses/l/deployments": lambda at: hotslot.licenses.deployments("l", as_of=at),
        "audit": lambda at: hotslot.audit.entries(as_of=at),
        "audit/procedures": lambda at: hotslot.audit.procedures(as_of=at),
        "failovers": lambda at: hotslot.failovers(as_of=at),
        "keys": lambda at: hotslot.keys.list(as_of=at),
    }
    names = {"tenures": "tenures", "deployments": "deployments", "audit": "entries"}
    for path, ask_of in lists.items():
        last = path.rpartition("/")[2]
        stub.answer("GET", f"/v1/{path}", {names.get(last, last): [], "next": None, "as_of": 7})
        assert [*ask_of(7), *ask_of(NOON)] == []
    said = [asked.query["as_of"] for asked in stub.asked]
    assert said == ["7", "2030-01-31T12:00:00+02:00"] * len(lists)


def test_a_difference(hotslot: Any, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/l/diff", difference(next="after.backup.7"))
    stub.answer("GET", "/v1/licenses/l/diff", difference(before=None, deployments=[]))
    found = hotslot.licenses.diff("l", from_=NOON)
    assert (found.from_, found.to, found.after.term, found.entries) == (3, 9, 2, 3)
    assert (found.changes[0].field, found.changes[0].after) == ("term", 2)
    released, taken = found.deployments
    assert (released.before.role, released.after, taken.after.role) == ("active", None, "active")
    rest = hotslot.licenses.diff("l", from_=found.from_, to=found.to, cursor=found.next)
    assert (rest.before, rest.next) == (None, None)
    assert [asked.query for asked in stub.asked] == [
        {"from": "2030-01-31T12:00:00+02:00", "limit": "1000"},
        {"from": "3", "to": "9", "limit": "1000", "cursor": "after.backup.7"},
    ]


def test_a_replay(hotslot: Any, stub: Stub) -> None:
    stub.answer("GET", "/v1/audit/replay", {"steps": [step(after=None)], "next": "5"})
    stub.answer("GET", "/v1/audit/replay", {"steps": [step()], "next": None})
    first, second = hotslot.audit.replay(license="l", from_=3, to=NOON)
    assert (first.after, second.after.active, second.entry.reason) == (
        None,
        ("core-b",),
        "power lost",
    )
    asked = {"license": "l", "from": "3", "to": "2030-01-31T12:00:00+02:00", "limit": "200"}
    assert [each.query for each in stub.asked] == [asked, {**asked, "cursor": "5"}]


def test_filters_are_sent(hotslot: Any, stub: Stub) -> None:
    for path, name in (
        ("licenses", "licenses"),
        ("audit", "entries"),
        ("failovers", "failovers"),
        ("licenses/l/deployments", "deployments"),
        ("audit/procedures", "procedures"),
    ):
        stub.answer("GET", f"/v1/{path}", {name: [], "next": None})
    filters = {"license": "l", "deployment": "d", "since": AT, "until": NOON}
    more = {"actor": "key:ops", "type": "license.issued", "outcome": "done"}
    assert list(hotslot.licenses.list(customer="c", status="valid")) == []
    assert list(hotslot.audit.entries(**filters, **more)) == []
    assert list(hotslot.failovers(**filters)) == []
    assert list(hotslot.licenses.deployments("l", role="backup", as_of=3)) == []
    assert list(hotslot.audit.procedures(license="l", deployment="d")) == []
    sent = {"license": "l", "deployment": "d"}
    times = {"since": AT.isoformat(), "until": NOON.isoformat()}
    queries = [asked.query for asked in stub.asked]
    assert {query.pop("limit") for query in queries} == {"200"}
    assert queries == [
        {"customer": "c", "status": "valid"},
        {**sent, **times, **more},
        {**sent, **times},
        {"role": "backup", "as_of": "3"},
        sent,
    ]


def test_the_deployment_of_a_license_file_is_sent(hotslot: Any, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/l/file", "x: y\n", media=YAML)
    assert hotslot.licenses.file("l", deployment="d") == "x: y\n"
    assert stub.asked[0].query == {"deployment": "d"}


def test_fields_of_a_newer_server_are_passed_over(hotslot: Any, stub: Stub) -> None:
    newer = license_(
        "l", status="paused", color="green", slots={"total": 1, "used": 0, "free": 1, "lent": 0}
    )
    stub.answer("GET", "/v1/licenses/l", newer)
    assert hotslot.licenses.get("l").status == "paused"


def test_secrets_are_in_no_repr() -> None:
    for kind, body, secret in (
        (IssuedLicense, ISSUED, "lic-1.secret"),
        (results.CreatedKey, KEY_MADE, "hsk.ops.secret"),
        (Lease, LEASE, "aaa.bbb.ccc"),
    ):
        made = msgspec.convert(body, kind)
        assert secret not in repr(made)
        assert secret not in f"{made}"
