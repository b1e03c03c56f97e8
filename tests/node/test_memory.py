"""What is kept over a restart: whole or not at all, and for its owner's eyes only."""

import asyncio
import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from hotslot.node.memory import Memory

SECRET = "acme.a-secret-activation-key"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A memory with something in it."""
    path = tmp_path / "memory.json"
    memory = Memory(path)
    memory.content.activation_key = SECRET
    asyncio.run(memory.save())
    return path


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def apply(data: bytes) -> bytes:
        stored = json.loads(data)
        change(stored)
        return json.dumps(stored).encode()

    return apply


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "cut short"),
    "cut short": (lambda data: data[:-9], "cut short"),
    "garbage": (lambda _: bytes(range(256)), "cut short"),
    "zeros": (lambda data: bytes(len(data)), "cut short"),
    "other JSON": (lambda _: b'{"a": 1}', "no memory of a node"),
    "one letter": (lambda data: data.replace(b"secret", b"sacred"), "checksum"),
    "another version": (changed(lambda stored: stored.update(version=2)), "of version 2"),
    "another checksum": (changed(lambda stored: stored.update(sha256="0" * 64)), "checksum"),
}


def test_it_is_known_again(path: Path):
    memory = Memory(path)

    assert memory.content.activation_key == SECRET
    assert memory.damage is None


def test_nobody_else_can_read_it(path: Path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nobody_else_can_read_it_whatever_the_umask(tmp_path: Path):
    before = os.umask(0)
    try:
        memory = Memory(tmp_path / "memory.json")
        asyncio.run(memory.save())
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "memory.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_one_is_put_aside_and_nothing_of_it_is_trusted(path: Path, kind: str):
    damage, says = DAMAGE[kind]
    broken = damage(path.read_bytes())
    path.write_bytes(broken)

    with capture_logs() as logs:
        memory = Memory(path)

    assert memory.content.activation_key is None
    assert memory.damage is not None
    assert says in memory.damage
    assert "starts unlicensed" in memory.damage
    (aside,) = path.parent.glob("memory.json.broken-*")
    assert aside.name in memory.damage
    assert aside.read_bytes() == broken
    assert [each["event"] for each in logs] == ["memory-damaged"]
    assert SECRET not in f"{logs}{memory.damage}"
    asyncio.run(memory.save())
    assert Memory(path).damage is None


def test_a_full_disk_is_said_and_survived(path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    memory = Memory(path)
    memory.content.activation_key = "acme.another"
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(os, "fsync", full)
        asyncio.run(memory.save())

    assert memory.content.activation_key == "acme.another"
    assert "No space left on device" in str(memory.fault)
    assert [each["event"] for each in logs] == ["memory-not-saved"]
    assert "acme.another" not in str(logs)
    assert [each.name for each in path.parent.iterdir()] == ["memory.json"]
    assert Memory(path).content.activation_key == SECRET

    asyncio.run(memory.save())
    assert memory.fault is None
    assert Memory(path).content.activation_key == "acme.another"


def test_what_a_killed_process_left_half_written_is_no_matter(path: Path):
    path.with_name(".memory.json.new").write_bytes(b"{")

    memory = Memory(path)
    memory.content.activation_key = "acme.another"
    asyncio.run(memory.save())

    assert [each.name for each in path.parent.iterdir()] == ["memory.json"]
    assert Memory(path).content.activation_key == "acme.another"


def test_one_that_can_not_be_read_is_no_empty_one(tmp_path: Path):
    """To begin anew would overwrite what is there."""
    (tmp_path / "memory.json").mkdir()

    with pytest.raises(OSError, match="Is a directory"):
        Memory(tmp_path / "memory.json")
