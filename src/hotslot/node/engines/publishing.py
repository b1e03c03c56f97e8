"""Publishing: folders of engines become packages and a signed index that nodes update from."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from io import BufferedRandom
from pathlib import Path

import msgspec

from hotslot.licensefiles import Keys, SigningKey
from hotslot.node.atomic_file import sync_folder
from hotslot.node.engines.errors import ContentInvalidError, EngineError
from hotslot.node.engines.forms import (
    INDEX,
    MANIFEST,
    SIGNATURE_SET,
    Content,
    Index,
    Limits,
    Listed,
    Manifest,
    Name,
    Version,
    read_index,
    read_manifest,
    write_index,
    write_manifest,
)
from hotslot.node.engines.packing import pack
from hotslot.node.engines.signature_set import read_signatures

_READABLE = 0o644


class _About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the publisher says of an engine, in `engine.json` beside its files."""

    name: Name
    type: str
    version: Version


def publish(folder: Path, out: Path, keys: Keys, now: datetime) -> Index:
    """Make packages and an index in `out` from the engines in the folders below `folder`.

    Packages of earlier indexes stay, for nodes that are just downloading them.

    Raises:
        EngineError: an engine is not as it has to be, or no key signs. `out` has no new index.
        OSError: something can't be read or written. `out` has no new index.

    """
    if keys.signing is None:
        raise EngineError("No key signs. Make one: hotslot keys generate-signing")
    out.mkdir(parents=True, exist_ok=True)
    previous = _previous(out / INDEX, keys)
    engines = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    if not engines:
        raise EngineError(
            f"There are no engines in {folder}: each has a folder of its own there, with "
            f"{MANIFEST} in it. `hotslot engines sample` makes one to look at."
        )
    index = Index(
        # Rises with the clock, so that a publisher who has lost the folder goes on above it.
        serial=max(previous + 1, int(now.timestamp())),
        published_at=now,
        packages=[_package(engine, out, keys, keys.signing) for engine in engines],
    )
    sealed = write_index(index, keys.signing)
    read_index(sealed, keys)

    def write(file: BufferedRandom) -> str:
        file.write(sealed)
        return INDEX

    _put(out, write)
    return index


def _previous(path: Path, keys: Keys) -> int:
    """The serial of the index that is there already."""
    try:
        return read_index(path.read_bytes(), keys).serial
    except FileNotFoundError:
        return 0
    except ContentInvalidError as error:
        raise EngineError(
            f"{path} is there already, and is not yours to go on from: {error} Move it away, or "
            "name another folder."
        ) from None


def _package(engine: Path, out: Path, keys: Keys, key: SigningKey) -> Listed:
    try:
        manifest, files = _read(engine)
        # Whatever a node would refuse is refused here.
        read_manifest(write_manifest(manifest, key), keys, Limits())
    except (ContentInvalidError, msgspec.DecodeError) as error:
        raise EngineError(f"The engine in {engine} can't be published: {error}") from None
    digest = ""

    def write(file: BufferedRandom) -> str:
        nonlocal digest
        pack(manifest, files, key, file)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return f"{manifest.engine}-{manifest.version}-{digest[:16]}.engine"

    path = _put(out, write)
    return Listed(
        engine=manifest.engine,
        name=manifest.name,
        type=manifest.type,
        version=manifest.version,
        file=path.name,
        size=path.stat().st_size,
        sha256=digest,
    )


def _read(engine: Path) -> tuple[Manifest, dict[str, Path]]:
    paths = sorted(path for path in engine.iterdir() if path.name[0] != ".")
    if strange := [path.name for path in paths if path.is_symlink() or not path.is_file()]:
        raise ContentInvalidError(f"{strange[0]} is no plain file.")
    files = {path.name: path for path in paths if path.name != MANIFEST}
    if not files or len(files) == len(paths):
        raise ContentInvalidError(f"{MANIFEST} and at least one signature set have to be there.")
    about = msgspec.json.decode((engine / MANIFEST).read_bytes(), type=_About)
    if about.type != SIGNATURE_SET:
        raise ContentInvalidError(f"its type is not {SIGNATURE_SET!r}, the only one there is.")
    read_signatures(files.values())
    contents = [_content(name, path) for name, path in files.items()]
    fields = {
        "engine": engine.name,
        "name": about.name,
        "type": about.type,
        "version": about.version,
        # Not the time of publishing: what did not change is the same package again.
        "made_at": datetime.fromtimestamp(max(path.stat().st_mtime for path in paths), UTC),
        "files": msgspec.to_builtins(contents),
    }
    return msgspec.convert(fields, Manifest), files


def _content(name: str, path: Path) -> Content:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Content(name=name, size=path.stat().st_size, sha256=digest)


def _put(folder: Path, write: Callable[[BufferedRandom], str]) -> Path:
    """Write a file that is there whole or not at all; `write` says what its name is."""
    handle, name = tempfile.mkstemp(prefix=".publishing-", dir=folder)
    new = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            os.fchmod(handle, _READABLE)  # for whoever serves the folder
            path = folder / write(file)
            file.flush()
            os.fsync(handle)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    sync_folder(folder)
    return path
