"""Updates: what a source offers and is not here is downloaded, verified and deployed."""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from hotslot.licensefiles import KeyFolderError, Keys
from hotslot.node.engines.collection import Collection, State
from hotslot.node.engines.errors import (
    ContentInvalidError,
    DownloadFailedError,
    EngineError,
    NotAllowedError,
    of_system,
)
from hotslot.node.engines.forms import INDEX, Index, Limits, Listed, read_index
from hotslot.node.engines.sources import FolderSource, Source, read_small, source_at
from hotslot.node.engines.storing import store

_log = structlog.get_logger(__name__)

SECONDS_PER_MINUTE = 60.0
FIRST_RETRY = 10.0
"""Seconds until a failed update is tried again; twice as many each time, up to the period."""
RIGHT_POLL = 1.0
"""Seconds between looks whether this instance may download again."""


class UpdateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where updates come from, and how often."""

    source: Literal["internet", "folder", "manual"] = "internet"
    """`internet`: the update source of the node. `manual`: nothing is asked for by itself."""
    period: int = 60
    """Minutes between updates, 1 or more."""
    folder: Path | None = None
    """The folder of the source `folder`."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the last update."""

    at: datetime
    outcome: Literal["done", "refused", "download failed", "content invalid"]
    reason: str | None = None
    """For a person, unless it is done."""


class Updates:
    """Brings a collection of engines up to date."""

    def __init__(
        self,
        collection: Collection,
        packages: Path,
        may: Callable[[str], bool],
        *,
        keys: Callable[[], Keys],
        place: str | None,
        limits: Limits,
    ) -> None:
        self._collection = collection
        self._packages = packages
        self._may = may
        self._keys = keys
        self._place = place
        self._limits = limits
        self._settings = UpdateSettings()
        self._updating = asyncio.Lock()
        self._changed = asyncio.Event()
        self.last: Check | None = None

    def configure(self, settings: UpdateSettings) -> None:
        """Take updates from elsewhere, or at other times, from now on.

        Raises:
            EngineError: a folder or a period is missing or makes no sense.

        """
        if settings.period < 1:
            raise EngineError("The update period is a number of minutes, 1 or more.")
        if settings.source == "folder" and settings.folder is None:
            raise EngineError("The update source `folder` needs a pickup folder. Name one.")
        self._settings = settings
        self._changed.set()

    async def run(self) -> None:
        """Update now and then, until cancelled."""
        failures = 0
        while True:
            self._changed.clear()
            delay: float | None = None
            if self._source() is not None:
                if self._may("engines.download"):
                    failures = failures + 1 if await self._failed() else 0
                    delay = self._delay(failures)
                else:
                    delay = RIGHT_POLL
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), delay)

    async def update(self) -> Check:
        """Take what the source offers now.

        Raises:
            NotAllowedError: the instance may not download or deploy engines now.

        """
        async with self._updating:
            try:
                failed = await self._update()
            except NotAllowedError as error:
                self._note("refused", str(error))
                raise
            except (ContentInvalidError, KeyFolderError) as error:
                return self._note("content invalid", str(error))
            except EngineError as error:
                return self._note("download failed", str(error))
            if failed:
                return self._note(*failed[0])
            return self._note("done")

    async def _failed(self) -> bool:
        try:
            return (await self.update()).outcome != "done"
        except NotAllowedError:
            return True
        except Exception:  # noqa: BLE001 - said below
            # The last resort: a node whose updates have ended silently would look well.
            _log.exception("update-fault")
            return True

    def _delay(self, failures: int) -> float:
        period = self._settings.period * SECONDS_PER_MINUTE
        return period if failures == 0 else min(period, FIRST_RETRY * 2 ** min(failures - 1, 20))

    def _source(self) -> Source | None:
        settings = self._settings
        if settings.source == "internet" and self._place is not None:
            return source_at(self._place)
        if settings.source == "folder" and settings.folder is not None:
            return FolderSource(settings.folder)
        return None

    def _note(
        self,
        outcome: Literal["done", "refused", "download failed", "content invalid"],
        reason: str | None = None,
    ) -> Check:
        if self.last is None or (outcome, reason) != (self.last.outcome, self.last.reason):
            _log.info("engines-updated", outcome=outcome, reason=reason)
        self.last = Check(at=datetime.now(UTC), outcome=outcome, reason=reason)
        return self.last

    async def _update(self) -> list[tuple[Literal["download failed", "content invalid"], str]]:
        """Take what is offered; return what went wrong with single engines."""
        NotAllowedError.unless(self._may, "engines.download")
        source = self._source()
        if source is None:
            raise DownloadFailedError(
                "There is no update source. Name one (--update-source, PUT /admin/config/update), "
                "or upload packages by hand."
            )
        keys = await asyncio.to_thread(self._keys)
        index = await self._index(source, keys)
        failed: list[tuple[Literal["download failed", "content invalid"], str]] = []
        for listed in index.packages:
            if self._collection.book.note(listed.engine).pinned:
                continue
            if self._collection.package_of(listed.engine) == listed.sha256:
                self._collection.show(listed, "production", progress=100)
                continue
            try:
                await self._take(source, listed, keys)
            except ContentInvalidError as error:
                failed.append(("content invalid", f"{listed.engine}: {error}"))
            except NotAllowedError:
                raise
            except EngineError as error:
                failed.append(("download failed", f"{listed.engine}: {error}"))
        await self._remove_others(index)
        return failed

    async def _index(self, source: Source, keys: Keys) -> Index:
        data = await read_small(source, INDEX, self._limits.index_bytes)
        index, digest = read_index(data, keys), hashlib.sha256(data).hexdigest()
        book = self._collection.book
        if index.serial < book.serial:
            raise ContentInvalidError(
                f"The index of engines at {source.shown} is older (serial {index.serial}) than one "
                f"that was here before (serial {book.serial}), and is not taken. See what has "
                "become of the source; publish anew to take back a version."
            )
        if index.serial == book.serial and digest != book.index:
            raise ContentInvalidError(
                f"The index of engines at {source.shown} is another than the one that was here "
                f"before with the same serial ({index.serial}). Publish anew, from one place only."
            )
        if digest != book.index:
            book.accept(index.serial, digest)
        return index

    async def _take(self, source: Source, listed: Listed, keys: Keys) -> None:
        """Download and deploy; the engine's row says how far it came, and why no further."""
        state: State = "download failed"
        try:
            package = await self._download(source, listed)
            state = "downloaded"
            self._collection.show(listed, state, progress=100)
            await self._collection.deploy(
                package, listed.sha256, keys, expected=listed, at=datetime.now(UTC)
            )
        except ContentInvalidError as error:
            self._collection.show(listed, "content invalid", reason=str(error))
            (self._packages / listed.sha256).unlink(missing_ok=True)
            raise
        except EngineError as error:
            self._collection.show(listed, state, reason=str(error))
            raise
        package.unlink(missing_ok=True)

    async def _download(self, source: Source, listed: Listed) -> Path:
        """The package in a file, with the size and SHA-256 that the index says."""
        path = self._packages / listed.sha256
        if listed.size > self._limits.package_bytes:
            raise ContentInvalidError(
                f"The package has {listed.size} bytes, and {self._limits.package_bytes} are the "
                "most that is taken."
            )
        if path.exists() and await asyncio.to_thread(_digest, path) == listed.sha256:
            return path  # it could not be deployed when it came

        def progress(size: int) -> None:
            NotAllowedError.unless(self._may, "engines.download")
            percent = min(100, size * 100 // max(listed.size, 1))
            self._collection.show(listed, "downloading", progress=percent)

        progress(0)
        part = path.with_suffix(".part")
        try:
            async with (
                asyncio.timeout(self._limits.download_seconds),
                contextlib.aclosing(source.read(listed.file)) as pieces,
            ):
                size, digest = await store(pieces, part, limit=listed.size, progress=progress)
            if size < listed.size:
                raise DownloadFailedError(
                    f"The package at {source.shown} ends after {size} of {listed.size} bytes. "
                    "Publish it again if that does not pass."
                )
            if digest != listed.sha256:
                raise ContentInvalidError(
                    f"The package at {source.shown} has another SHA-256 than the index says: it "
                    "was changed, or damaged on the way. Publish it again."
                )
            part.replace(path)
        except TimeoutError:
            raise DownloadFailedError(
                f"The package took longer than {self._limits.download_seconds:g} s from "
                f"{source.shown}, and was given up."
            ) from None
        except OSError as error:
            raise DownloadFailedError(f"It could not be kept: {of_system(error)}.") from error
        finally:
            part.unlink(missing_ok=True)
        return path

    async def _remove_others(self, index: Index) -> None:
        """Take away what the publisher does not offer anymore, and packages that wait in vain."""
        offered = {listed.engine for listed in index.packages}
        for engine in self._collection.ids():
            note = self._collection.book.note(engine)
            if engine not in offered and not note.pinned and not note.uploaded:
                await self._collection.remove(engine)
        wanted = {listed.sha256 for listed in index.packages}
        for path in self._packages.iterdir():
            if path.suffix == "" and path.name not in wanted:
                path.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
