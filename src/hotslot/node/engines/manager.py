"""Engines: what the rest of the node asks, of updates, of deployment and of scans."""

import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotslot.licensefiles import KeyFolderError, Keys
from hotslot.node.engines.collection import Collection
from hotslot.node.engines.errors import EngineError, NotAllowedError, NotDeployedError, of_system
from hotslot.node.engines.forms import Limits
from hotslot.node.engines.scanning import Verdict, scan
from hotslot.node.engines.storing import store
from hotslot.node.engines.updating import Check, Updates, UpdateSettings

_LIMITS = Limits()


class Engines:
    """The engines of an instance, in a folder that no other process uses.

    `may` says at each call whether the instance has a right now: downloads, uploads and deployment
    ask it. `keys` reads the keys that indexes and packages have to be signed with. `update_source`
    is a folder or a URL, for the update source `internet`.

    What was deployed when the process ended is in use again at once.
    """

    def __init__(
        self,
        folder: Path,
        may: Callable[[str], bool],
        *,
        keys: Callable[[], Keys],
        update_source: str | None = None,
        limits: Limits = _LIMITS,
    ) -> None:
        """Load what is deployed.

        Raises:
            OSError: the folder can't be read or written.

        """
        self._may = may
        self._keys = keys
        self._limits = limits
        self._packages = folder / "packages"
        self._packages.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in self._packages.glob("*.part"):  # of a process that was killed
            part.unlink(missing_ok=True)
        self._collection = Collection(folder, may, limits)
        self._updates = Updates(
            self._collection, self._packages, may, keys=keys, place=update_source, limits=limits
        )

    @property
    def last_update(self) -> Check | None:
        """What came of the last update, if there was one since the start."""
        return self._updates.last

    @property
    def complaint(self) -> str | None:
        """What was lost since the last run, for a person."""
        return self._collection.book.complaint

    def listing(self) -> list[dict[str, Any]]:
        """Every engine by id, in the shape of `GET /stat/engines`."""
        return self._collection.listing()

    def configure(self, settings: UpdateSettings) -> None:
        """Take updates from elsewhere, or at other times, from now on.

        Raises:
            EngineError: a folder or a period is missing or makes no sense.

        """
        self._updates.configure(settings)

    async def run(self) -> None:
        """Update now and then, until cancelled. Does nothing while the instance may not."""
        await self._updates.run()

    async def update(self) -> Check:
        """Take what the update source offers now.

        Raises:
            NotAllowedError: the instance may not download or deploy engines now.

        """
        return await self._updates.update()

    async def upload(self, pieces: AsyncIterator[bytes]) -> str:
        """Take in a package by hand and deploy it; return the engine's id.

        Raises:
            NotAllowedError: the instance may not take in or deploy engines now.
            ContentInvalidError: the package is not good.
            EngineError: the engine is pinned, the disk is full, or alike.

        """
        self._require_upload()
        try:
            keys = self._keys()
            with tempfile.NamedTemporaryFile(dir=self._packages, suffix=".part") as part:
                path = Path(part.name)
                _, digest = await store(
                    pieces,
                    path,
                    limit=self._limits.package_bytes,
                    progress=lambda _: self._require_upload(),
                )
                return await self._collection.deploy(
                    path, digest, keys, expected=None, at=datetime.now(UTC)
                )
        except KeyFolderError as error:
            raise EngineError(str(error)) from None
        except OSError as error:
            raise NotDeployedError(f"It could not be kept: {of_system(error)}.") from error

    def enable(self, engine: str) -> None:
        """Scan with an engine again.

        Raises:
            UnknownEngineError: there is none of this id.
            NotDeployedError: it can't be written down; nothing has changed.

        """
        self._collection.change(engine, enabled=True)

    def disable(self, engine: str) -> None:
        """Scan without an engine; it is kept up to date nevertheless.

        Raises:
            UnknownEngineError: there is none of this id.
            NotDeployedError: it can't be written down; nothing has changed.

        """
        self._collection.change(engine, enabled=False)

    def pin(self, engine: str) -> None:
        """Keep an engine at the version that is in use.

        Raises:
            UnknownEngineError: there is none of this id.
            EngineError: no version is in use, or it can't be written down; nothing has changed.

        """
        self._collection.change(engine, pinned=True)

    def unpin(self, engine: str) -> None:
        """Let updates change an engine again.

        Raises:
            UnknownEngineError: there is none of this id.
            NotDeployedError: it can't be written down; nothing has changed.

        """
        self._collection.change(engine, pinned=False)

    def scan(self, chunks: Iterable[bytes]) -> Verdict:
        """Scan the file that the chunks make up, with the engines that are in use as it begins.

        It blocks, and may be called in any thread. What taking a chunk raises is let through.
        """
        return scan(self._collection.in_use(), chunks)

    def _require_upload(self) -> None:
        NotAllowedError.unless(self._may, "engines.upload")
        NotAllowedError.unless(self._may, "engines.deploy")
