"""How a package is taken apart, when nobody knows yet who made it.

It is read from front to back in small pieces, and given up at the first thing that is not right:
until the manifest, which comes first, is verified, nothing else is unpacked; then only the files
that it lists, each as long as it says. So however small a package is and whatever it unpacks to, it
takes no more memory than a piece, and no more disk than its manifest was allowed to ask for.
"""

import hashlib
import os
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO

from hotslot.licensefiles import Keys
from hotslot.node.atomic_file import sync_folder
from hotslot.node.engines.errors import ContentInvalidError
from hotslot.node.engines.forms import MANIFEST, Content, Limits, Manifest, read_manifest

_PIECE = 1 << 16
_BLOCK = tarfile.BLOCKSIZE
_AGAIN = "Take it again from the publisher."
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.DIRTYPE: "a folder",
}


def unpack(package: Path, folder: Path, keys: Keys, limits: Limits) -> Manifest:
    """Unpack into an empty folder what the package's manifest lists, and the manifest.

    Raises:
        ContentInvalidError: the package is damaged, not to be trusted, or holds what it must not.
        OSError: the disk is full, or something else is in the way.

    """
    with package.open("rb") as file:
        archive = _Archive(file)
        name, size = archive.next_file()
        if name != MANIFEST:
            raise ContentInvalidError(
                f"The package does not begin with {MANIFEST}: it is no package of an engine."
            )
        if size > limits.manifest_bytes:
            raise ContentInvalidError(f"The package's {MANIFEST} is too large ({size} bytes).")
        sealed = archive.read(size)
        archive.skip_padding(size)
        manifest = read_manifest(sealed, keys, limits)
        _write(folder / MANIFEST, sealed)
        for content in manifest.files:
            if archive.next_file() != (content.name, content.size):
                raise ContentInvalidError(
                    f"The package has something else in the place of {content.name}, of "
                    f"{content.size} bytes. {_AGAIN}"
                )
            _unpack(archive, content, folder)
        archive.end()
    sync_folder(folder)
    return manifest


def _unpack(archive: "_Archive", content: Content, folder: Path) -> None:
    digest = hashlib.sha256()
    left = content.size
    with (folder / content.name).open("xb") as file:
        while left:
            piece = archive.read(min(left, _PIECE))
            left -= len(piece)
            digest.update(piece)
            file.write(piece)
        archive.skip_padding(content.size)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != content.sha256:
        raise ContentInvalidError(f"{content.name} in the package was changed. {_AGAIN}")


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


class _Archive:
    """The files of a tar, one after the other; nothing but plain files in one folder."""

    def __init__(self, file: BinaryIO) -> None:
        self._inflated = _Inflated(file)

    def next_file(self) -> tuple[str, int]:
        """Name and size of the next file, whose bytes are to be read now."""
        try:
            entry = tarfile.TarInfo.frombuf(self.read(_BLOCK), "utf-8", "strict")
        except (tarfile.TarError, UnicodeDecodeError):
            raise ContentInvalidError(
                f"The package is damaged, or lacks a file that its manifest lists. {_AGAIN}"
            ) from None
        if entry.type in _KINDS:
            raise ContentInvalidError(f"The package holds {_KINDS[entry.type]} ({entry.name!r}).")
        if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise ContentInvalidError("The package holds something that is no plain file.")
        if "/" in entry.name or "\\" in entry.name or entry.name in (".", ".."):
            raise ContentInvalidError(
                f"The package names a path outside its own folder ({entry.name!r})."
            )
        if entry.size < 0:
            raise ContentInvalidError(f"The package is damaged: {entry.name} has no size.")
        return entry.name, entry.size

    def read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        data = self._inflated.read(size)
        if len(data) < size:
            raise ContentInvalidError(f"The package ends too early. {_AGAIN}")
        return data

    def skip_padding(self, size: int) -> None:
        """Go to where the next header is, after a file of that size."""
        self.read(-size % _BLOCK)

    def end(self) -> None:
        """See to it that nothing comes anymore but what fills up the last record."""
        rest = self._inflated.read(tarfile.RECORDSIZE + 1)
        if rest.strip(b"\0") or not self._inflated.at_end():
            raise ContentInvalidError("The package holds more than its manifest lists.")


class _Inflated:
    """What is in a gzip file, in pieces that are never larger than asked for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._gzip = zlib.decompressobj(wbits=31)

    def read(self, size: int) -> bytes:
        """So many bytes, or as many as there are until the end."""
        pieces = []
        while size and not self._gzip.eof:
            packed = self._gzip.unconsumed_tail or self._file.read(_PIECE)
            try:
                piece = self._gzip.decompress(packed, size)
            except zlib.error:
                raise ContentInvalidError(f"The package is damaged. {_AGAIN}") from None
            if not packed and not piece:
                raise ContentInvalidError(f"The package is cut short. {_AGAIN}")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def at_end(self) -> bool:
        """Whether nothing follows after what was packed."""
        return self._gzip.eof and not self._gzip.unused_data and not self._file.read(1)
