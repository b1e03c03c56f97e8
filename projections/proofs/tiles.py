"""The layout of C2SP's tlog-tiles: how hashes and entries are cut into tiles, and their paths."""

from collections.abc import Sequence
from typing import Literal

TILE_BITS = 8
"""A level of tiles is so many levels of the tree."""

TILE_WIDTH = 1 << TILE_BITS
"""So many hashes a full tile has; together they make one hash of the next level."""

ENTRIES: Literal["entries"] = "entries"
"""The level whose tiles hold the leaves themselves."""

LENGTH_BYTES = 2
"""In these, so many bytes before each leaf say how long it is, the higher ones first."""


def tile_path(level: int | Literal["entries"], index: int, width: int = TILE_WIDTH) -> str:
    """The path of a tile: `tile/0/x001/x234/067`, and for one that is not full `….p/12`."""
    elements = [f"{index % 1000:03}"]
    while index := index // 1000:
        elements.insert(0, f"x{index % 1000:03}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(elements)}{partial}"


def bundle(leaves: Sequence[bytes]) -> bytes:
    """A tile of entries: the leaves, each behind its length."""
    return b"".join(len(leaf).to_bytes(LENGTH_BYTES) + leaf for leaf in leaves)


def widths(level: int, size: int) -> tuple[int, int]:
    """How many full tiles a level has in a tree of `size` leaves, and the width of the last one.

    The width is 0 where no tile is partial.
    """
    return divmod(size >> (TILE_BITS * level), TILE_WIDTH)
