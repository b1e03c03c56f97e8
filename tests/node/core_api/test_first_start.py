"""What a real node says of its users when it starts, and what it does not start with."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.node.core_api.conftest import NOWHERE
from tests.node.core_api.served import APIKEY
from tests.node.nodes import NODE, START_LIMIT, NodeProcess, node


def second_line(process: NodeProcess) -> str:
    """What comes after the greeting; all of it once the node has ended."""
    process.process.terminate()
    assert process.process.stdout is not None
    return process.process.stdout.readline()


def login(process: NodeProcess, password: str) -> int:
    body = {"user": "admin", "password": password}
    return httpx.post(f"{process.url}/login", json=body, trust_env=False).status_code


def test_the_password_that_was_made_is_printed_once_and_logged_nowhere(tmp_path: Path):
    with node(tmp_path / "a", NOWHERE) as process:
        assert process.process.stdout is not None
        said = process.process.stdout.readline()
        match = re.fullmatch(r"User admin, password (\S{24,}) \(.*shown this once\)\n", said)
        assert match is not None, said
        assert login(process, match[1]) == 200
    with node(tmp_path / "a", NOWHERE) as process:
        assert login(process, match[1]) == 200
        assert second_line(process) == "Stopped.\n"
    assert match[1] not in process.log.read_text()


def test_a_password_that_was_given_is_not_printed(tmp_path: Path):
    variables = {"HOTSLOT_NODE_ADMIN_PASSWORD": "the admin's"}
    with node(tmp_path / "a", NOWHERE, **variables) as process:
        assert login(process, "the admin's") == 200
        assert second_line(process) == "Stopped.\n"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HOTSLOT_NODE_APIKEY", APIKEY[:-1]),
        ("HOTSLOT_NODE_APIKEY", f"{APIKEY}0"),
        ("HOTSLOT_NODE_APIKEY", APIKEY.upper()),
        ("HOTSLOT_NODE_APIKEY", f"{APIKEY[:-1]}g"),
        ("HOTSLOT_NODE_ADMIN_PASSWORD", "seven77"),
        ("HOTSLOT_NODE_READER_PASSWORD", "x" * 1025),
    ],
)
def test_a_key_or_password_of_a_wrong_form_ends_it_and_is_not_shown(
    tmp_path: Path, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(variable, value)
    ended = subprocess.run(
        [*NODE, "--data-dir", str(tmp_path / "a"), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=START_LIMIT,
        check=False,
    )
    assert ended.returncode == 2
    assert variable in ended.stderr
    assert value not in ended.stderr
