"""A real `hotslot node`, started, killed, started again, and started twice."""

import json
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from hotslot import __version__
from tests.node.nodes import NODE, START_LIMIT, node, on_a_socket, soon
from tests.node.stub_backend import StubBackend, refused

KEY = "a-node-key-that-only-tests-use"
NOWHERE = "http://127.0.0.1:9"


def test_a_killed_node_comes_back_with_its_id_and_its_lease(tmp_path: Path):
    backend = StubBackend(seconds=3600)
    with on_a_socket(backend) as url, node(tmp_path / "a", url, HOTSLOT_NODE_KEY=KEY) as first:
        soon(lambda: first.status() == "ok")
        soon((tmp_path / "a" / "memory.json").exists)
        deployment = first.deployment
        first.kill()

    # Nobody is there to renew it now.
    with node(tmp_path / "a", NOWHERE, HOTSLOT_NODE_KEY=KEY) as again:
        status, body = again.ready()
        assert again.deployment == deployment
        assert status == 200
        assert body["license"]["status"] == "ok"
        assert body["license"]["term"] == backend.term
        soon(lambda: again.ready()[1]["backend"]["status"] == "failed")


def test_a_lease_that_nobody_renews_ends_by_itself(tmp_path: Path):
    backend = StubBackend(seconds=2)
    with on_a_socket(backend) as url, node(tmp_path / "a", url, HOTSLOT_NODE_KEY=KEY) as process:
        soon(lambda: process.status() == "ok")
        backend.refuses = refused("internal-error", "Something failed.", 500)
        soon(lambda: process.status() == "unlicensed")
        status, body = process.ready()
        assert status == 503
        assert "The lease ended at" in body["license"]["detail"]
        soon(lambda: backend.asked[-1] is False)


def test_a_second_node_on_one_data_directory_is_refused(tmp_path: Path):
    with node(tmp_path / "a", NOWHERE) as first:
        second = subprocess.run(
            [*NODE, "--data-dir", str(tmp_path / "a"), "--port", "0"],
            capture_output=True,
            text=True,
            timeout=START_LIMIT,
            check=False,
        )
        assert second.returncode == 2
        assert f"Another node (process {first.process.pid}) runs on the data dir" in second.stderr
        assert "--data-dir" in second.stderr
        assert second.stdout == ""
        assert first.status() == "unlicensed"


def test_a_damaged_memory_is_said_in_the_log_and_by_readyz(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "memory.json").write_bytes(b"{")

    with node(tmp_path / "a", NOWHERE) as process:
        status, body = process.ready()

    assert status == 503
    assert body["license"]["status"] == "unlicensed"
    assert body["memory"]["status"] == "failed"
    assert "was damaged" in body["memory"]["detail"]
    assert "starts unlicensed" in body["license"]["detail"]
    logged = [json.loads(line) for line in process.log.read_text().splitlines()]
    assert "memory-damaged" in {line["event"] for line in logged}
    assert len(list((tmp_path / "a").glob("memory.json.broken-*"))) == 1


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_clean_and_keeps_its_lease(tmp_path: Path, by: signal.Signals):
    backend = StubBackend(seconds=3600)
    with on_a_socket(backend) as url, node(tmp_path / "a", url, HOTSLOT_NODE_KEY=KEY) as first:
        soon(lambda: first.status() == "ok")
        asked = len(backend.asked)
        assert first.stop(by) == 0
        assert len(backend.asked) == asked

    with node(tmp_path / "a", NOWHERE, HOTSLOT_NODE_KEY=KEY) as again:
        assert again.status() == "ok"


def test_no_secret_is_logged(tmp_path: Path):
    backend = StubBackend()
    with on_a_socket(backend) as url, node(tmp_path / "a", url, HOTSLOT_NODE_KEY=KEY) as process:
        soon(lambda: process.status() == "ok")
        memory = tmp_path / "a" / "memory.json"
        soon(memory.exists)  # it is written while the lease is already in use
        token = json.loads(memory.read_text())["content"]["lease"]["token"]
        backend.refuses = refused("unauthenticated", "The API key is not known.", 401)
        process.stop()

    logged = process.log.read_text()
    assert "standing-changed" in logged
    assert KEY not in logged
    assert token.split(".")[2] not in logged
    assert KEY not in "".join(
        each.read_text() for each in (tmp_path / "a").rglob("*") if each.is_file()
    )


def test_version_and_readyz_without_a_key(tmp_path: Path):
    with node(tmp_path / "a", NOWHERE) as process:
        version = httpx.get(f"{process.url}/version", trust_env=False)
        ready = httpx.get(f"{process.url}/readyz", trust_env=False)

    assert version.json() == {"product_id": "hotslot-node", "version": __version__}
    assert ready.status_code == 503
    assert ready.json() == {"license": {"status": "unlicensed"}}


def test_a_backup_is_not_ready_and_says_what_it_is(tmp_path: Path):
    backend = StubBackend()
    backend.as_backup()
    with on_a_socket(backend) as url, node(tmp_path / "a", url, HOTSLOT_NODE_KEY=KEY) as process:
        soon(lambda: process.status() == "backup")
        assert process.ready()[0] == 503


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--backend", "ftp://x"], "HOTSLOT_NODE_BACKEND: "),
        (["--port", "99999"], "HOTSLOT_NODE_PORT: "),
        (["--deployment", "a/b"], "A deployment ID has"),
        (["--trusted-keys", "/nowhere"], "HOTSLOT_NODE_TRUSTED_KEYS: There is nothing at /nowhere"),
        (["--upstream", "nowhere"], "HOTSLOT_NODE_UPSTREAM, HOTSLOT_NODE_HELD_BACK: 'nowhere' is"),
        (["--upstream", "http://127.0.0.1:9", "--held-back", "POST"], "'POST' is no call"),
        (["--apikey", "ABC"], "HOTSLOT_NODE_APIKEY: "),
        (["--key", "with a space"], "HOTSLOT_NODE_KEY: an API key has visible"),
    ],
)
def test_wrong_settings_end_it_with_status_2(tmp_path: Path, flags: list[str], says: str):
    ended = subprocess.run(
        [*NODE, "--data-dir", str(tmp_path / "a"), "--port", "0", *flags],
        capture_output=True,
        text=True,
        timeout=START_LIMIT,
        check=False,
    )

    assert ended.returncode == 2
    assert says in ended.stderr
    assert "with a space" not in ended.stderr
