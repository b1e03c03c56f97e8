"""The settings that are changed while an instance runs, and carried from one to another.

One JSON file, which is also what an export gives and an import takes.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import msgspec
import structlog

from hotslot.node.atomic_file import write_private

VERSION = 1

_LONGEST_PERIOD = 7 * 24 * 60
"""Minutes."""

_log = structlog.get_logger(__name__)


class UpdateConfiguration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where engines come from, in the names that the Core's clients know."""

    source: Literal["internet", "folder", "manual"] = "internet"
    autoupdateperiod: Annotated[int, msgspec.Meta(ge=1, le=_LONGEST_PERIOD)] = 60
    """Minutes between updates."""
    pickupfolder: Annotated[
        str, msgspec.Meta(max_length=4096, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
    ] = ""
    """For the source `folder`: where packages are laid down."""

    def __post_init__(self) -> None:
        if self.pickupfolder and not PurePosixPath(self.pickupfolder).is_absolute():
            raise ValueError("`pickupfolder` must be an absolute path, such as /srv/engines")
        if self.source == "folder" and not self.pickupfolder:
            raise ValueError("the source `folder` needs a `pickupfolder`")


class Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings that can be changed and carried."""

    update: UpdateConfiguration


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal["hotslot-node-settings"]
    version: int
    settings: Configuration


class SettingsInvalidError(Exception):
    """Settings that can't be taken over; the message says why, and nothing has changed."""


class SettingsNotKeptError(Exception):
    """Good settings that could not be written down; nothing has changed."""


DEFAULTS = Configuration(update=UpdateConfiguration())

Listener = Callable[[Configuration], None]


class SettingsStore:
    """The settings of one instance, on disk before anybody acts on them."""

    def __init__(self, path: Path) -> None:
        """Read them; without a file, or with a damaged one, they are the defaults.

        Raises:
            OSError: the file is there, and can't be read or put aside.

        """
        self._path = path
        self._changing = asyncio.Lock()
        self._listeners: list[Listener] = []
        self.damage: str | None = None
        """What was wrong with the file at the start, for a person."""
        self._current = self._read()

    @property
    def current(self) -> Configuration:
        """The settings as they are now."""
        return self._current

    def listen(self, listener: Listener) -> None:
        """Have new settings told from now on, on the event loop, once they are kept."""
        self._listeners.append(listener)

    def exported(self) -> bytes:
        """The settings as a document that `take_over` understands, here or on another instance."""
        return _written(self._current)

    async def take_over(self, document: bytes) -> bool:
        """Replace all settings by those of an export. False when they are the same already.

        Raises:
            SettingsInvalidError: it is no export, or of a version that is not known here.
            SettingsNotKeptError: it could not be written.

        """
        wanted = _understood(document)
        async with self._changing:
            return await self._keep(wanted)

    async def change_update(self, changed: dict[str, Any]) -> UpdateConfiguration:
        """Change these fields of the update settings, and give all of them.

        Raises:
            SettingsInvalidError: a field is unknown, or its value makes no sense.
            SettingsNotKeptError: it could not be written.

        """
        async with self._changing:
            fields = msgspec.structs.asdict(self._current.update) | changed
            try:
                update = msgspec.convert(fields, UpdateConfiguration)
            except msgspec.ValidationError as error:
                raise SettingsInvalidError(f"{error}.") from None
            await self._keep(msgspec.structs.replace(self._current, update=update))
            return update

    async def _keep(self, wanted: Configuration) -> bool:
        if wanted == self._current:
            return False
        try:
            await asyncio.to_thread(write_private, self._path, _written(wanted))
        except OSError as error:
            raise SettingsNotKeptError(
                f"{self._path.name} can't be written: {error.strerror}. The settings stay as they "
                "were. Make room in the data directory, or have the node allowed to write there."
            ) from error
        self._current = wanted
        for listener in self._listeners:
            listener(wanted)
        return True

    def _read(self) -> Configuration:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return DEFAULTS
        try:
            return _understood(data)
        except SettingsInvalidError as error:
            aside = self._path.with_name(f"{self._path.name}.broken-{time.time_ns()}")
            self._path.rename(aside)
            self.damage = (
                f"The settings of this instance were damaged: {error} It has the default ones "
                f"now. The file was kept as {aside.name}. Import the settings of another instance, "
                "or set them again."
            )
            _log.error("settings-damaged", file=str(aside), detail=str(error))
            return DEFAULTS


def _written(configuration: Configuration) -> bytes:
    document = _Document(format="hotslot-node-settings", version=VERSION, settings=configuration)
    return msgspec.json.format(msgspec.json.encode(document)) + b"\n"


def _understood(data: bytes) -> Configuration:
    try:
        document = msgspec.json.decode(data, type=_Document)
    except msgspec.ValidationError as error:
        raise SettingsInvalidError(f"It is no export of settings of a node: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SettingsInvalidError("It is no JSON, or was cut short.") from None
    if document.version != VERSION:
        raise SettingsInvalidError(
            f"It is of version {document.version}, and {VERSION} is known here."
        )
    return document.settings
