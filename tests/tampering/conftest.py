"""One world for all tests of tampering, which is copied for each."""

import os
import runpy
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.command_line import Ended, Hotslot
from tests.tampering.world import Worlds

_made: list[Worlds] = []


@pytest.fixture
def hotslot_verify(capsys: pytest.CaptureFixture[str]) -> Hotslot:
    """Runs the auditor's program in this process."""

    def call(*arguments: str, **variables: str) -> Ended:
        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys, "argv", ["hotslot-verify", *arguments])
            for name, value in variables.items():
                patched.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                runpy.run_module("hotslot_verify", run_name="__main__")
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture
def worlds(
    new_database: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
    hotslot: Hotslot,
    hotslot_verify: Hotslot,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Worlds]:
    """The worlds, which are made once; each test changes copies of its own."""
    monkeypatch.setattr(os, "sync", lambda: None)  # no test cuts the power
    if not _made:
        folder = tmp_path_factory.mktemp("world")
        _made.append(Worlds.made(new_database(), folder, hotslot, hotslot_verify))
    worlds = _made[0].run_by(hotslot, hotslot_verify)
    yield worlds
    worlds.drop()
