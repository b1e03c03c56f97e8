"""License files on the command line: printed as they are, and sent as they were found."""

import io
import json
import sys
from pathlib import Path

import pytest

from tests.cli.answers import deployment
from tests.cli.stub import Stub
from tests.command_line import Hotslot

FILE = '# A license file.\nformat: "hotslot-license-file/1"\ncustomer: "Größe GmbH"\n'
YAML = "application/yaml; charset=utf-8"


class Standard(io.TextIOWrapper):
    """A stdin that something was piped into."""

    def __init__(self, content: bytes):
        super().__init__(io.BytesIO(content), encoding="ascii")


def test_a_license_file_is_printed_as_it_is(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/l/file", FILE, media=YAML)
    ended = hotslot("license", "file", "l", "--deployment", "d", "--reason", "für site\n7")
    assert (ended.status, ended.out, ended.err) == (0, FILE, "")
    assert stub.asked[0].query == {"deployment": "d"}
    assert stub.asked[0].headers["hotslot-reason"] == "f%C3%BCr site 7"


def test_a_license_file_as_json_is_what_activate_sends(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/l/file", FILE, media=YAML)
    ended = hotslot("license", "file", "l", "--json")
    assert json.loads(ended.out) == {"license_file": FILE}
    assert stub.asked[0].query == {}


def test_a_page_of_something_else_is_not_taken_for_a_license_file(
    hotslot: Hotslot, stub: Stub
) -> None:
    stub.answer("GET", "/v1/licenses/l/file", "<html>hello</html>", media="text/html")
    ended = hotslot("license", "file", "l")
    assert (ended.status, ended.out) == (1, "")
    assert "Is this the address of a Hotslot server?" in ended.err


@pytest.mark.parametrize("code", ["no-signing-key", "license-file-keys-unreadable"])
def test_a_server_without_a_signing_key_is_not_out_of_reach(
    hotslot: Hotslot, stub: Stub, code: str
) -> None:
    problem = {"code": code, "status": 503, "detail": "Make one: hotslot keys ..."}
    stub.answer("GET", "/v1/licenses/l/file", problem, 503)
    ended = hotslot("license", "file", "l")
    assert (ended.status, ended.out) == (1, "")
    assert f"Refused: {code}" in ended.err
    assert "Make one" in ended.err


def test_a_file_that_may_or_may_not_have_been_made_can_be_asked_for_once(
    hotslot: Hotslot, stub: Stub
) -> None:
    problem = {"code": "ledger-unavailable", "status": 503, "detail": "Out of reach."}
    stub.answer("GET", "/v1/licenses/l/file", problem, 503)
    ended = hotslot("license", "file", "l")
    assert (ended.status, ended.out) == (3, "")
    assert f"--idempotency-key {stub.asked[0].headers['idempotency-key']}" in ended.err


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("activate d", "/v1/deployments/d/activation"),
        ("register d", "/v1/deployments/d/backup"),
    ],
)
@pytest.mark.parametrize("way", ["path", "stdin"])
@pytest.mark.parametrize(
    "content",
    [
        FILE,
        # What the server refuses with its own words: it has to be asked about what was found.
        f"\ufeff{FILE}",
        FILE.replace("\n", "\r\n"),
    ],
)
def test_a_license_file_is_sent_as_it_was_found(
    hotslot: Hotslot,
    stub: Stub,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    path: str,
    way: str,
    content: str,
) -> None:
    stub.answer("PUT", path, deployment("d", mode="offline"))
    carried = tmp_path / "license.yml"
    carried.write_bytes(content.encode())
    monkeypatch.setattr(sys, "stdin", Standard(content.encode()))
    source = str(carried) if way == "path" else "-"
    ended = hotslot(*command.split(), "--license-file", source, "--reason", "why")
    assert ended.status == 0, ended.err
    assert "offline" in ended.out
    assert stub.asked[0].body == {"license_file": content, "reason": "why"}


def test_a_backup_registered_with_a_file_can_stand_by_for_one(
    hotslot: Hotslot, stub: Stub, tmp_path: Path
) -> None:
    (tmp_path / "license.yml").write_text(FILE, "utf-8")
    stub.answer("PUT", "/v1/deployments/d/backup", deployment("d"))
    hotslot("register", "d", "--license-file", str(tmp_path / "license.yml"), "--standby-for", "a")
    assert stub.asked[0].body == {"license_file": FILE, "standby_for": "a"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"format: \xff\n", "is not UTF-8 text (byte 9)"),
        ("format".encode("utf-16"), "is not UTF-8 text"),
        (b"#" * (64 * 1024 + 1), "longer than 64 KiB"),
    ],
)
@pytest.mark.parametrize("way", ["path", "stdin"])
def test_what_can_be_no_license_file_is_not_sent(
    hotslot: Hotslot,
    stub: Stub,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    content: bytes,
    says: str,
    way: str,
) -> None:
    carried = tmp_path / "license.yml"
    carried.write_bytes(content)
    monkeypatch.setattr(sys, "stdin", Standard(content))
    ended = hotslot("activate", "d", "--license-file", str(carried) if way == "path" else "-")
    assert (ended.status, stub.asked) == (2, [])
    assert says in plain(ended.err)


@pytest.mark.parametrize(
    ("name", "says"),
    [(".", "Is a directory"), ("absent.yml", "No such file"), ("x" * 300, "File name too long")],
)
def test_a_license_file_that_cannot_be_read_is_explained(
    hotslot: Hotslot, stub: Stub, tmp_path: Path, name: str, says: str
) -> None:
    ended = hotslot("register", "d", "--license-file", str(tmp_path / name))
    assert (ended.status, stub.asked) == (2, [])
    assert says in plain(ended.err)


@pytest.mark.parametrize("others", ["--license l", "--activation-key k"])
def test_a_license_file_goes_with_no_other_way_to_name_the_license(
    hotslot: Hotslot, stub: Stub, tmp_path: Path, others: str
) -> None:
    (tmp_path / "license.yml").write_text(FILE, "utf-8")
    ended = hotslot(
        "activate", "d", "--license-file", str(tmp_path / "license.yml"), *others.split()
    )
    assert (ended.status, stub.asked) == (2, [])
    assert "--license-file" in ended.err


def plain(said: str) -> str:
    """What is in the frame that wrong usage is told in, on one line."""
    return " ".join(said.replace("│", " ").split())
