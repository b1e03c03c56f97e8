"""What docs/audit.md tells an auditor to write works, and notices what it should."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tampering.test_tampering import GUIDE
from tests.tampering.world import Worlds

PROGRAM = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL))


@pytest.fixture
def folder(worlds: Worlds, tmp_path: Path) -> Path:
    """Where an auditor has an export, and the key that came by another way."""
    world = worlds.now()
    shutil.copytree(world.home / "before", tmp_path / "export")
    (tmp_path / "key.vkey").write_text(world.verifier)
    return tmp_path


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_program_of_the_guide_verifies_an_export(folder: Path):
    ended = run(folder)

    assert ended.stderr == ""
    assert ended.stdout.splitlines() == [
        "the root is as promised",
        "the checkpoint is signed with the given key",
    ]


def test_it_notices_a_changed_entry(folder: Path):
    entries = folder / "export" / "entries.ndjson"
    entries.write_bytes(entries.read_bytes().replace(b"operator-1", b"operator-2", 1))

    assert "TAMPERED" in run(folder).stdout


def test_it_notices_another_signer(folder: Path):
    checkpoint = folder / "export" / "checkpoint"
    checkpoint.write_text(checkpoint.read_text("utf-8").replace("/log\n", "/another\n", 1), "utf-8")

    ended = run(folder)

    assert "InvalidSignature" in ended.stderr
    assert ended.returncode == 1
