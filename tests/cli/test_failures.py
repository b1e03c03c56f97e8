"""What the command line says and ends with when something can't be done."""

import json

import pytest

from hotslot.cli.client import Client
from tests.cli.answers import REFUSAL, deployment
from tests.cli.stub import Stub
from tests.command_line import Hotslot


def test_a_refusal_ends_with_1_and_gives_code_and_remedies(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("PUT", "/v1/deployments/core-b/activation", REFUSAL, 409)
    ended = hotslot("activate", "core-b", "--license", "lic-1")
    assert (ended.status, ended.out) == (1, "")
    lines = ended.err.splitlines()
    assert lines[0] == "Refused: backup-cannot-activate (409)"
    assert REFUSAL["detail"] in lines
    assert "  1. nominate: Nominate core-b: POST /v1/..." in lines
    assert "  2. unregister-and-activate: Unregister core-b, then ..." in lines


def test_a_refusal_with_json_is_the_problem_on_stderr(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("PUT", "/v1/deployments/core-b/activation", REFUSAL, 409)
    ended = hotslot("activate", "core-b", "--license", "lic-1", "--json")
    assert (ended.status, ended.out, json.loads(ended.err)) == (1, "", REFUSAL)


def test_without_a_valid_key_it_says_how_to_give_one(hotslot: Hotslot, stub: Stub) -> None:
    problem = {"code": "unauthenticated", "status": 401, "detail": "No key."}
    stub.answer("GET", "/v1/licenses", problem, 401)
    ended = hotslot("license", "list")
    assert ended.status == 1
    assert "HOTSLOT_KEY" in ended.err


def test_an_answer_that_is_not_hotslots_is_explained(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses", "<html>hello</html>")
    ended = hotslot("license", "list")
    assert ended.status == 1
    assert "Is this the address of a Hotslot server?" in ended.err


def test_a_command_that_was_answered_by_something_else_says_what_to_repeat_it_with(
    hotslot: Hotslot, stub: Stub
) -> None:
    stub.answer("POST", "/v1/licenses/l/suspension", "<html>hello</html>")
    ended = hotslot("license", "suspend", "l")
    assert ended.status == 1
    assert ended.err.startswith("Not understood: POST /v1/licenses/l/suspension at http://")
    assert f"--idempotency-key {stub.asked[0].headers['idempotency-key']}" in ended.err


def test_no_server_ends_with_3(hotslot: Hotslot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTSLOT_URL", "http://127.0.0.1:1")
    ended = hotslot("status")
    assert (ended.status, ended.out) == (3, "")
    assert "http://127.0.0.1:1" in ended.err
    assert "hotslot serve" in ended.err


def test_a_server_that_cannot_serve_now_ends_with_3(hotslot: Hotslot, stub: Stub) -> None:
    problem = {"code": "ledger-unavailable", "status": 503, "detail": "The database is away."}
    stub.answer("GET", "/v1/licenses", problem, 503)
    ended = hotslot("status")
    assert ended.status == 3
    assert "The database is away." in ended.err


def test_a_read_ahead_of_its_projection_is_asked_again(hotslot: Hotslot, stub: Stub) -> None:
    behind = {"code": "projection-behind", "status": 503, "detail": "Reached 11, not 12 yet."}
    for _ in range(3):
        stub.answer("GET", "/v1/deployments/d", behind, 503)
    stub.answer("GET", "/v1/deployments/d", deployment("d"))
    assert hotslot("status", "d").status == 0


def test_a_projection_that_stays_behind_ends_with_3(hotslot: Hotslot, stub: Stub) -> None:
    behind = {"code": "projection-behind", "status": 503, "detail": "Reached 11, not 12 yet."}
    stub.answer("GET", "/v1/licenses/l", behind, 503)
    ended = hotslot("license", "show", "l", "--json")
    assert (ended.status, json.loads(ended.err)) == (3, behind)
    assert "hotslot serve" not in hotslot("license", "show", "l").err


def test_a_dropped_connection_is_tried_once_more_with_the_same_idempotency_key(
    hotslot: Hotslot, stub: Stub
) -> None:
    stub.drops = 1
    stub.answer("PUT", "/v1/deployments/d/activation", deployment("d"))
    assert hotslot("activate", "d", "--license", "l").status == 0
    first, second = (asked.headers["idempotency-key"] for asked in stub.asked)
    assert first == second


def test_a_connection_that_keeps_dropping_ends_with_3_and_the_key_to_repeat_with(
    hotslot: Hotslot, stub: Stub
) -> None:
    stub.drops = 5
    ended = hotslot("activate", "d", "--license", "l")
    assert ended.status == 3
    assert len(stub.asked) == 2
    assert f"--idempotency-key {stub.asked[0].headers['idempotency-key']}" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "no-such-command",
        "activate d",
        "activate d --license l --activation-key k",
        "activate .. --license l",
        "history ../keys",
        "license issue --product p --customer c --slots 0",
        "license renew l --expires-at tomorrow",
        "keys create --role king",
        "license list --as-of soon",
        "license diff l",
        "license diff l --from soon",
        "license diff .. --from 1",
        "audit replay --to soon",
        "audit replay --license ..",
        "status l --as-of yesterday",
        "audit --since monday",
        "status --url ftp://x",
        "status --url nonsense",
        "status --key kéy",
    ],
)
def test_wrong_usage_ends_with_2_and_asks_nothing(
    hotslot: Hotslot, stub: Stub, arguments: str
) -> None:
    ended = hotslot(*arguments.split())
    assert ended.status == 2
    assert stub.asked == []


def test_ctrl_c_ends_with_130_and_one_line(
    hotslot: Hotslot, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "get", stopped)
    ended = hotslot("license", "show", "l")
    assert (ended.status, ended.out, ended.err) == (130, "", "Stopped.\n")


def test_a_fault_of_ours_ends_in_a_sentence(
    hotslot: Hotslot, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(Client, "get", broken)
    ended = hotslot("license", "show", "l")
    assert ended.status == 1
    assert "Unexpected fault: ZeroDivisionError: by design" in ended.err
    assert "Traceback" not in ended.err
