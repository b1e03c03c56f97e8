"""The commands and the demo on a real server, as a person would use them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hotslot.cli.demo.scenes import REASON
from hotslot.cli.demo.server import Server, serving
from tests.command_line import Hotslot

PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("cli") / "data", 0) as running:
        yield running


@pytest.fixture
def on_server(server: Server, hotslot: Hotslot, monkeypatch: pytest.MonkeyPatch) -> Hotslot:
    monkeypatch.setenv("HOTSLOT_URL", server.url)
    monkeypatch.setenv("HOTSLOT_KEY", server.key)
    return hotslot


def test_a_hot_swap_from_the_command_line(on_server: Hotslot) -> None:
    def done(command: str) -> str:
        ended = on_server(*command.split())
        assert ended.status == 0, ended.err
        return ended.out

    issued = done("license issue --id swap --product p --customer c --slots 1")
    found = re.search(r"Activation key: (\S+)", issued)
    assert found
    done(f"activate a --activation-key {found[1]} --reason first")
    done("register b --license swap --standby-for a")
    before = json.loads(done("license show swap --json"))
    refused = on_server("activate", "b", "--license", "swap")
    assert refused.status == 1
    assert re.search(r"Refused: backup-cannot-activate.*1\. nominate.*2\. ", refused.err, re.DOTALL)
    assert "nothing has changed" in done("nominate b --dry-run")
    swapped = on_server("nominate", "b", "--replaces", "a", "--reason", "100% of A's power lost, é")
    assert "a was released by it" in swapped.out
    assert "unlicensed" in done("status a")
    assert json.loads(done("status swap --json"))["active"][0]["deployment"] == "b"
    then = json.loads(done(f"status swap --as-of {before['position']} --json"))
    assert (then["active"], then["backups"]) == (before["active"], before["backups"])
    history = done("history b")
    assert re.search(r"b\s+backup \(for a\).*\n.*b\s+active", history)
    trail = done("audit --license swap --type license.backup-nominated")
    assert "100% of A's power lost, é" in trail
    assert "activate: backup-cannot-activate" in done("audit --outcome refused --license swap")
    gone = on_server("deactivate", "b", "--reason", "100% über")
    assert gone.status == 0
    assert "100% über" in done("audit --license swap --type license.deployment-deactivated")


def test_what_became_of_a_license(on_server: Hotslot) -> None:
    def done(command: str) -> str:
        ended = on_server(*command.split())
        assert ended.status == 0, ended.err
        return ended.out

    done("license issue --id then --product p --customer c --slots 1")
    done("activate then-a --license then")
    done("register then-b --license then")
    before = json.loads(done("license show then --json"))["position"]
    done("nominate then-b")
    after = json.loads(done("license show then --json"))["position"]

    listed = done(f"status --as-of {before}")
    assert f"As of position {before}." in listed
    told = done(f"license diff then --from {before} --to {after}")
    assert f"from position {before} to position {after}: " in told
    assert re.search(r"then-a\s+active since .*\sno role\s*\n", told)
    assert re.search(r"then-b\s+backup since .* active since", told)
    steps = [json.loads(line) for line in done("audit replay --license then --json").splitlines()]
    nominated = [each for each in steps if each["entry"]["position"] == after]
    assert [each["after"]["active"] for each in nominated] == [["then-b"]]
    shown = done(f"audit replay --license then --from {before}")
    assert re.search(r"backup-nominated\s+then-b\s+then\s+valid\s+1 of 1\s+then-b\s+0", shown)


def test_the_life_of_a_license(on_server: Hotslot) -> None:
    def shown(command: str) -> dict[str, object]:
        ended = on_server(*command.split(), "--json")
        assert ended.status == 0, ended.err
        body: dict[str, object] = json.loads(ended.out)
        return body

    shown("license issue --id life --product p --customer c --slots 1")
    renewed = shown("license renew life --expires-at 2100-01-31")
    assert str(renewed["expires_at"]).startswith("2100-01-31T00:00:00")
    assert shown("license resize life --slots 4")["slots"] == {"total": 4, "used": 0, "free": 4}
    assert shown("license suspend life")["status"] == "suspended"
    assert shown("license reinstate life")["status"] == "valid"
    assert shown("license revoke life")["status"] == "revoked"
    assert "license-revoked" in on_server("license", "reinstate", "life").err
    listed = shown("license list --status revoked --customer c")["licenses"]
    assert [each["id"] for each in listed] == ["life"]  # type: ignore[attr-defined]


def test_the_life_of_a_key(on_server: Hotslot) -> None:
    made = on_server("keys", "create", "--role", "auditor", "--id", "aud")
    found = re.search(r"Key: (\S+)", made.out)
    assert found
    assert on_server("audit", "--key", found[1]).status == 0
    forbidden = on_server("license", "suspend", "swap", "--key", found[1])
    assert (forbidden.status, "forbidden" in forbidden.err) == (1, True)
    assert on_server("keys", "revoke", "aud").status == 0
    assert "unauthenticated" in on_server("audit", "--key", found[1]).err
    assert found[1] not in on_server("keys", "list").out


def test_the_demo_plays_on_a_running_server(on_server: Hotslot) -> None:
    ended = on_server("demo", "--exit")
    assert ended.status == 0, ended.err
    assert "hotslot projections check" in ended.out


@pytest.mark.parametrize(
    ("story", "servers", "told_of"),
    [
        ([], 1, ["backup-cannot-activate", "active-cannot-be-backup"]),
        (
            ["--offline"],
            2,
            [
                "offline-backup-cannot-be-nominated",
                "license-file-signature-invalid",
                "license-file-superseded",
                "offline-failover: B-",
            ],
        ),
    ],
    ids=["online", "offline"],
)
def test_the_demo_leaves_its_servers_up_until_ctrl_c_and_plays_again_on_their_data(
    hotslot: Hotslot, tmp_path: Path, story: list[str], servers: int, told_of: list[str]
) -> None:
    told = tmp_path / "told"
    place = tmp_path / "d"
    with told.open("wb") as output:
        demo = subprocess.Popen(
            [sys.executable, "-m", "hotslot", "demo", *story, "--port", "0", "--data-dir", place],
            stdout=output,
            env={name: value for name, value in os.environ.items() if "HOTSLOT" not in name},
        )
    try:
        give_up = time.monotonic() + PATIENCE_S
        while "Ctrl-C" not in told.read_text():
            assert demo.poll() is None, told.read_text()
            assert time.monotonic() < give_up, told.read_text()
            time.sleep(0.05)
        found = re.findall(r"API docs: (\S+)/docs", told.read_text())
        assert len(found) == servers
        for url in found:
            assert httpx.get(f"{url}/livez", trust_env=False).status_code == 200
        demo.send_signal(signal.SIGINT)
        assert demo.wait(PATIENCE_S) == 0
    finally:
        demo.kill()
        demo.wait()
    for url in found:
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/livez", trust_env=False)
    again = hotslot("demo", *story, "--exit", "--port", "0", "--data-dir", str(place))
    assert again.status == 0, again.err
    keys = [file.read_text() for file in place.rglob("admin-key")]
    assert len(keys) == servers
    for said in (told.read_text(), again.out):
        assert [key for key in keys if key in said] == []
        assert "PRIVATE" not in said
        assert [each for each in told_of if each not in said] == []
        assert REASON in said
        assert "trail agrees with the ledger" in said
