"""The demo: that it plays through on a real server, and fails loudly where an answer is wrong."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from hotslot.cli.client import connect
from hotslot.cli.demo.children import DemoServerError
from hotslot.cli.demo.narrator import Narrator, StoryError
from hotslot.cli.demo.offline import OfflineStory
from hotslot.cli.demo.server import serving
from tests.cli.answers import deployment
from tests.cli.stub import Stub
from tests.command_line import Hotslot

FILE = f'slots: "1"\nvalue: "{"A" * 90}"\n'


def test_an_answer_that_is_not_the_storys_fails_it(hotslot: Hotslot, stub: Stub) -> None:
    two_slots = {
        "status": "valid",
        "slots": {"total": 2, "used": 0, "free": 2},
        "activation_key": "hak-0123456789",
    }
    stub.answer("POST", "/v1/keys", {"key": "hsk-0123456789"}, 201)
    stub.answer("POST", "/v1/licenses", two_slots, 201)
    ended = hotslot("demo", "--exit")
    assert ended.status == 1
    assert "The story says: one slot, and it is free. The server said:" in ended.err
    assert "hsk-0123456789" not in ended.out


def test_a_call_that_is_refused_fails_it(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("POST", "/v1/keys", {"code": "forbidden", "status": 403, "detail": "No."}, 403)
    ended = hotslot("demo", "--exit")
    assert ended.status == 1
    assert "The demo failed" in ended.err
    assert "forbidden" in ended.err


def test_a_key_without_a_url_is_wrong_usage(
    hotslot: Hotslot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOTSLOT_URL", raising=False)
    assert hotslot("demo", "--key", "k").status == 2


def test_a_url_without_a_key_is_wrong_usage(
    hotslot: Hotslot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOTSLOT_KEY", raising=False)
    assert hotslot("demo", "--url", "http://127.0.0.1:1").status == 2


@pytest.mark.parametrize("given", ["--url http://127.0.0.1:1", "--key k"])
def test_the_offline_story_plays_on_no_other_server(
    hotslot: Hotslot, stub: Stub, given: str
) -> None:
    ended = hotslot("demo", "--offline", "--exit", *given.split())
    assert (ended.status, stub.asked) == (2, [])
    assert "--offline" in ended.err


def test_an_answer_that_is_not_the_offline_storys_fails_it(stub: Stub, tmp_path: Path) -> None:
    issued = {"status": "valid", "slots": {"total": 1, "used": 0, "free": 1}}
    stub.answer("POST", "/v1/licenses", issued | {"activation_key": "hak-0123456789"}, 201)
    told = io.StringIO()
    with connect(stub.url, {}) as client:
        story = OfflineStory(client, client, tmp_path, Narrator(Console(file=told, width=80)))
        stub.answer("GET", f"/v1/licenses/{story.license}/file", FILE, media="application/yaml")
        stub.answer("PUT", f"/v1/deployments/{story.a}/activation", deployment(story.a))
        with pytest.raises(StoryError, match=f"The story says: {story.a} is active"):
            story.play({})
    assert '{"license_file": "<license.yml>", "reason"' in " ".join(told.getvalue().split())
    assert (tmp_path / "license.yml").read_text() == FILE
    assert max(map(len, told.getvalue().splitlines())) <= 80


def test_a_command_of_the_story_that_fails_fails_it(tmp_path: Path) -> None:
    narrator = Narrator(Console(file=io.StringIO()))
    with pytest.raises(StoryError, match="ended with status 1"):
        narrator.shell("vendor", {"HOTSLOT_DATA_DIR": str(tmp_path)}, "hotslot keys export-signing")


def test_a_key_in_the_environment_without_a_url_is_for_another_server(
    hotslot: Hotslot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOTSLOT_URL", raising=False)
    monkeypatch.setenv("HOTSLOT_KEY", "the-key-of-another-server")
    monkeypatch.setenv("HOTSLOT_PG_BIN", str(tmp_path / "no-such-folder"))
    ended = hotslot("demo", "--exit", "--data-dir", str(tmp_path / "data"))
    # It went for a server of its own, which has no PostgreSQL to start with.
    assert ended.status == 1
    assert "`hotslot serve` ended with status" in ended.err


def test_a_data_folder_that_cannot_be_used_is_explained(hotslot: Hotslot, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    ended = hotslot("demo", "--exit", "--data-dir", str(file / "below"))
    assert ended.status == 1
    assert "--data-dir" in ended.err


def test_a_server_that_does_not_start_is_explained_by_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTSLOT_PG_BIN", str(tmp_path / "no-such-folder"))
    with pytest.raises(DemoServerError, match="ended with status"), serving(tmp_path, 0):
        pass
