"""Keys, engines, packages and places to test with.

Packages are also put together here by hand, for those that the project would never make.
"""

import asyncio
import gzip
import hashlib
import io
import itertools
import json
import os
import tarfile
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotslot.licensefiles import Keys
from hotslot.node.engines import Check, Engines, Limits, UpdateSettings, publish
from hotslot.node.engines.sealing import seal
from tests.licensefiles.material import key, listed

KEY, OTHER = key(11), key(12)
KEYS = Keys(KEY, (listed(KEY, "signing"),))
OTHERS = Keys(OTHER, (listed(OTHER, "signing"),))

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
_times = itertools.count(1_700_000_000)

ALL_RIGHTS = frozenset({"engines.download", "engines.upload", "engines.deploy"})

Entry = tuple[str, bytes]


def signatures(threat: str, marker: bytes) -> bytes:
    """A set that finds `marker`."""
    pattern = {"name": threat, "hex": marker.hex()}
    return json.dumps({"format": "hotslot-signature-set/1", "patterns": [pattern]}).encode()


def packed(entries: Iterable[Entry | tarfile.TarInfo], *, more: bytes = b"") -> bytes:
    """A gzipped tar of these files and entries, in this order, and `more` at the tar's end."""
    out = io.BytesIO()
    with tarfile.open(mode="w", fileobj=out, format=tarfile.USTAR_FORMAT) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                archive.addfile(info, io.BytesIO(entry[1]))
    return gzip.compress(out.getvalue() + more, mtime=0)


def manifest(files: Mapping[str, bytes], /, **other: Any) -> dict[str, Any]:
    """What a manifest says of these files."""
    return {
        "engine": "demo",
        "name": "Demo",
        "type": "signature-set",
        "version": "1",
        "made_at": "2026-11-22T12:00:00Z",
        "files": [
            {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
        ],
        **other,
    }


def sealed(content: Mapping[str, Any], signing: Any = KEY) -> Entry:
    """The first entry of a package."""
    return "engine.json", seal(content, "hotslot-engine-package/1", signing)


def package(threat: str = "Threat", marker: bytes = b"a marker of some bytes") -> bytes:
    """A good package."""
    files = {"set.json": signatures(threat, marker)}
    return packed([sealed(manifest(files)), *files.items()])


def index(
    packages: Mapping[str, bytes], serial: int = 1, signing: Any = KEY, **other: Any
) -> bytes:
    """A signed index of packages; `other` replaces what it says of each."""
    content = {
        "serial": serial,
        "published_at": "2026-11-22T12:00:00Z",
        "packages": [
            {
                "engine": engine,
                "name": "Demo",
                "type": "signature-set",
                "version": "1",
                "file": f"{engine}.engine",
                "size": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                **other,
            }
            for engine, data in packages.items()
        ],
    }
    return seal(content, "hotslot-engine-index/1", signing)


class Site:
    """A publisher with a folder of engines, and an instance that updates from it."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self.engines_folder = folder / "engines"
        self.source = folder / "published"
        self.data = folder / "instance"
        self.rights = set(ALL_RIGHTS)
        self.keys = KEYS
        self.limits = limits or Limits()
        self.source.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        """Start the instance, or start it again."""
        self.engines = Engines(
            self.data,
            lambda right: right in self.rights,
            keys=lambda: self.keys,
            update_source=str(self.source),
            limits=self.limits,
        )
        self.engines.configure(UpdateSettings())

    def engine(self, marker: bytes, *, version: str = "1", engine: str = "demo") -> None:
        """Write an engine, to be published, that finds `marker` by the name `Threat-<version>`."""
        folder = self.engines_folder / engine
        folder.mkdir(parents=True, exist_ok=True)
        about = {"name": engine.title(), "type": "signature-set", "version": version}
        (folder / "engine.json").write_text(json.dumps(about))
        (folder / "set.json").write_bytes(signatures(f"Threat-{version}", marker))
        at = next(_times)
        os.utime(folder / "set.json", (at, at))
        os.utime(folder / "engine.json", (at, at))

    def publish(self) -> None:
        publish(self.engines_folder, self.source, KEYS, NOW)

    def offer(self, packages: Mapping[str, bytes], **other: Any) -> None:
        """Publish packages as they are, under a correct index."""
        for engine, data in packages.items():
            (self.source / f"{engine}.engine").write_bytes(data)
        (self.source / "index.json").write_bytes(index(packages, **other))

    def update(self) -> Check:
        return asyncio.run(self.engines.update())

    def upload(self, data: bytes) -> str:
        return asyncio.run(self.engines.upload(in_pieces(data)))

    def row(self, engine: str = "demo") -> dict[str, Any]:
        (row,) = [row for row in self.engines.listing() if row["eng_id"] == engine]
        return row

    def found(self, data: bytes) -> tuple[str, ...]:
        return self.engines.scan([data]).threats

    def leftovers(self) -> list[str]:
        """What lies in the instance's folder and belongs to no deployed engine."""
        return sorted(
            str(path.relative_to(self.data))
            for path in (*self.data.glob("packages/*"), *self.data.glob("deployed/.*"))
        )


async def in_pieces(data: bytes, size: int = 1 << 16) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
