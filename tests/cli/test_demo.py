"""The demo: that it plays through on a real server, and fails loudly where an answer is wrong."""

from pathlib import Path

import pytest

from hotslot.cli.demo.server import DemoServerError, serving
from tests.cli.conftest import Hotslot
from tests.cli.stub import Stub


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
