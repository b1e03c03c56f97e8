"""How a package is made: a gzipped tar of a signed manifest and the files that it lists.

The same content, signed with the same key, makes the same bytes.
"""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from hotslot.licensefiles import SigningKey
from hotslot.node.engines.forms import MANIFEST, Manifest, write_manifest


def pack(manifest: Manifest, files: Mapping[str, Path], key: SigningKey, out: BinaryIO) -> None:
    """Write a package. `files` are where the contents are that the manifest lists.

    Raises:
        OSError: a file can't be read, or `out` not written.

    """
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=0) as zipped,
        tarfile.open(mode="w", fileobj=zipped, format=tarfile.USTAR_FORMAT) as archive,
    ):
        sealed = write_manifest(manifest, key)
        archive.addfile(_entry(MANIFEST, len(sealed)), io.BytesIO(sealed))
        for content in manifest.files:
            with files[content.name].open("rb") as file:
                archive.addfile(_entry(content.name, content.size), file)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry
