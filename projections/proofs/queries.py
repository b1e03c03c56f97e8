"""Reads of the tree, on connections that `projections.reading.configure` prepared."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from psycopg import AsyncConnection

from hotslot.ledger.leaf import leaf
from projections.proofs.merkle import (
    EMPTY_ROOT,
    Span,
    consistency_path,
    full_subtrees,
    inclusion_path,
    joined,
    leaf_hash,
    subtree_hash,
)
from projections.proofs.projection import LEVEL_BITS
from projections.proofs.tiles import TILE_BITS
from projections.reading import fetch

# How many leaves the tree has.
SIZE = "SELECT coalesce(max(index) + 1, 0) FROM proofs.hashes WHERE level = 0"

# Runs of neighboring hashes, each from a first one on, in the order that they are asked for. The
# limit has each looked up by itself: joined, all of them cost a pass through the whole tree.
RUNS = """
SELECT h.hash
  FROM unnest(%(levels)s::int[], %(firsts)s::bigint[], %(widths)s::bigint[])
       WITH ORDINALITY AS r (level, first, width, place)
 CROSS JOIN LATERAL (
    SELECT index, hash FROM proofs.hashes
     WHERE level = r.level AND index >= r.first AND index < r.first + r.width
     ORDER BY index LIMIT r.width) AS h
 ORDER BY r.place, h.index
"""

# Events in the order of the ledger, with the very bytes that are stored.
EVENTS = """
SELECT position, stream, version, type, state::text
  FROM ledger.events WHERE position > %(first)s AND position <= %(last)s ORDER BY position
"""

# One event, and the hash of the leaf that was made of it.
EVENT_AND_HASH = """
SELECT position, stream, version, type, state::text, hash
  FROM ledger.events LEFT JOIN proofs.hashes ON level = 0 AND index = position - 1
 WHERE position = %(position)s
"""


class NotInTreeError(LookupError):
    """The tree does not reach that far (yet), or the ledger lacks an event or has another."""


async def size(connection: AsyncConnection[Any]) -> int:
    """How many leaves the tree has."""
    ((leaves_,),) = await fetch(connection, SIZE, {})
    return int(leaves_)


async def root(connection: AsyncConnection[Any], size_: int) -> bytes:
    """The root of the tree when it had that many leaves.

    Raises:
        NotInTreeError: it has fewer.

    """
    if size_ == 0:
        return EMPTY_ROOT
    (hash_,) = await _hashes(connection, [Span(0, size_)])
    return hash_


async def inclusion_proof(connection: AsyncConnection[Any], index: int, size_: int) -> list[bytes]:
    """What proves that a leaf is in the tree of that size (RFC 9162, section 2.1.3.1).

    Raises:
        ValueError: a tree of that size has no such leaf.
        NotInTreeError: the tree is not that large.

    """
    return await _hashes(connection, inclusion_path(index, size_))


async def consistency_proof(
    connection: AsyncConnection[Any], older: int, size_: int
) -> list[bytes]:
    """What proves that the tree of a size began as an older one (RFC 9162, section 2.1.4.1).

    Raises:
        ValueError: the older tree is empty, or larger.
        NotInTreeError: the tree is not that large.

    """
    return await _hashes(connection, consistency_path(older, size_))


async def tile(
    connection: AsyncConnection[Any], level: int, index: int, width: int
) -> bytes | None:
    """The first `width` hashes of a tile (C2SP tlog-tiles); None if it does not have so many."""
    try:
        stored = level * TILE_BITS // LEVEL_BITS
        hashes = await _runs(connection, [(stored, index << TILE_BITS, width)])
    except NotInTreeError:
        return None
    return b"".join(hashes)


async def leaves(connection: AsyncConnection[Any], first: int, count: int) -> list[bytes]:
    """Leaves from the index `first` on, as they are hashed.

    Raises:
        NotInTreeError: the ledger doesn't hold them all.

    """
    rows = await fetch(connection, EVENTS, {"first": first, "last": first + count})
    if [row[0] for row in rows] != list(range(first + 1, first + count + 1)):
        raise NotInTreeError(f"The ledger lacks events between {first + 1} and {first + count}.")
    return [_leaf(*row) for row in rows]


async def proven_leaf(connection: AsyncConnection[Any], index: int) -> bytes:
    """The leaf at an index, which is the one that the tree was made of.

    Raises:
        NotInTreeError: the ledger lacks it or has another one, or the tree does not have it.

    """
    rows = await fetch(connection, EVENT_AND_HASH, {"position": index + 1})
    for *event, hash_ in rows:
        if leaf_hash(found := _leaf(*event)) == hash_:
            return found
    raise NotInTreeError(
        f"The event at position {index + 1} is missing, or differs from what the tree holds."
    )


def _leaf(position: int, stream: str, version: int, type_: str, state: str) -> bytes:
    return leaf(position, stream, version, type_, state.encode())


async def _hashes(connection: AsyncConnection[Any], spans: Sequence[Span]) -> list[bytes]:
    """The hashes of subtrees, each from those of the full subtrees that it is made of."""
    full = [full_subtrees(span) for span in spans]
    runs = [_run(subtree) for subtrees in full for subtree in subtrees]
    found = iter(await _runs(connection, runs))
    return [
        joined([subtree_hash(list(islice(found, _run(subtree)[2]))) for subtree in subtrees])
        for subtrees in full
    ]


def _run(subtree: Span) -> tuple[int, int, int]:
    """The level, first index and number of the stored hashes that a full subtree is made of."""
    height = (subtree.end - subtree.begin).bit_length() - 1
    level = height // LEVEL_BITS
    return level, subtree.begin >> (level * LEVEL_BITS), 1 << (height % LEVEL_BITS)


async def _runs(
    connection: AsyncConnection[Any], runs: Sequence[tuple[int, int, int]]
) -> list[bytes]:
    if not runs:
        return []
    levels, firsts, widths = (list(each) for each in zip(*runs, strict=True))
    parameters = {"levels": levels, "firsts": firsts, "widths": widths}
    hashes = [hash_ for (hash_,) in await fetch(connection, RUNS, parameters)]
    if len(hashes) != sum(widths):
        raise NotInTreeError("The tree does not have all of these leaves yet.")
    return hashes
