"""What processing needs of engines."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol


class EngineVerdict(Protocol):
    """What one engine says about one file."""

    @property
    def engine(self) -> str:
        """Its name, as people read it."""

    @property
    def threat(self) -> str | None:
        """The name of what was found; None when nothing was."""

    @property
    def failure(self) -> str | None:
        """Why the engine has no verdict; None when it has one."""

    @property
    def definitions_at(self) -> datetime:
        """When its definitions were made."""

    @property
    def seconds(self) -> float:
        """How long it took."""


class Scanner(Protocol):
    """All engines that are in production."""

    def scan(self, chunks: Iterable[bytes]) -> Iterable[EngineVerdict]:
        """What each engine says about the file that the chunks are, in order.

        Called in threads, several at a time. Taking a chunk may raise: the scan is then to end,
        and the exception to be let through.
        """
