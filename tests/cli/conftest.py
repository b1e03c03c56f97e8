"""Runs the command line in this process, against a stub of the server."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from hotslot.cli.main import run
from tests.cli.stub import Stub, stub_server

KEY = "key-for-tests-0123456789"


@dataclass
class Ended:
    status: int
    out: str
    err: str


Hotslot = Callable[..., Ended]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    with stub_server() as server:
        monkeypatch.setenv("HOTSLOT_URL", server.url)
        monkeypatch.setenv("HOTSLOT_KEY", KEY)
        yield server


@pytest.fixture
def hotslot(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hotslot:
    def call(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["hotslot", *arguments])
        with pytest.raises(SystemExit) as ended:
            run()
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return call
