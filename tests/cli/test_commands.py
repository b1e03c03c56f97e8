"""What the commands that change something send, and what they show."""

import pytest

from tests.cli.answers import deployment, license_
from tests.cli.conftest import KEY
from tests.cli.stub import Stub
from tests.command_line import Hotslot


@pytest.mark.parametrize(
    ("arguments", "call", "body"),
    [
        (
            "license issue --product p --customer c --slots 2 --id l --expires-at 2030-01-31",
            "POST /v1/licenses",
            {
                "id": "l",
                "product": "p",
                "customer": "c",
                "slots": 2,
                "expires_at": "2030-01-31T00:00:00+00:00",
                "reason": "why",
            },
        ),
        (
            "license renew l --expires-at never",
            "POST /v1/licenses/l/renewal",
            {"expires_at": None, "reason": "why"},
        ),
        (
            "license renew l --expires-at 2030-01-31T12:00:00+02:00",
            "POST /v1/licenses/l/renewal",
            {"expires_at": "2030-01-31T12:00:00+02:00", "reason": "why"},
        ),
        (
            "license resize l --slots 3",
            "POST /v1/licenses/l/resize",
            {"slots": 3, "reason": "why"},
        ),
        (
            "license lease l 5",
            "POST /v1/licenses/l/lease-duration",
            {"seconds": 5, "reason": "why"},
        ),
        ("license suspend l", "POST /v1/licenses/l/suspension", {"reason": "why"}),
        ("license reinstate l", "POST /v1/licenses/l/reinstatement", {"reason": "why"}),
        ("license revoke l", "POST /v1/licenses/l/revocation", {"reason": "why"}),
        (
            "activate d --license l",
            "PUT /v1/deployments/d/activation",
            {"license": "l", "reason": "why"},
        ),
        (
            "register d --license l --standby-for a",
            "PUT /v1/deployments/d/backup",
            {"license": "l", "standby_for": "a", "reason": "why"},
        ),
        (
            "nominate d --replaces a --dry-run",
            "POST /v1/deployments/d/nomination",
            {"replaces": "a", "dry_run": True, "reason": "why"},
        ),
        (
            "nominate d --wait-for-release",
            "POST /v1/deployments/d/nomination",
            {"dry_run": False, "wait_for_release": True, "reason": "why"},
        ),
        (
            "keys create --role node --customer c --deployment d --id k",
            "POST /v1/keys",
            {"id": "k", "role": "node", "customer": "c", "deployment": "d", "reason": "why"},
        ),
    ],
)
def test_commands_send_what_the_api_asks_for(
    hotslot: Hotslot, stub: Stub, arguments: str, call: str, body: object
) -> None:
    method, path = call.split()
    stub.answer(method, path, {"ok": True})
    assert hotslot(*arguments.split(), "--reason", "why", "--json").status == 0
    (asked,) = stub.asked
    assert (f"{asked.method} {asked.path}", asked.body) == (call, body)
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert len(asked.headers["idempotency-key"]) >= 16


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ("deactivate d", "/v1/deployments/d/activation"),
        ("unregister d", "/v1/deployments/d/backup"),
        ("keys revoke k", "/v1/keys/k"),
    ],
)
def test_commands_without_a_body_give_the_reason_in_a_header(
    hotslot: Hotslot, stub: Stub, arguments: str, path: str
) -> None:
    stub.answer("DELETE", path, {"ok": True})
    hotslot(*arguments.split(), "--json", "--reason", "moved\nto Köln")
    (asked,) = stub.asked
    assert asked.headers["hotslot-reason"] == "moved to K%C3%B6ln"
    assert asked.body is None


def test_an_activation_key_stands_in_for_the_api_key(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("PUT", "/v1/deployments/d/activation", deployment("d"))
    stub.answer("DELETE", "/v1/deployments/d/backup", deployment("d"))
    hotslot("activate", "d", "--activation-key", "hak-1")
    hotslot("unregister", "d", "--activation-key", "hak-1")
    for asked in stub.asked:
        assert asked.headers["activation-key"] == "hak-1"
        assert "authorization" not in asked.headers
    assert stub.asked[0].body == {"activation_key": "hak-1"}


def test_url_and_key_options_win_over_the_environment(
    hotslot: Hotslot, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTSLOT_URL", "http://127.0.0.1:1")
    stub.answer("GET", "/v1/licenses/l", license_("l"))
    assert hotslot("license", "show", "l", "--url", stub.url, "--key", "other").status == 0
    assert stub.asked[0].headers["authorization"] == "Bearer other"


def test_issue_shows_the_activation_key(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("POST", "/v1/licenses", license_() | {"activation_key": "hak-42"}, 201)
    ended = hotslot("license", "issue", "--product", "p", "--customer", "c", "--slots", "1")
    assert "Activation key: hak-42" in ended.out


def test_a_deployment_is_shown_with_what_it_may_do(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("PUT", "/v1/deployments/core-b/backup", deployment())
    lines = hotslot("register", "core-b", "--license", "lic-1").out.splitlines()
    shown = {line[:13].strip(): line[13:].strip() for line in lines}
    assert shown["role"] == "backup"
    assert shown["may"] == "engines.download, administer"
    assert shown["may not"] == "process"
    assert shown["since (UTC)"] == "2026-03-01 10:00:00.123"


@pytest.mark.parametrize(
    ("replaced", "dry_run", "says"),
    [
        (deployment("core-a", role="unlicensed"), False, "core-a was released by it"),
        (None, False, "It took a free slot"),
        (None, True, "nothing has changed"),
    ],
)
def test_a_nomination_says_whom_it_replaced(
    hotslot: Hotslot, stub: Stub, replaced: object, dry_run: bool, says: str
) -> None:
    nomination = {
        "deployment": deployment(role="active"),
        "replaced": replaced,
        "license": license_(),
        "position": 4,
        "dry_run": dry_run,
    }
    stub.answer("POST", "/v1/deployments/core-b/nomination", nomination)
    assert says in hotslot("nominate", "core-b").out


@pytest.mark.parametrize("process", [True, False])
def test_a_nomination_says_if_the_new_one_has_to_wait(
    hotslot: Hotslot, stub: Stub, process: bool
) -> None:
    nomination = {
        "deployment": deployment(role="active", capabilities={"process": process}),
        "replaced": deployment("core-a", role="unlicensed"),
        "license": license_(),
        "position": 4,
        "dry_run": False,
    }
    stub.answer("POST", "/v1/deployments/core-b/nomination", nomination)
    said = hotslot("nominate", "core-b", "--wait-for-release").out
    assert ("It may not process yet" in said) != process


def test_a_given_idempotency_key_is_sent(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("POST", "/v1/licenses/l/suspension", license_("l"))
    hotslot("license", "suspend", "l", "--idempotency-key", "once-1")
    assert stub.asked[0].headers["idempotency-key"] == "once-1"


def test_keys_are_listed_and_a_new_one_is_shown(hotslot: Hotslot, stub: Stub) -> None:
    key = {
        "id": "ops",
        "role": "operator",
        "customer": None,
        "deployment": None,
        "created_at": "2026-03-01T10:00:00.123456Z",
        "revoked_at": None,
    }
    stub.answer("GET", "/v1/keys", {"keys": [key], "next": None})
    stub.answer("POST", "/v1/keys", key | {"key": "hsk-1"}, 201)
    assert "operator" in hotslot("keys", "list").out
    assert "Key: hsk-1" in hotslot("keys", "create", "--role", "operator").out
