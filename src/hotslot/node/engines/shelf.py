"""The engines on disk: each version in a folder of its own, and one link that says which is used.

    deployed/<engine>/<SHA-256 of the package>/    engine.json and the files that it lists
    deployed/<engine>/current                      a link to the version in use

A version is complete and on the disk before the link is turned to it, in one step. So whatever
happens at whatever moment, the link leads to a whole version: the new one, or the last good one.
"""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from hotslot.licensefiles import Keys
from hotslot.node.atomic_file import sync_folder
from hotslot.node.engines.errors import ContentInvalidError, NotDeployedError, of_system
from hotslot.node.engines.forms import MANIFEST, Limits, Manifest, read_manifest
from hotslot.node.engines.signature_set import Signatures, read_signatures
from hotslot.node.engines.unpacking import unpack

_CURRENT = "current"
_STAGING = ".staging-"


class Deployed(msgspec.Struct, frozen=True):
    """A version of an engine that can be used."""

    manifest: Manifest
    signatures: Signatures
    package: str
    """SHA-256 of the package that it came in."""


class Loaded(msgspec.Struct, frozen=True):
    """What was found of an engine at the start."""

    deployed: Deployed | None
    complaint: str | None
    """Why it is not the version that was in use last."""


class Shelf:
    """The folder of deployed engines. One process may use it at a time."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob(f"{_STAGING}*"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)

    def load(self) -> dict[str, Loaded]:
        """Every engine, by id: its current version, or if that is damaged the one before."""
        loaded = {}
        for engine in sorted(self._folder.iterdir()):
            link = engine / _CURRENT
            if link.is_symlink():
                loaded[engine.name] = self._load(engine, link.readlink().name)
            elif engine.is_dir():  # not deployed to the end, or not removed to the end
                shutil.rmtree(engine, ignore_errors=True)
        return loaded

    def deploy(
        self, package: Path, digest: str, keys: Keys, approve: Callable[[Manifest], None]
    ) -> Deployed:
        """Unpack a package, see that it works, and turn to it.

        `approve` may raise, once it is known what the package is.

        Raises:
            ContentInvalidError: the package is not good; nothing has changed.
            NotDeployedError: the disk is full, or alike; nothing has changed.

        """
        try:
            staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self._folder))
            try:
                manifest = unpack(package, staging, keys, self._limits)
                approve(manifest)
                signatures = read_signatures(staging / file.name for file in manifest.files)
                self._turn_to(staging, self._folder / manifest.engine, digest)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
        except OSError as error:
            raise NotDeployedError(f"It could not be deployed: {of_system(error)}.") from error
        return Deployed(manifest, signatures, digest)

    def remove(self, engine: str) -> None:
        """Take an engine away, all versions of it.

        Raises:
            NotDeployedError: the folder can't be changed.

        """
        folder = self._folder / engine
        try:
            (folder / _CURRENT).unlink(missing_ok=True)
            sync_folder(folder)
            shutil.rmtree(folder)
        except OSError as error:
            raise NotDeployedError(f"It could not be removed: {of_system(error)}.") from error

    def _turn_to(self, staging: Path, engine: Path, digest: str) -> None:
        engine.mkdir(mode=0o700, exist_ok=True)
        sync_folder(self._folder)
        link, version = engine / _CURRENT, engine / digest
        before = link.readlink().name if link.is_symlink() else None
        if not self._is_whole(version):
            if version.exists():  # it was in use once, and was damaged since
                shutil.rmtree(version)
            staging.rename(version)
            sync_folder(engine)
        _point(link, digest)
        # The one before stays, for the case that this one is damaged on the disk.
        for old in engine.iterdir():
            if before != digest and old.name not in (_CURRENT, digest, before):
                shutil.rmtree(old, ignore_errors=True)

    def _load(self, engine: Path, current: str) -> Loaded:
        others = {path.name for path in engine.iterdir() if path.is_dir()} - {_CURRENT, current}
        complaint = None
        for name in (current, *sorted(others)):
            try:
                return Loaded(self._load_version(engine / name), complaint)
            except (ContentInvalidError, OSError) as error:
                complaint = complaint or (
                    f"The version in use was damaged on the disk ({error}); the one before it is "
                    "used, if there is one. It is deployed anew at the next update."
                )
        return Loaded(None, complaint)

    def _is_whole(self, version: Path) -> bool:
        try:
            self._load_version(version)
        except (ContentInvalidError, OSError):
            return False
        return True

    def _load_version(self, version: Path) -> Deployed:
        manifest = read_manifest((version / MANIFEST).read_bytes(), None, self._limits)
        for content in manifest.files:
            with (version / content.name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != content.sha256:
                    raise ContentInvalidError(f"{content.name} is not what it was")
        signatures = read_signatures(version / file.name for file in manifest.files)
        return Deployed(manifest, signatures, version.name)


def _point(link: Path, target: str) -> None:
    """Have a link lead to another target, in one step."""
    new = link.with_name(f".{link.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    new.symlink_to(target)
    new.replace(link)
    sync_folder(link.parent)
