"""The tree against the RFC's vectors, and against a tree that is computed in the naive way."""

import functools
import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.proofs.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    Span,
    consistency_path,
    full_subtrees,
    inclusion_path,
    joined,
    leaf_hash,
    node_hash,
    subtree_hash,
    verify_consistency,
    verify_inclusion,
)

LARGEST = 300

# The eight leaves of the certificate-transparency project's reference tree.
REFERENCE_LEAVES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]


def naive_root(hashes: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, section 2.1.1, word for word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(naive_root(hashes[:split]), naive_root(hashes[split:]))


HASHES = [leaf_hash(b"leaf %d" % number) for number in range(LARGEST)]
ROOTS = [naive_root(HASHES[:size]) for size in range(LARGEST + 1)]


@functools.cache
def hash_of(span: Span) -> bytes:
    return naive_root(HASHES[span.begin : span.end])


def inclusion(index: int, size: int) -> list[bytes]:
    return [hash_of(span) for span in inclusion_path(index, size)]


def consistency(older: int, size: int) -> list[bytes]:
    return [hash_of(span) for span in consistency_path(older, size)]


def test_the_vectors_of_the_rfc():
    assert EMPTY_ROOT.hex().startswith("e3b0c442")
    assert EMPTY_ROOT.hex().endswith("b855")
    assert leaf_hash(b"").hex().startswith("6e340b9c")
    assert leaf_hash(b"").hex().endswith("a01d")
    assert leaf_hash(b"L123456").hex().startswith("395aa064")
    assert node_hash(b"N123", b"N456").hex().startswith("aa217fe8")


def test_the_reference_tree_of_eight_leaves():
    tree = Frontier()
    for leaf in REFERENCE_LEAVES:
        tree.append(leaf_hash(leaf))
    assert tree.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_a_frontier_has_the_naive_root_at_every_size():
    tree = Frontier()
    assert tree.root() == EMPTY_ROOT
    for size, hash_ in enumerate(HASHES, start=1):
        tree.append(hash_)
        assert (tree.size, tree.root()) == (size, ROOTS[size])


def test_every_subtree_is_joined_from_full_ones():
    for size in range(1, LARGEST + 1):
        subtrees = full_subtrees(Span(0, size))
        widths = [end - begin for begin, end in subtrees]
        assert all(width & (width - 1) == 0 for width in widths)
        hashes = [subtree_hash(HASHES[begin:end]) for begin, end in subtrees]
        assert joined(hashes) == ROOTS[size]


def test_every_leaf_is_proven_at_every_size():
    for size in range(1, LARGEST + 1):
        for index in range(size):
            verify_inclusion(index, size, HASHES[index], inclusion(index, size), ROOTS[size])


def test_every_size_is_proven_to_have_begun_as_the_smaller_ones():
    for size in range(1, LARGEST + 1):
        for older in range(1, size + 1):
            proof = consistency(older, size)
            verify_consistency(older, size, ROOTS[older], ROOTS[size], proof)


sizes = st.integers(1, LARGEST)


@given(sizes, st.data())
def test_a_proof_of_inclusion_proves_nothing_else(size: int, data: st.DataObject):
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion(index, size)
    changes = [
        (index, size, HASHES[index], [*proof, ROOTS[1]], ROOTS[size]),
        (index, size, HASHES[index], proof[:-1], ROOTS[size]),
        (index, size, HASHES[(index + 1) % LARGEST], proof, ROOTS[size]),
        (index, size, HASHES[index], proof, ROOTS[size - 1]),
        (size, size, HASHES[index], proof, ROOTS[size]),
        (-1, size, HASHES[index], proof, ROOTS[size]),
        (0, 0, HASHES[index], proof, ROOTS[size]),
    ]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        swapped = [*proof[:place], bytes(32), *proof[place + 1 :]]
        short = [*proof[:place], proof[place][:31], *proof[place + 1 :]]
        changes += [
            (index, size, HASHES[index], swapped, ROOTS[size]),
            (index, size, HASHES[index], short, ROOTS[size]),
            (index ^ 1, size, HASHES[index], proof, ROOTS[size]),
        ]
    for change in changes:
        if change[1:4] == (size, HASHES[index], proof[:-1]) and not proof:
            continue  # nothing was taken away
        with pytest.raises(ProofError):
            verify_inclusion(*change)


@given(sizes, st.data())
def test_a_proof_of_consistency_proves_nothing_else(size: int, data: st.DataObject):
    older = data.draw(st.integers(1, size))
    proof = consistency(older, size)
    changes = [
        (older, size, ROOTS[older], ROOTS[size], [*proof, ROOTS[1]]),
        (older, size, ROOTS[older - 1], ROOTS[size], proof),
        (older, size, ROOTS[older], ROOTS[size - 1], proof),
        (0, size, EMPTY_ROOT, ROOTS[size], proof),
        (size + 1, size, ROOTS[older], ROOTS[size], proof),
        (older, size, ROOTS[older][:31], ROOTS[size], proof),
    ]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        changes += [
            (older, size, ROOTS[older], ROOTS[size], proof[:-1]),
            (older, size, ROOTS[older], ROOTS[size], [*proof[:place], *proof[place + 1 :]]),
            (older, size, ROOTS[older], ROOTS[size], [*proof[:place], b"", *proof[place + 1 :]]),
            (older, size, ROOTS[older], ROOTS[size], [bytes(32), *proof[1:]]),
        ]
    for change in changes:
        with pytest.raises(ProofError):
            verify_consistency(*change)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3)])
def test_there_is_no_path_to_a_leaf_that_is_not_there(index: int, size: int):
    with pytest.raises(ValueError, match="has no leaf"):
        inclusion_path(index, size)


@pytest.mark.parametrize(("older", "size"), [(0, 0), (0, 3), (4, 3), (-1, 3)])
def test_there_is_no_path_from_a_tree_that_was_never_there(older: int, size: int):
    with pytest.raises(ValueError, match="did not begin"):
        consistency_path(older, size)
