"""Scanning: a stream goes by once, and what the engines in use find in it is named.

Memory does not depend on the length of the stream. What is found depends on its content alone, not
on the pieces that it comes in.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from hotslot.node.engines.forms import Manifest
from hotslot.node.engines.signature_set import Signatures

_BLOCK = 1 << 16


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one engine has to say about a file."""

    engine: str
    name: str
    version: str
    made_at: datetime
    """When the engine's definitions were last changed."""
    threats: tuple[str, ...]
    """Names of what it found: at most one by a byte pattern, and one by the digest."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What all engines in use have to say about a file."""

    size: int
    sha256: str
    findings: tuple[Finding, ...]
    """One an engine; none when no engine is in use, and then the file was not scanned."""

    @property
    def threats(self) -> tuple[str, ...]:
        """Every name that an engine found."""
        return tuple(dict.fromkeys(name for each in self.findings for name in each.threats))


def scan(engines: Sequence[tuple[Manifest, Signatures]], chunks: Iterable[bytes]) -> Verdict:
    """Scan the file that the chunks make up, in order, whatever their lengths."""
    running = _Scan(engines)
    for chunk in chunks:
        running.feed(chunk)
    return running.finish()


class _Scan:
    """A scan of one stream."""

    def __init__(self, engines: Sequence[tuple[Manifest, Signatures]]) -> None:
        self._searches = [(manifest, _Search(signatures)) for manifest, signatures in engines]
        longest = max((each.longest for _, each in engines), default=0)
        self._overlap = max(longest - 1, 0)
        self._digest = hashlib.sha256()
        self._size = 0
        self._pending = bytearray()
        """What was not searched yet, after as much of what was as a pattern may reach back."""
        self._start = 0
        """Where in the stream `pending` begins."""

    def feed(self, data: bytes) -> None:
        """Take the next piece of the stream, of any length."""
        self._digest.update(data)
        self._size += len(data)
        for at in range(0, len(data), _BLOCK):
            self._pending += data[at : at + _BLOCK]
            while len(self._pending) >= self._overlap + _BLOCK:
                self._search(bytes(self._pending[: self._overlap + _BLOCK]))
                del self._pending[:_BLOCK]
                self._start += _BLOCK

    def finish(self) -> Verdict:
        """Say what was found, once the stream has ended."""
        self._search(bytes(self._pending))
        digest = self._digest.digest()
        return Verdict(
            size=self._size,
            sha256=digest.hex(),
            findings=tuple(
                Finding(
                    engine=manifest.engine,
                    name=manifest.name,
                    version=manifest.version,
                    made_at=manifest.made_at,
                    threats=search.threats(digest),
                )
                for manifest, search in self._searches
            ),
        )

    def _search(self, window: bytes) -> None:
        for _, search in self._searches:
            search.look(window, self._start)


class _Search:
    """Where one engine is in a stream. It ends with the first pattern found."""

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures
        self._found: str | None = None
        self._next = 0
        """The first of the patterns with an offset whose end has not gone by."""

    def look(self, window: bytes, start: int) -> None:
        """Search the part of the stream that begins at `start`."""
        if self._found is None:
            self._found = self._fixed(window, start) or self._signatures.find(window)

    def threats(self, digest: bytes) -> tuple[str, ...]:
        names = (self._found, self._signatures.digests.get(digest))
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def _fixed(self, window: bytes, start: int) -> str | None:
        end = start + len(window)
        fixed = self._signatures.fixed
        while self._next < len(fixed):
            offset, pattern, name = fixed[self._next]
            if offset + len(pattern) > end:
                break
            self._next += 1
            if window.startswith(pattern, offset - start):
                return name
        return None
