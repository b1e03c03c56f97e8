"""What processing needs of engines; `hotslot.node.engines` gives it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol


class Finding(Protocol):
    """What one engine has to say about a file."""

    @property
    def engine(self) -> str:
        """The engine's id."""

    @property
    def name(self) -> str:
        """The engine's name, as people read it."""

    @property
    def made_at(self) -> datetime:
        """When its definitions were last changed."""

    @property
    def threats(self) -> Sequence[str]:
        """Names of what it found."""


class Verdict(Protocol):
    """What all engines have to say about a file."""

    @property
    def findings(self) -> Sequence[Finding]:
        """One an engine; none when no engine is in use, and then the file was not scanned."""


class Scanner(Protocol):
    """All engines that are in use."""

    def scan(self, chunks: Iterable[bytes]) -> Verdict:
        """Scan the file that the chunks make up, in order.

        Called in threads, several at a time. Taking a chunk may raise: the scan is then to end,
        and the exception to be let through.
        """
