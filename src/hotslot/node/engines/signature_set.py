"""Signature sets: SHA-256 digests and byte patterns, each with the name of what it tells of."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hotslot.node.engines.errors import ContentInvalidError
from hotslot.node.engines.forms import Name, Sha256

SHORTEST, LONGEST = 8, 1024
"""Bytes of a pattern: a shorter one would be found everywhere."""
MAX_BYTES = 64 << 20
"""Of all sets of an engine together: they are kept in memory."""
MAX_PATTERNS = 20_000

_WORD = 4


class Digest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file, by its SHA-256."""

    name: Name
    sha256: Sha256


class Pattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Bytes that a file contains, anywhere or at an offset from its beginning."""

    name: Name
    hex: Annotated[
        str, Meta(pattern=rf"\A(?:[0-9a-f]{{2}}){{{SHORTEST},{LONGEST}}}\Z", max_length=2 * LONGEST)
    ]
    offset: Annotated[int, Meta(ge=0, le=2**53)] | None = None


class SignatureSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a file of a package holds."""

    format: Literal["hotslot-signature-set/1"]
    digests: list[Digest] = []
    patterns: list[Pattern] = []


class Signatures:
    """The sets of an engine, laid out for searching.

    Patterns without an offset are found by words. Read in words of four bytes, any data that
    contains a pattern of seven bytes or more contains one of the four words that begin at the
    pattern's first four bytes. So one look into a hash table for every four bytes of data answers
    for all patterns together, however many there are.
    """

    def __init__(self, sets: Iterable[SignatureSet]) -> None:
        self.digests: dict[bytes, str] = {}
        self.longest = 0
        fixed: list[tuple[int, bytes, str]] = []
        self._by_word: dict[int, list[tuple[int, bytes, str]]] = {}
        for pattern in self._take(sets):
            data = bytes.fromhex(pattern.hex)
            self.longest = max(self.longest, len(data))
            if pattern.offset is not None:
                fixed.append((pattern.offset, data, pattern.name))
                continue
            for lead in range(_WORD):
                word = int.from_bytes(data[lead : lead + _WORD], sys.byteorder)
                self._by_word.setdefault(word, []).append((lead, data, pattern.name))
        self.fixed = tuple(sorted(fixed, key=lambda each: each[0] + len(each[1])))
        """Offset, bytes and name of patterns with an offset, in the order of their ends."""
        self._words = frozenset(self._by_word)

    def find(self, data: bytes) -> str | None:
        """The name of a pattern without an offset that is in `data`, the first in its order."""
        if not self._words:
            return None
        words = memoryview(data)[: len(data) - len(data) % _WORD].cast("I")
        if self._words.isdisjoint(words):
            return None
        for number, word in enumerate(words):
            for lead, pattern, name in self._by_word.get(word, ()):
                start = number * _WORD - lead
                if start >= 0 and data.startswith(pattern, start):
                    return name
        return None

    def _take(self, sets: Iterable[SignatureSet]) -> Iterator[Pattern]:
        """Keep the digests, and give the patterns. The first name of a thing is the one it has."""
        for each in sets:
            for digest in each.digests:
                self.digests.setdefault(bytes.fromhex(digest.sha256), digest.name)
            yield from each.patterns


def read_signatures(files: Iterable[Path]) -> Signatures:
    """The signatures in files of sets.

    Raises:
        ContentInvalidError: a file is no signature set, or there are too many signatures.
        OSError: a file can't be read.

    """
    paths = list(files)
    size = sum(path.stat().st_size for path in paths)
    if size > MAX_BYTES:
        raise ContentInvalidError(
            f"The engine's sets have {size} bytes, and {MAX_BYTES} are the most that is taken."
        )
    sets = [_read(path) for path in paths]
    patterns = sum(len(each.patterns) for each in sets)
    if patterns > MAX_PATTERNS:
        raise ContentInvalidError(
            f"The engine has {patterns} patterns, and {MAX_PATTERNS} are the most that is taken."
        )
    return Signatures(sets)


def _read(file: Path) -> SignatureSet:
    try:
        return msgspec.json.decode(file.read_bytes(), type=SignatureSet)
    except msgspec.DecodeError as error:
        raise ContentInvalidError(f"{file.name} is no signature set: {error}.") from None
