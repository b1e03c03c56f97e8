"""The command line runs against a stub of the server."""

from collections.abc import Iterator

import pytest

from tests.cli.stub import Stub, stub_server

KEY = "key-for-tests-0123456789"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    with stub_server() as server:
        monkeypatch.setenv("HOTSLOT_URL", server.url)
        monkeypatch.setenv("HOTSLOT_KEY", KEY)
        yield server
