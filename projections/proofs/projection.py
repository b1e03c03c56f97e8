"""How events become leaves of the tree, and leaves its hashes."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, LiteralString

from psycopg import Cursor

from hotslot.ledger.leaf import leaf
from hotslot.ledger.schema import schema_of
from projections.projection import ProjectionError
from projections.proofs.merkle import leaf_hash, subtree_hash
from projections.source import StoredEvent

LEVEL_BITS = 4
"""A level of stored hashes is so many levels of the tree. Fewer, and there were more to store; with
more, a proof would take more hashes: 255 of each level where it is 8, and 15 where it is 4."""

LEVEL_WIDTH = 1 << LEVEL_BITS
"""So many hashes of a level make one of the next."""

SIZE = "SELECT coalesce(max(index) + 1, 0) FROM hashes WHERE level = 0"

# What there is already of the last hash's children on a level.
BEGUN = "SELECT hash FROM hashes WHERE level = %s AND index >= %s ORDER BY index"

ADD_HASHES = "COPY hashes (level, index, hash) FROM STDIN"


class ProofsProjection:
    """The Merkle tree. Leaf k is the event at position k + 1: positions have no gaps."""

    name: ClassVar[str] = "proofs"
    version: ClassVar[int] = 1
    tables: ClassVar[Mapping[str, tuple[str, ...]]] = {"hashes": ("level", "index")}
    schema: ClassVar[LiteralString] = schema_of("projections.proofs")

    def apply(self, cursor: Cursor[Any], batch: Sequence[StoredEvent]) -> None:
        (size,) = cursor.execute(SIZE).fetchone() or (0,)
        if batch and batch[0].position != size + 1:
            raise ProjectionError(
                f"The tree has {size} leaves, and the next event is at position "
                f"{batch[0].position}: the tree lost leaves, or the ledger lost events. `hotslot "
                "projections rebuild proofs` makes the tree anew; if it stops at the same place "
                "the ledger lacks events, and something other than Hotslot has changed it: "
                "compare it with an export or a backup."
            )
        leaves = []
        for position, event in enumerate(batch, size + 1):
            if event.position != position:
                raise ProjectionError(
                    f"The ledger has no event at position {position}, and the next one is at "
                    f"{event.position}. Something other than Hotslot has changed it: compare it "
                    "with an export or a backup."
                )
            bytes_ = leaf(event.position, event.stream, event.version, event.type, event.state)
            leaves.append(leaf_hash(bytes_))
        rows = []
        level, first, hashes = 0, size, leaves
        while hashes:
            rows += [(level, index, each) for index, each in enumerate(hashes, first)]
            begin = first - first % LEVEL_WIDTH
            full = (first + len(hashes) - begin) // LEVEL_WIDTH
            if full and begin < first:
                begun = cursor.execute(BEGUN, (level, begin)).fetchall()
                hashes = [each for (each,) in begun] + hashes
            hashes = [
                subtree_hash(hashes[parent * LEVEL_WIDTH : (parent + 1) * LEVEL_WIDTH])
                for parent in range(full)
            ]
            level, first = level + 1, first // LEVEL_WIDTH
        with cursor.copy(ADD_HASHES) as copy:
            for row in rows:
                copy.write_row(row)
