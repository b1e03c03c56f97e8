"""An export as one zip file, which is made of a folder beside it."""

import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from hotslot.cli.exports.errors import ExportError
from hotslot.cli.exports.folder import CHECKPOINT, ENTRIES, KEYS, README, TILES

_PARTS = ".parts"
_UNPACKED = ".parts.unpacking"
_UNFINISHED = ".partial"
_FILES = (README, KEYS, ENTRIES, CHECKPOINT)
_TILE = re.compile(rf"{TILES}/([0-9]{{1,2}}|entries)(/x[0-9]{{3}})*/[0-9]{{3}}(\.p/[0-9]{{1,3}})?")
_HASHES = re.compile(rf"{TILES}/[0-9]+/.*")


def folder_beside(zip_: Path) -> Path:
    """The folder that a zip is made of; what the zip already holds is unpacked into it.

    Raises:
        ExportError: the file is no export.

    """
    folder = _with_suffix(zip_, _PARTS)
    if zip_.exists() and not folder.exists():
        unpacked = _with_suffix(zip_, _UNPACKED)
        shutil.rmtree(unpacked, ignore_errors=True)
        _unpack(zip_, unpacked)
        unpacked.replace(folder)
    return folder


def pack(folder: Path, zip_: Path, progress: Callable[[int, int], None]) -> None:
    """Make a zip of a finished export, which replaces an older one, and delete the folder."""
    tiles = sorted(path for path in (folder / TILES).rglob("*") if path.is_file())
    files = [*(folder / name for name in _FILES), *tiles]
    unfinished = _with_suffix(zip_, _UNFINISHED)
    with zipfile.ZipFile(unfinished, "w") as packed:
        for number, path in enumerate(files, 1):
            name = path.relative_to(folder).as_posix()
            # Hashes have nothing that could be compressed.
            method = zipfile.ZIP_STORED if _HASHES.fullmatch(name) else zipfile.ZIP_DEFLATED
            packed.write(path, name, method)
            progress(number, len(files))
    unfinished.replace(zip_)
    shutil.rmtree(folder)


def _unpack(zip_: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(zip_) as packed:
            names = packed.namelist()
            strange = [name for name in names if name not in _FILES and not _TILE.fullmatch(name)]
            if strange or CHECKPOINT not in names:
                raise ExportError(f"{zip_} is a zip of something else. Name another file.")
            packed.extractall(folder, names)
    except (zipfile.BadZipFile, EOFError) as error:
        raise ExportError(
            f"{zip_} is there already, and can't be read as a zip ({error}). Name another file."
        ) from None


def _with_suffix(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
