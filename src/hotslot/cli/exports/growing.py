"""The Merkle tree over leaves that come one by one, as the tiles that it fills."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from projections.proofs.merkle import EMPTY_ROOT, Span, full_subtrees, joined, subtree_hash
from projections.proofs.tiles import TILE_BITS, TILE_WIDTH, tile_path


class Tile(NamedTuple):
    """Neighboring hashes of one level: 256, or fewer at the right edge of the tree."""

    level: int
    number: int
    hashes: tuple[bytes, ...]

    @property
    def path(self) -> str:
        """Where it is, in a log and in an export of it."""
        return tile_path(self.level, self.number, len(self.hashes))

    def first_leaf(self, place: int) -> int:
        """The first leaf below the hash at a place in the tile."""
        return (self.number * TILE_WIDTH + place) << (TILE_BITS * self.level)


class GrowingTree:
    """Keeps the tiles at the right edge only, so that its memory does not grow with the tree."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[list[bytes]] = []
        self._full: list[int] = []

    def add(self, hashes: Sequence[bytes]) -> Iterator[Tile]:
        """Add leaves by their hashes; give each tile that they fill, as soon as it is full."""
        for hash_ in hashes:
            self.size += 1
            yield from self._put(0, hash_)

    def partial_tiles(self) -> list[Tile]:
        """The tiles at the right edge that are not full, from the lowest level upwards."""
        return [
            Tile(level, self._full[level], tuple(hashes))
            for level, hashes in enumerate(self._edge)
            if hashes
        ]

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        subtrees = [
            subtree_hash(hashes[span.begin : span.end])
            for hashes in reversed(self._edge)
            for span in full_subtrees(Span(0, len(hashes)))
        ]
        return joined(subtrees) if subtrees else EMPTY_ROOT

    def _put(self, level: int, hash_: bytes) -> Iterator[Tile]:
        if level == len(self._edge):
            self._edge.append([])
            self._full.append(0)
        hashes = self._edge[level]
        hashes.append(hash_)
        if len(hashes) == TILE_WIDTH:
            yield Tile(level, self._full[level], tuple(hashes))
            above = subtree_hash(hashes)
            hashes.clear()
            self._full[level] += 1
            yield from self._put(level + 1, above)
