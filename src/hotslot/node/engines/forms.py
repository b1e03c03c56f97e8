"""What an index and the manifest of a package say, and how long and large things may be."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from hotslot.licensefiles import Keys, SigningKey
from hotslot.node.engines.errors import ContentInvalidError
from hotslot.node.engines.sealing import seal, unseal, unseal_unverified

INDEX = "index.json"
"""The name of the index in the folder of a source."""
MANIFEST = "engine.json"
"""The name of the manifest in a package: the first file in it."""
SIGNATURE_SET = "signature-set"
"""The type of engine that there is: files of hashes and byte patterns."""

INDEX_FORMAT = "hotslot-engine-index/1"
PACKAGE_FORMAT = "hotslot-engine-package/1"

EngineId = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
Version = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")]
Name = Annotated[str, Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f]{1,100}\Z")]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
ContentName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")]
PackageName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,199}\Z")]
Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=2**53)]


@dataclass(frozen=True)
class Limits:
    """How much of anything is taken in. Sizes are in bytes."""

    index_bytes: int = 1 << 20
    manifest_bytes: int = 1 << 16
    package_bytes: int = 256 << 20
    unpacked_bytes: int = 512 << 20
    files: int = 64
    download_seconds: float = 3600


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


FormT = TypeVar("FormT", bound=_Form)


class Listed(_Form, frozen=True):
    """A package as the index lists it."""

    engine: EngineId
    name: Name
    type: Name
    version: Version
    file: PackageName
    size: Count
    sha256: Sha256


class Index(_Form, frozen=True):
    """What a source offers."""

    serial: Annotated[int, Meta(ge=1, le=2**53)]
    """Higher in every later index of a publisher."""
    published_at: Moment
    packages: list[Listed]


class Content(_Form, frozen=True):
    """A file in a package."""

    name: ContentName
    size: Count
    sha256: Sha256


class Manifest(_Form, frozen=True):
    """What a package is."""

    engine: EngineId
    name: Name
    type: Literal["signature-set"]
    version: Version
    made_at: Moment
    """When its definitions were last changed."""
    files: Annotated[list[Content], Meta(min_length=1)]


def write_index(index: Index, key: SigningKey) -> bytes:
    """The signed file."""
    return seal(msgspec.to_builtins(index), INDEX_FORMAT, key)


def read_index(data: bytes, keys: Keys) -> Index:
    """The index in a signed file.

    Raises:
        ContentInvalidError: it can't be trusted, or is of another form.

    """
    what = "The index of engines"
    index = _convert(unseal(data, INDEX_FORMAT, keys, what=what), Index, what)
    if len({listed.engine for listed in index.packages}) != len(index.packages):
        raise ContentInvalidError(f"{what} lists an engine twice. Publish it again.")
    return index


def write_manifest(manifest: Manifest, key: SigningKey) -> bytes:
    """The signed file."""
    return seal(msgspec.to_builtins(manifest), PACKAGE_FORMAT, key)


def read_manifest(data: bytes, keys: Keys | None, limits: Limits) -> Manifest:
    """The manifest in a signed file. Without keys, one whose signature was verified before.

    Raises:
        ContentInvalidError: it can't be trusted, is of another form, or says too much.

    """
    what = "The package"
    content = (
        unseal_unverified(data, PACKAGE_FORMAT, what=what)
        if keys is None
        else unseal(data, PACKAGE_FORMAT, keys, what=what)
    )
    manifest = _convert(content, Manifest, what)
    names = {file.name for file in manifest.files}
    if len(names) != len(manifest.files) or MANIFEST in names:
        raise ContentInvalidError(f"{what} lists a file twice.")
    if len(names) > limits.files:
        raise ContentInvalidError(
            f"{what} has {len(names)} files, and {limits.files} are the most that is taken."
        )
    unpacked = sum(file.size for file in manifest.files)
    if unpacked > limits.unpacked_bytes:
        raise ContentInvalidError(
            f"{what} would take {unpacked} bytes unpacked, and {limits.unpacked_bytes} are the "
            "most that is taken."
        )
    return manifest


def _convert(content: dict[str, Any], form: type[FormT], what: str) -> FormT:
    try:
        return msgspec.convert(content, form)
    except msgspec.ValidationError as error:
        raise ContentInvalidError(f"{what} is of another form than is known: {error}.") from None
