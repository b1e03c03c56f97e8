"""The tree in the database: its hashes however events come in, and what is proven with them."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from hotslot.domain.events import Actor, Context, LicenseSuspended
from hotslot.ledger import mapper
from projections import reading
from projections.projection import ProjectionError
from projections.proofs import queries
from projections.proofs.merkle import (
    Frontier,
    leaf_hash,
    subtree_hash,
    verify_consistency,
    verify_inclusion,
)
from projections.proofs.projection import ProofsProjection
from projections.proofs.queries import NotInTreeError
from projections.proofs.tiles import TILE_WIDTH, tile_path, widths
from projections.source import StoredEvent
from tests.projections.conftest import dump, follow
from tests.projections.history import APPEND, START, History
from tests.projections.test_procedures import EXPLAIN, cost
from tests.projections.test_slots_reads import read

PROOFS = ProofsProjection()
SIZE = TILE_WIDTH**2 + TILE_WIDTH + 44
"""Enough for tiles on three levels, with a partial one on each."""

EVENT = LicenseSuspended(license="license-1")
CONTEXT = Context(at=START, actor=Actor("key", "operator-1"), request_id="request-1")
STATE = mapper.encode(CONTEXT, EVENT)


def stored(position: int) -> StoredEvent:
    return StoredEvent(position, "license:license-1", position, CONTEXT, EVENT, STATE)


def leaf(position: int) -> bytes:
    return (
        b'{"position":%d,"stream":"license:license-1","version":%d,'
        b'"type":"license.suspended","event":%b}' % (position, position, STATE)
    )


HASHES = [leaf_hash(leaf(position)) for position in range(1, SIZE + 1)]


@pytest.fixture(scope="module")
def roots() -> list[bytes]:
    tree = Frontier()
    roots = [tree.root()]
    for hash_ in HASHES:
        tree.append(hash_)
        roots.append(tree.root())
    return roots


def fill(dsn: str, first: int, last: int, batch: int) -> None:
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SET search_path TO proofs")
        for begin in range(first, last + 1, batch):
            end = min(begin + batch, last + 1)
            PROOFS.apply(cursor, [stored(position) for position in range(begin, end)])


@pytest.fixture(scope="module")
def grown(new_database: Callable[[], str]) -> str:
    """A database with a tree of SIZE leaves."""
    dsn = new_database()
    fill(dsn, 1, SIZE, 5000)
    return dsn


@pytest.mark.parametrize("batch", [1, 7, 255, 256, 257, 1000])
def test_hashes_do_not_depend_on_how_events_come_in(dsn: str, batch: int):
    size = 5 * TILE_WIDTH + 3
    fill(dsn, 1, size, batch)

    rows = dump(dsn, PROOFS)["hashes"]

    assert rows == [
        (level, index, subtree_hash(HASHES[index * over : (index + 1) * over]))
        for level, over in enumerate([1, 16, 256])
        for index in range(size // over)
    ]


def test_the_tree_of_every_size_is_there(grown: str, roots: list[bytes]):
    sizes = [0, 1, 2, 255, 256, 257, 511, 4095, 65_535, 65_536, 65_537, SIZE - 1, SIZE]

    async def found(connection: AsyncConnection[Any]) -> list[bytes]:
        assert await queries.size(connection) == SIZE
        return [await queries.root(connection, size) for size in sizes]

    assert read(grown, found) == [roots[size] for size in sizes]


@pytest.mark.parametrize("size", [1, 300, 65_536, 65_537, SIZE])
def test_leaves_are_proven(grown: str, roots: list[bytes], size: int):
    async def found(connection: AsyncConnection[Any]) -> None:
        for index in {0, 255, 256, size // 2, size - 2, size - 1} & set(range(size)):
            proof = await queries.inclusion_proof(connection, index, size)
            verify_inclusion(index, size, HASHES[index], proof, roots[size])

    read(grown, found)


@pytest.mark.parametrize("size", [1, 300, 65_536, 65_537, SIZE])
def test_that_it_began_as_an_older_one_is_proven(grown: str, roots: list[bytes], size: int):
    async def found(connection: AsyncConnection[Any]) -> None:
        for older in {1, 255, 256, 257, size // 2, size - 1, size} & set(range(1, size + 1)):
            proof = await queries.consistency_proof(connection, older, size)
            verify_consistency(older, size, roots[older], roots[size], proof)

    read(grown, found)


def test_tiles_hold_the_hashes_of_their_level(grown: str):
    async def found(connection: AsyncConnection[Any]) -> list[bytes | None]:
        return [
            await queries.tile(connection, 0, 3, TILE_WIDTH),
            await queries.tile(connection, 1, 0, TILE_WIDTH),
            await queries.tile(connection, 0, SIZE // TILE_WIDTH, 44),
            await queries.tile(connection, 2, 0, 1),
            await queries.tile(connection, 0, SIZE // TILE_WIDTH, 45),
            await queries.tile(connection, 3, 0, 1),
        ]

    leaves, inner, partial, top, *missing = read(grown, found)
    assert leaves == b"".join(HASHES[3 * TILE_WIDTH : 4 * TILE_WIDTH])
    nodes = [
        subtree_hash(HASHES[tile * TILE_WIDTH : (tile + 1) * TILE_WIDTH])
        for tile in range(TILE_WIDTH)
    ]
    assert inner == b"".join(nodes)
    assert partial == b"".join(HASHES[-44:])
    assert top == subtree_hash(nodes)
    assert missing == [None, None]


def test_what_the_tree_does_not_reach_is_told(dsn: str):
    fill(dsn, 1, 10, 10)

    async def found(connection: AsyncConnection[Any]) -> None:
        with pytest.raises(NotInTreeError):
            await queries.root(connection, 11)
        with pytest.raises(NotInTreeError):
            await queries.inclusion_proof(connection, 3, 11)
        with pytest.raises(NotInTreeError):
            await queries.consistency_proof(connection, 3, 11)
        with pytest.raises(NotInTreeError):
            await queries.leaves(connection, 0, 1)

    read(dsn, found)


def test_leaves_hold_the_stored_bytes(dsn: str, history: History):
    odd = '{"v": 1,  "context": {"at":"2026-01-01T00:00:00Z","actor":{"kind":"key","id":"ö"},'
    odd += '"request_id":"r"}, "data": {"license":"license-1"}}'
    position = history.write(dsn) + 1
    with psycopg.connect(dsn) as connection:
        row = (position, "license:license-1", 99, "license.suspended", odd)
        connection.execute(APPEND, row)

    async def found(connection: AsyncConnection[Any]) -> list[bytes]:
        return await queries.leaves(connection, position - 1, 1)

    with follow(dsn, position, "proofs"):
        (leaf_,) = read(dsn, found)

    assert (
        leaf_
        == (
            f'{{"position":{position},"stream":"license:license-1","version":99,'
            f'"type":"license.suspended","event":{odd}}}'
        ).encode()
    )
    assert (0, position - 1, leaf_hash(leaf_)) in dump(dsn, PROOFS)["hashes"]


@pytest.mark.parametrize("next_", [2, 4])
def test_a_tree_that_does_not_end_before_the_next_event_stops_it(dsn: str, next_: int):
    fill(dsn, 1, 2, 2)
    with pytest.raises(
        ProjectionError, match=f"has 2 leaves, and the next event is at .* {next_}:"
    ):
        fill(dsn, next_, next_, 1)


# The hashes of a large tree, but for their values.
LARGE = """
INSERT INTO proofs.hashes
SELECT level, index, sha256(index::text::bytea)
  FROM generate_series(0, 4) AS level, generate_series(0, (%s >> 4 * level) - 1) AS index
"""


def test_no_proof_goes_through_a_large_tree(dsn: str, monkeypatch: pytest.MonkeyPatch):
    """Counted in pages of the database, of which the tree has thousands."""
    size = 200_000
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(LARGE, (size,))
        connection.execute("ANALYZE proofs.hashes")  # as in time it will be: plans change then

    async def explained(connection: AsyncConnection[Any]) -> list[int]:
        costs = []

        async def fetch(connection: AsyncConnection[Any], statement: Any, values: Any) -> Any:
            ((plan,),) = await reading.fetch(connection, EXPLAIN + statement, values)
            costs.append(cost(plan))
            return await reading.fetch(connection, statement, values)

        monkeypatch.setattr(queries, "fetch", fetch)
        for index in (0, 255, size // 2, size - 1):
            await queries.inclusion_proof(connection, index, size)
            await queries.consistency_proof(connection, index + 1, size)
        return costs

    assert 0 < max(read(dsn, explained)) < 300


def test_a_tree_that_was_emptied_is_not_blamed_on_the_ledger(dsn: str):
    fill(dsn, 1, 2, 2)
    with psycopg.connect(dsn) as connection:
        connection.execute("TRUNCATE proofs.hashes")
    with pytest.raises(
        ProjectionError, match=r"has 0 leaves.*`hotslot projections rebuild proofs`"
    ):
        fill(dsn, 3, 3, 1)


def test_a_gap_in_the_ledger_stops_it(dsn: str):
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SET search_path TO proofs")
        with pytest.raises(ProjectionError, match=r"ledger has no event at position 3.* is at 4"):
            PROOFS.apply(cursor, [stored(position) for position in (1, 2, 4)])


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [
        (0, 256, "tile/0/000"),
        (67, 12, "tile/0/067.p/12"),
        (1000, 256, "tile/0/x001/000"),
        (1_234_067, 1, "tile/0/x001/x234/067.p/1"),
    ],
)
def test_the_paths_of_tiles(index: int, width: int, path: str):
    assert tile_path(0, index, width) == path


def test_the_widths_that_the_specification_gives():
    assert [widths(level, 70_000) for level in range(3)] == [(273, 112), (1, 17), (0, 1)]
    assert [widths(level, 256) for level in range(3)] == [(1, 0), (0, 1), (0, 0)]
