"""The tree: RFC 6962's own vectors, a naive recursive tree, and tiles."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotslot_verify.verify import Tree, fold, tile_path
from tests.verify.logs import naive_root, tiles

RFC_LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    bytes.fromhex("2021"),
    bytes.fromhex("3031"),
    bytes.fromhex("40414243"),
    bytes.fromhex("5051525354555657"),
    bytes.fromhex("606162636465666768696a6b6c6d6e6f"),
]


def hashed(leaves: list[bytes]) -> list[bytes]:
    return [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]


def grown(hashes: list[bytes]) -> Tree:
    tree = Tree(lambda name, limit: None)
    for start in range(0, len(hashes), 256):
        tree.add(hashes[start : start + 256])
    return tree


def root(hashes: list[bytes]) -> str:
    tree = grown(hashes)
    return tree.root(tree.levels[0]).hex()


def test_the_vectors_of_the_rfc():
    assert root([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root(hashed([b""])).startswith("6e340b9c")
    assert root(hashed([b"L123456"])).startswith("395aa064")
    assert fold([b"N123", b"N456"]).hex().startswith("aa217fe8")
    assert root(hashed(RFC_LEAVES)) == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )


LEAVES = [str(number).encode() for number in range(300)]
ROOTS = [naive_root(LEAVES[:size]).hex() for size in range(len(LEAVES) + 1)]


def test_every_size_up_to_300_has_the_root_of_the_naive_tree():
    assert [root(hashed(LEAVES[:size])) for size in range(301)] == ROOTS


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 300), st.data())
def test_the_root_at_a_smaller_size(size: int, data: st.DataObject):
    """As `--last` needs it: while the leaves pass by."""
    then = data.draw(st.integers(0, size))
    tree, hashes = Tree(lambda name, limit: None), hashed(LEAVES[:size])
    roots = []
    for start in range(0, size, 256):
        tile = hashes[start : start + 256]
        if 0 <= then - tree.size <= len(tile):
            roots.append(tree.root(tile[: then - tree.size]).hex())
        tree.add(tile)
    assert roots[-1:] == [ROOTS[then]][: len(roots)]
    assert roots or size == 0


MANY = [str(number).encode() for number in range(2 * 65536 + 3 * 256 + 5)]


@pytest.fixture(scope="module")
def large() -> dict[str, bytes]:
    return tiles(MANY)


def compared(given_tiles: dict[str, bytes]) -> Tree:
    asked: list[str] = []

    def tile(name: str, limit: int) -> bytes | None:
        asked.append(name)
        return given_tiles.get(name)

    tree, hashes = Tree(tile), hashed(MANY)
    for start in range(0, len(hashes), 256):
        tree.add(hashes[start : start + 256])
    for level in range(len(tree.levels)):
        tree.compare(level)
    assert tree.bad or sorted(asked) == sorted(given_tiles)
    return tree


def test_a_tree_of_three_levels(large: dict[str, bytes]):
    tree = compared(large)

    assert tree.bad == []
    assert tree.root(tree.levels[0]) == naive_root(MANY)
    assert len({name.split("/")[1] for name in large}) == 3


@pytest.mark.parametrize(
    ("name", "at", "rule", "index"),
    [
        ("tile/0/000", 0, "leaf", 0),
        ("tile/0/001", 32 * 7, "leaf", 256 + 7),
        ("tile/0/515.p/5", 32 * 4 + 31, "leaf", len(MANY) - 1),
        ("tile/1/001", 32 * 2, "tile", 65536 + 2 * 256),
        ("tile/1/002.p/3", 32, "tile", 2 * 65536 + 256),
        ("tile/2/000.p/2", 32, "tile", 65536),
    ],
)
def test_the_first_wrong_hash_of_a_tile_is_named(
    large: dict[str, bytes], name: str, at: int, rule: str, index: int
):
    wrong = bytearray(large[name])
    wrong[at] ^= 1

    (bad,) = compared(large | {name: bytes(wrong)}).bad

    assert (bad.rule, bad.index) == (rule, index)


@pytest.mark.parametrize("change", [lambda tile: tile[:-1], lambda tile: tile + b"x", bytes])
def test_a_tile_of_another_length_is_wrong(large: dict[str, bytes], change):
    tile = large["tile/0/515.p/5"]
    other = change(tile) if change is not bytes else b""

    (bad,) = compared(large | {"tile/0/515.p/5": other}).bad

    assert bad.rule == "leaf"


@pytest.mark.parametrize(
    ("index", "path"),
    [(0, "000"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067")],
)
def test_where_a_tile_lies(index: int, path: str):
    assert tile_path("0", index, 256) == f"tile/0/{path}"
    assert tile_path("entries", index, 1) == f"tile/entries/{path}.p/1"
