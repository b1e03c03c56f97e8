"""The command line runs against stubs of the server, or of its log."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.log_stub import SIZE, LogStub, serving_log
from tests.cli.stub import Stub, stub_server
from tests.command_line import Ended, Hotslot

Export = Callable[..., Ended]

KEY = "key-for-tests-0123456789"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    with stub_server() as server:
        monkeypatch.setenv("HOTSLOT_URL", server.url)
        monkeypatch.setenv("HOTSLOT_KEY", KEY)
        yield server


@pytest.fixture
def log() -> Iterator[LogStub]:
    log = LogStub(SIZE, signed=[300, 600])
    with serving_log(log):
        yield log


@pytest.fixture
def export(
    hotslot: Hotslot, log: LogStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Export:
    monkeypatch.setattr(os, "sync", lambda: None)  # no test cuts the power

    def call(to: str = "export", *options: str) -> Ended:
        place = str(tmp_path / to)
        variables = {"HOTSLOT_URL": log.url, "HOTSLOT_KEY": KEY}
        return hotslot("audit", "export", place, *options, **variables)

    return call
