"""One world for all tests of tampering, which is copied for each."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.command_line import Ended, Hotslot
from tests.projections.conftest import LIMIT_SECONDS
from tests.tampering.world import Worlds

_made: list[Worlds] = []


@pytest.fixture
def hotslot_verify() -> Hotslot:
    """Runs the auditor's program, which has processes of its own."""

    def call(*arguments: str, **variables: str) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "hotslot_verify", *arguments],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

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
