"""Folders of keys: filled, read, and complained about."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hotslot.licensefiles import KeyFolder, KeyFolderError


def put(path: Path, content: bytes | str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def statuses(folder: Path) -> dict[str, str]:
    return {each.id: each.status for each in KeyFolder(folder).read().listed}


def complaint(act: Callable[[], object]) -> str:
    with pytest.raises(KeyFolderError) as caught:
        act()
    return str(caught.value)
