"""What is remembered of engines besides the engines themselves, over restarts."""

from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from hotslot.node.atomic_file import write_private
from hotslot.node.engines.errors import NotDeployedError, of_system

_log = structlog.get_logger(__name__)


class Note(msgspec.Struct, frozen=True):
    """What is remembered of one engine."""

    enabled: bool = True
    pinned: bool = False
    uploaded: bool = False
    """It came by hand: that no index lists it is no reason to take it away."""
    downloaded_at: datetime | None = None


class _Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    serial: int = 0
    index: str = ""
    engines: dict[str, Note] = {}


class Book:
    """A file of notes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.complaint: str | None = None
        """Why what was remembered is lost, if it is."""
        self._page = self._read()

    @property
    def serial(self) -> int:
        """The serial of the newest index that was accepted."""
        return self._page.serial

    @property
    def index(self) -> str:
        """The SHA-256 of that index."""
        return self._page.index

    def note(self, engine: str) -> Note:
        """What is remembered of an engine."""
        return self._page.engines.get(engine, Note())

    def accept(self, serial: int, index: str) -> None:
        """Remember an index as the newest.

        Raises:
            NotDeployedError: it can't be written down, and so is not remembered.

        """
        self._write(msgspec.structs.replace(self._page, serial=serial, index=index))

    def change(self, engine: str, note: Note) -> None:
        """Remember something else of an engine.

        Raises:
            NotDeployedError: it can't be written down, and so is not remembered.

        """
        engines = {**self._page.engines, engine: note}
        self._write(msgspec.structs.replace(self._page, engines=engines))

    def _read(self) -> _Page:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Page)
        except FileNotFoundError:
            return _Page()
        except msgspec.DecodeError:
            aside = self._path.with_suffix(".damaged")
            self._path.replace(aside)
            self.complaint = (
                f"The notes on engines were damaged, and lie in {aside} now. Engines that were "
                "disabled or pinned are not so anymore: see to them again."
            )
            _log.error("engine-notes-damaged", kept=str(aside))
            return _Page()

    def _write(self, page: _Page) -> None:
        try:
            write_private(self._path, msgspec.json.encode(page))
        except OSError as error:
            raise NotDeployedError(f"It could not be written down: {of_system(error)}.") from error
        self._page = page
