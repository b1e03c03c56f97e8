"""Every call answers in its shape, with exactly these keys."""

from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest

from tests.api import shapes
from tests.api.calls import Caller, done, position_of
from tests.api.shapes import differences


class Story(NamedTuple):
    """A license with two slots: a and b were active, c was nominated in place of a, d stands by."""

    license: str
    a: str
    b: str
    c: str
    d: str


@pytest.fixture(scope="module")
def story(api: Caller) -> Story:
    license_id = api.issued(slots=2, expires_at="2999-01-01T00:00:00+02:00")
    a, b, c, d = (f"{name}@{license_id}" for name in "abcd")
    done(api.activate(a, license_id))
    done(api.activate(b, license_id))
    done(api.register(c, license_id, standby_for=a))
    done(api.register(d, license_id))
    done(api.nominate(c, reason="drill"))
    return Story(license_id, a, b, c, d)


def fits(response: httpx.Response, shape: Any, status: int = 200) -> Any:
    body = done(response, status)
    assert differences(body, shape) == []
    return body


def test_an_issued_license_has_its_activation_key_this_once(api: Caller):
    issued = fits(api.issue(slots=3), shapes.ISSUED, 201)
    assert (issued["status"], issued["term"], issued["expires_at"]) == ("valid", 0, None)
    assert issued["slots"] == {"total": 3, "used": 0, "free": 3}
    assert (issued["active"], issued["backups"], issued["backup_count"]) == ([], [], 0)
    assert api.license(issued["id"]) == {k: v for k, v in issued.items() if k != "activation_key"}


def test_a_license_may_be_issued_under_a_given_id(api: Caller, unique: Callable[[str], str]):
    wanted = unique("Lic_1.~:@-")
    assert done(api.issue(id=wanted), 201)["id"] == wanted


def test_the_license_and_its_slots(api: Caller, story: Story):
    shown = fits(api.http.get(f"/v1/licenses/{story.license}"), shapes.LICENSE)
    assert shown["slots"] == {"total": 2, "used": 2, "free": 0}
    assert [each["deployment"] for each in shown["active"]] == [story.b, story.c]
    assert [each["deployment"] for each in shown["backups"]] == [story.d]
    assert (shown["backup_count"], shown["term"]) == (1, 3)
    assert shown["expires_at"] == "2998-12-31T22:00:00.000000Z"


def test_the_list_of_licenses(api: Caller, story: Story, unique: Callable[[str], str]):
    customer = unique("customer")
    first, second = sorted(api.issued(customer=customer) for _ in range(2))
    page = fits(api.http.get("/v1/licenses", params={"customer": customer}), shapes.LICENSES)
    assert [each["id"] for each in page["licenses"]] == [first, second]
    assert page["licenses"] == [api.license(first), api.license(second)]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("renewal", {"expires_at": None}),
        ("renewal", {"expires_at": "2999-01-01T00:00:00Z"}),
        ("resize", {"slots": 7}),
        ("suspension", {}),
        ("reinstatement", {}),
        ("revocation", {}),
    ],
)
def test_every_change_of_a_license_answers_with_the_license(
    api: Caller, kind: str, body: dict[str, Any]
):
    license_id = api.issued()
    answer = api.change(license_id, kind, **body)
    shown = fits(answer, shapes.LICENSE)
    assert api.license(license_id) == shown
    assert answer.headers["etag"] == f'"{shown["position"]}-{shown["status"]}"'


@pytest.mark.parametrize("kind", ["suspension", "reinstatement", "revocation"])
def test_what_needs_no_body_takes_none(api: Caller, kind: str):
    license_id = api.issued()
    fits(api.http.post(f"/v1/licenses/{license_id}/{kind}"), shapes.LICENSE)


def test_who_holds_what(api: Caller, story: Story):
    page = fits(api.http.get(f"/v1/licenses/{story.license}/deployments"), shapes.HOLDERS)
    held = [(each["deployment"], each["role"]) for each in page["deployments"]]
    assert sorted(held[:2]) == [(story.b, "active"), (story.c, "active")]
    assert held[2:] == [(story.d, "backup")]


@pytest.mark.parametrize(("role", "count"), [("active", 2), ("backup", 1)])
def test_who_holds_a_role(api: Caller, story: Story, role: str, count: int):
    held = api.holders(story.license, role=role)["deployments"]
    assert [each["role"] for each in held] == [role] * count


def test_the_tenures(api: Caller, story: Story):
    page = fits(api.http.get(f"/v1/licenses/{story.license}/tenures"), shapes.TENURES)
    told = [
        (each["deployment"], each["role"], each["term"], each["to"] and each["to"]["type"])
        for each in page["tenures"]
    ]
    assert told == [
        (story.a, "active", 1, "license.backup-nominated"),
        (story.b, "active", 2, None),
        (story.c, "backup", 2, "license.backup-nominated"),
        (story.d, "backup", 2, None),
        (story.c, "active", 3, None),
    ]
    swapped = page["tenures"][0]["to"]
    assert page["tenures"][2]["to"] == page["tenures"][4]["from"] == swapped
    assert page["tenures"][2]["standby_for"] == story.a


def test_every_command_on_a_deployment_answers_with_the_deployment(
    api: Caller, unique: Callable[[str], str]
):
    license_id, a, b = api.issued(), unique("a"), unique("b")
    calls: list[Callable[[], httpx.Response]] = [
        lambda: api.activate(a, license_id),
        lambda: api.register(b, license_id, standby_for=a),
        lambda: api.deactivate(a),
        lambda: api.unregister(b),
    ]
    for call in calls:
        shown = fits(call(), shapes.DEPLOYMENT)
        assert shown == api.deployment(shown["id"])


def test_a_deployment_in_each_role(api: Caller, story: Story):
    active = fits(api.http.get(f"/v1/deployments/{story.c}"), shapes.DEPLOYMENT)
    backup = fits(api.http.get(f"/v1/deployments/{story.d}"), shapes.DEPLOYMENT)
    released = fits(api.http.get(f"/v1/deployments/{story.a}"), shapes.DEPLOYMENT)
    assert (active["role"], active["license"], active["term"]) == ("active", story.license, 3)
    assert (active["mode"], active["standby_for"]) == ("online", None)
    assert (backup["role"], backup["license"], backup["term"]) == ("backup", story.license, 2)
    assert (released["role"], released["license"], released["term"]) == ("unlicensed", None, None)
    assert (released["mode"], released["standby_for"]) == (None, None)
    assert released["position"] == active["position"]
    assert released["since"] == active["since"]


def test_a_deployment_that_was_never_seen(api: Caller, unique: Callable[[str], str]):
    shown = fits(api.http.get(f"/v1/deployments/{unique('new')}"), shapes.DEPLOYMENT)
    assert shown["role"] == "unlicensed"
    empty = ("license", "mode", "standby_for", "since", "term", "position", "as_of")
    assert all(shown[name] is None for name in empty)


def test_the_rights_of_each_role(api: Caller, story: Story):
    engines = {"engines.download", "engines.upload", "engines.deploy"}
    always = {"settings.modify", "settings.import", "administer"}

    def rights(deployment: str) -> set[str]:
        return {name for name, may in api.deployment(deployment)["capabilities"].items() if may}

    assert rights(story.c) == {"process"} | engines | always
    assert rights(story.d) == engines | always
    assert rights(story.a) == always


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_nomination(api: Caller, unique: Callable[[str], str], dry_run: bool):
    license_id, a, b = api.issued(), unique("a"), unique("b")
    done(api.activate(a, license_id))
    done(api.register(b, license_id, standby_for=a))
    told = fits(api.nominate(b, dry_run=dry_run), shapes.NOMINATION)
    assert (told["deployment"]["id"], told["deployment"]["role"]) == (b, "active")
    assert (told["replaced"]["id"], told["replaced"]["role"]) == (a, "unlicensed")
    assert [each["deployment"] for each in told["license"]["active"]] == [b]
    assert (told["license"]["backups"], told["license"]["backup_count"]) == ([], 0)
    assert (told["license"]["term"], told["dry_run"]) == (2, dry_run)
    if not dry_run:
        assert told["deployment"] == api.deployment(b)
        assert told["replaced"] == api.deployment(a)
        assert told["license"] == api.license(license_id)
        assert told["position"] == told["license"]["position"]


def test_a_nomination_that_takes_a_free_slot_replaces_nobody(
    api: Caller, unique: Callable[[str], str]
):
    license_id, b = api.issued(), unique("b")
    done(api.register(b, license_id))
    assert fits(api.nominate(b), shapes.NOMINATION)["replaced"] is None


def test_a_dry_run_records_nothing(api: Caller, unique: Callable[[str], str]):
    license_id, a, b = api.issued(), unique("a"), unique("b")
    done(api.activate(a, license_id))
    done(api.register(b, license_id))
    before = (api.head(), api.license(license_id))
    answer = api.nominate(b, dry_run=True)
    assert position_of(answer) == before[0]
    assert api.nominate(a, dry_run=True).status_code == 409
    assert (api.head(), api.license(license_id)) == before


def test_keys(api: Caller, unique: Callable[[str], str]):
    wanted: dict[str, Any] = {"id": unique("key"), "customer": "acme", "deployment": "d1"}
    made = fits(api.key("node", **wanted), shapes.CREATED_KEY, 201)
    assert {name: made[name] for name in wanted} == wanted
    assert made["role"] == "node"
    assert made["revoked_at"] is None
    page = fits(api.http.get("/v1/keys", params={"limit": 1000}), shapes.KEYS)
    shown = {each["id"]: each for each in page["keys"]}[made["id"]]
    assert shown == {name: made[name] for name in shapes.KEY}
    revoked = fits(api.http.delete(f"/v1/keys/{made['id']}"), shapes.KEY)
    assert {**revoked, "revoked_at": None} == shown
    assert revoked["revoked_at"] is not None


def test_the_audit_trail(api: Caller, story: Story):
    page = fits(api.http.get("/v1/audit", params={"license": story.license}), shapes.ENTRIES)
    done_on_license = [
        each["type"] for each in page["entries"] if each["stream"].startswith("license:")
    ]
    assert done_on_license == [
        "license.issued",
        "license.deployment-activated",
        "license.deployment-activated",
        "license.backup-registered",
        "license.backup-registered",
        "license.backup-nominated",
    ]
    swap = next(e for e in page["entries"] if e["type"] == "license.backup-nominated")
    assert (swap["license"], swap["deployment"], swap["reason"]) == (
        story.license,
        story.c,
        "drill",
    )
    assert swap["actor"] == {"kind": "key", "id": "admin"}
    assert swap["data"] == {
        "license": story.license,
        "deployment": story.c,
        "mode": "online",
        "replaced": story.a,
        "replaced_term": 1,
        "term": 3,
        "asked_at": swap["data"]["asked_at"],
        "wait_for_release": False,
    }
    assert shapes.TIME.fullmatch(swap["data"]["asked_at"])
    assert [each["index"] for each in page["entries"]] == sorted(
        each["index"] for each in page["entries"]
    )


def test_what_became_of_a_license(api: Caller, story: Story):
    asked = {"from": api.license(story.license)["position"] - 1}
    answer = api.http.get(f"/v1/licenses/{story.license}/diff", params=asked)
    shown = fits(answer, shapes.DIFFERENCE)
    assert shown["before"] is not None
    assert shown["deployments"]
    answer = api.http.get(f"/v1/licenses/{story.license}/diff", params={"from": 0})
    assert fits(answer, shapes.DIFFERENCE)["before"] is None


def test_the_replay(api: Caller, story: Story):
    answer = api.http.get("/v1/audit/replay", params={"license": story.license})
    shown = fits(answer, shapes.REPLAY)
    assert shown["steps"][-1]["after"]["active"] == [story.b, story.c]
    whole = fits(api.http.get("/v1/audit/replay", params={"to": 1}), shapes.REPLAY)
    assert [each["after"] for each in whole["steps"]] == [None], "an API key has no slots"


def test_the_first_key_was_made_by_the_system(api: Caller):
    first = api.trail(type="key.created", actor="system:bootstrap")
    assert first[0]["actor"] == {"kind": "system", "id": "bootstrap"}
    assert first[0]["data"]["key"] == "admin"
