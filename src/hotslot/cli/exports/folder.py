"""The folder of an export: which file is what, and how each comes to be whole.

- `checkpoint` is written last, so that a folder without it is an unfinished export. It says how
  many lines of `entries.ndjson` count.
- `checkpoint.partial` is the checkpoint that an export under way is on its way to.
- `entries.ndjson.partial` has the entries behind those of `checkpoint`, as far as they are there.
- `tile/` only ever gets more files until the new checkpoint is there. The finished export that was
  in the folder before stays as good as it was, whatever becomes of its update.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from hotslot.cli.exports.errors import ExportError

CHECKPOINT = "checkpoint"
TARGET = "checkpoint.partial"
ENTRIES = "entries.ndjson"
TAIL = "entries.ndjson.partial"
KEYS = "key.vkey"
README = "README.md"
TILES = "tile"
ALL = {CHECKPOINT, TARGET, ENTRIES, TAIL, KEYS, README, TILES}

_UNFINISHED = ".new"
_PARTIAL_TILES = "*.p"


class Folder:
    """The files of one export."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the folder, which is made if need be: nobody else exports into it meanwhile.

        Raises:
            ExportError: it holds something else, or somebody else is exporting into it.

        """
        is_new = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ExportError(
                    f"Another export into {self.path} is under way. Wait for it, or end it."
                ) from None
            self._refuse_if_other()
            yield
        finally:
            os.close(handle)
            if is_new:
                with contextlib.suppress(OSError):  # it is not empty
                    self.path.rmdir()

    def read(self, name: str) -> bytes | None:
        """The content of a file; None when there is none."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def keep(self, name: str, content: bytes) -> None:
        """See to it that a file has this content. It never has only a part of it."""
        if self.read(name) == content:
            return
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}{_UNFINISHED}")
        unfinished.write_bytes(content)
        unfinished.replace(path)

    def finish(self, target: bytes, partial_tiles: set[str]) -> None:
        """Make the export that is all there the finished one, with the target as its checkpoint."""
        if (self.path / ENTRIES).exists():
            with (self.path / ENTRIES).open("ab") as entries, (self.path / TAIL).open("rb") as tail:
                shutil.copyfileobj(tail, entries)
        else:
            (self.path / TAIL).replace(self.path / ENTRIES)
        # One call for thousands of files: what the checkpoint speaks of must outlast a power cut.
        os.sync()
        self.keep(CHECKPOINT, target)
        for name in (TARGET, TAIL):
            (self.path / name).unlink(missing_ok=True)
        self._drop_partial_tiles(partial_tiles)

    def recover_entries(self) -> None:
        """Take entries that no checkpoint counts for those of an export under way."""
        entries = self.path / ENTRIES
        if entries.exists() and not (self.path / CHECKPOINT).exists():
            entries.replace(self.path / TAIL)

    def _refuse_if_other(self) -> None:
        found = {path.name for path in self.path.iterdir() if not path.name.startswith(".")}
        if found and not (found <= ALL and found & {CHECKPOINT, TARGET}):
            strange = ", ".join(sorted(found - ALL)[:3]) or "no checkpoint"
            raise ExportError(
                f"{self.path} holds something else than an export ({strange}). Name a folder that "
                "is empty, or is not there yet, or has an earlier export."
            )

    def _drop_partial_tiles(self, wanted: set[str]) -> None:
        """Delete the tiles that were not full at an earlier size, and are none of this one's."""
        for folder in list((self.path / TILES).rglob(_PARTIAL_TILES)):
            for tile in list(folder.iterdir()):
                if tile.relative_to(self.path).as_posix() not in wanted:
                    tile.unlink()
            with contextlib.suppress(OSError):  # it has those that are wanted
                folder.rmdir()
