"""A key that is limited to one customer: what lies outside does not exist for it."""

from collections.abc import Callable
from typing import NamedTuple

import httpx
import pytest

from tests.api.calls import Caller, done, problem


class Customer(NamedTuple):
    """A customer with a license of one slot: `a` is active, `b` a backup, `gone` was released."""

    name: str
    license: str
    activation_key: str
    a: str
    b: str
    gone: str
    operator: Caller


@pytest.fixture(scope="module")
def customer_of(api: Caller, key_of: Callable[..., Caller]) -> Callable[[str], Customer]:
    def customer(name: str) -> Customer:
        issued = done(api.issue(customer=name), 201)
        lic = issued["id"]
        a, b, gone = (f"{each}@{name}" for each in ("a", "b", "gone"))
        done(api.activate(a, lic))
        done(api.register(b, lic))
        done(api.register(gone, lic))
        done(api.unregister(gone))
        operator = key_of("operator", customer=name)
        return Customer(name, lic, issued["activation_key"], a, b, gone, operator)

    return customer


@pytest.fixture
def own(customer_of: Callable[[str], Customer], unique: Callable[[str], str]) -> Customer:
    return customer_of(unique("own"))


@pytest.fixture
def other(customer_of: Callable[[str], Customer], unique: Callable[[str], str]) -> Customer:
    return customer_of(unique("other"))


def every_read(
    caller: Caller, license_id: str, deployments: tuple[str, ...]
) -> list[httpx.Response]:
    paths = [f"/v1/licenses/{license_id}{end}" for end in ("", "/deployments", "/tenures")]
    paths += [
        f"/v1/deployments/{d}{end}" for d in deployments for end in ("", "/active", "/backup")
    ]
    asked = [{}, {"as_of": caller.head()}]
    reads = [
        caller.http.get(path, params={} if "tenures" in path or "active" in path else params)
        for path in paths
        for params in asked
    ]
    # Leases are asked for like reads: whatever the ETag, and nothing is recorded of a refusal.
    return reads + [caller.lease(d, processing=said) for d in deployments for said in (True, False)]


def every_command(
    caller: Caller, license_id: str, deployments: tuple[str, ...], own_license: str, **headers: str
) -> list[httpx.Response]:
    asked = []
    for d in deployments:
        asked += [
            caller.activate(d, license_id, headers),
            caller.register(d, license_id, headers),
            caller.deactivate(d, headers),
            caller.unregister(d, headers),
            caller.nominate(d, headers),
            caller.nominate(d, headers, dry_run=True),
        ]
    return asked


def told(answers: list[httpx.Response], **names: str) -> list[tuple[int, str]]:
    """What answers say, but for their request ids and the names that were asked for."""
    seen = []
    for each in answers:
        text = each.text.replace(each.headers["x-request-id"], "")
        for shown, name in names.items():
            text = text.replace(name, shown)
        seen.append((each.status_code, text))
    return seen


def test_reads_of_another_customer_look_like_reads_of_nothing(own: Customer, other: Customer):
    hidden = every_read(own.operator, other.license, (other.a, other.b, other.gone))
    assert {answer.status_code for answer in hidden} == {404}
    nothing = every_read(own.operator, "never-issued", ("new-a", "new-b", "new-gone"))
    assert told(hidden, L=other.license, A=other.a, B=other.b, C=other.gone) == told(
        nothing, L="never-issued", A="new-a", B="new-b", C="new-gone"
    )


@pytest.mark.parametrize("if_match", [None, '"1-valid"', "*"])
def test_commands_on_another_customer_look_like_commands_on_nothing(
    own: Customer, other: Customer, unique: Callable[[str], str], if_match: str | None
):
    headers = {"If-Match": if_match} if if_match else {}
    hidden = every_command(own.operator, other.license, (other.a, other.b), own.license, **headers)
    new = (unique("new-a"), unique("new-b"))
    nothing = every_command(own.operator, "never-issued", new, own.license, **headers)
    assert {answer.status_code for answer in hidden} == ({412} if if_match else {404})
    assert told(hidden, L=other.license, A=other.a, B=other.b) == told(
        nothing, L="never-issued", A=new[0], B=new[1]
    )
    assert [each.headers.get("etag") for each in hidden] == [None] * len(hidden)


def test_a_deployment_of_another_customer_cannot_be_taken_over(own: Customer, other: Customer):
    for d in (other.a, other.b):
        answer = problem(own.operator.register(d, own.license), 404, "unknown-deployment")
        assert other.license not in str(answer)
        # Just as for one that nobody has: the only slot is taken.
        problem(own.operator.activate(d, own.license), 409, "no-free-slot")
    assert own.operator.nominate(own.b, replaces=other.a).json()["code"] == "replaced-is-not-active"


def test_one_of_another_customer_that_was_released_is_free_to_come(own: Customer, other: Customer):
    problem(own.operator.http.get(f"/v1/deployments/{other.gone}"), 404, "unknown-deployment")
    problem(own.operator.deactivate(other.gone), 404, "unknown-deployment")
    done(own.operator.register(other.gone, own.license))
    assert own.operator.deployment(other.gone)["license"] == own.license
    problem(other.operator.http.get(f"/v1/deployments/{other.gone}"), 404, "unknown-deployment")


def test_the_activation_key_of_another_customer_opens_nothing(own: Customer, other: Customer):
    problem(
        own.operator.activate(own.gone, activation_key=other.activation_key), 404, "unknown-license"
    )


def test_lists_hold_what_is_the_customers_own(own: Customer, other: Customer):
    page = done(own.operator.http.get("/v1/licenses"))
    assert [each["id"] for each in page["licenses"]] == [own.license]
    asked = done(own.operator.http.get("/v1/licenses", params={"customer": other.name}))
    assert asked == {"licenses": [], "next": None, "as_of": None}


def test_the_trail_holds_what_is_the_customers_own(api: Caller, own: Customer, other: Customer):
    own.operator.activate(other.a, own.license)
    own.operator.activate(own.b, other.license)
    api.activate(other.b, own.license)
    entries = own.operator.trail()
    assert {each["license"] for each in entries} == {own.license}
    assert other.license not in str(entries)
    for filters in (
        {"license": other.license},
        {"deployment": other.b, "type": "deployment.bound"},
    ):
        assert own.operator.trail(**filters) == []


def test_what_is_its_own_can_be_read_and_done(own: Customer):
    assert {
        answer.status_code for answer in every_read(own.operator, own.license, (own.gone,))
    } == {
        200,
        409,  # there is no lease for one that is gone
        503,
    }
    assert done(own.operator.nominate(own.b))["replaced"]["id"] == own.a


def test_a_deployment_that_nobody_knows_is_404(own: Customer, unique: Callable[[str], str]):
    for path in ("", "/active", "/backup"):
        answer = own.operator.http.get(f"/v1/deployments/{unique('new')}{path}")
        problem(answer, 404, "unknown-deployment")


# Administrators of one customer.


@pytest.fixture
def admin_of_own(own: Customer, key_of: Callable[..., Caller]) -> Caller:
    return key_of("admin", customer=own.name)


def test_an_admin_of_one_customer_issues_licenses_for_it_only(
    own: Customer, other: Customer, admin_of_own: Caller
):
    done(admin_of_own.issue(customer=own.name), 201)
    problem(admin_of_own.issue(customer=other.name), 403, "forbidden")
    for kind in ("suspension", "reinstatement", "revocation"):
        problem(admin_of_own.change(other.license, kind), 404, "unknown-license")
    done(admin_of_own.change(own.license, "suspension"))


def test_an_admin_of_one_customer_makes_and_sees_keys_of_it_only(
    api: Caller, own: Customer, other: Customer, admin_of_own: Caller
):
    made = done(admin_of_own.key("operator", customer=own.name), 201)["id"]
    problem(admin_of_own.key("operator"), 403, "forbidden")
    problem(admin_of_own.key("operator", customer=other.name), 403, "forbidden")
    page = done(admin_of_own.http.get("/v1/keys"))
    assert made in {each["id"] for each in page["keys"]}
    assert {each["customer"] for each in page["keys"]} == {own.name}
    theirs = done(api.key("operator", customer=other.name), 201)["id"]
    problem(admin_of_own.http.delete(f"/v1/keys/{theirs}"), 404, "unknown-key")
    done(admin_of_own.http.delete(f"/v1/keys/{made}"))


# Activation keys see their license and nothing else.


def test_an_activation_key_sees_its_own_license_only(
    api: Caller,
    own: Customer,
    other: Customer,
    under_activation_key: Callable[[str], Caller],
):
    second = done(api.issue(customer=own.name), 201)
    caller = under_activation_key(second["activation_key"])
    page = done(caller.http.get("/v1/licenses"))
    assert [each["id"] for each in page["licenses"]] == [second["id"]]
    assert page["next"] is None
    for hidden in (own, other):
        answers = every_read(caller, hidden.license, (hidden.a, hidden.b, hidden.gone))
        assert {answer.status_code for answer in answers} == {404}
        for answer in every_command(caller, hidden.license, (hidden.gone,), second["id"]):
            assert answer.status_code == 404


def test_an_activation_key_finds_its_license_behind_a_page_of_others(
    api: Caller, unique: Callable[[str], str], under_activation_key: Callable[[str], Caller]
):
    customer = unique("many")
    issued = [done(api.issue(customer=customer), 201) for _ in range(3)]
    last = max(issued, key=lambda each: str(each["id"]))
    page = done(under_activation_key(last["activation_key"]).http.get("/v1/licenses?limit=1"))
    assert [each["id"] for each in page["licenses"]] == [last["id"]]
