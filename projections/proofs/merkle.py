"""The Merkle tree of RFC 6962 and RFC 9162 with SHA-256: hashes, paths of proofs, verifying them.

Pure: where the hashes of a tree lie is for others to know. A subtree is named by the leaves that it
is over.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

HASH_BYTES = 32

EMPTY_ROOT = hashlib.sha256().digest()
"""The root of the tree without leaves (RFC 9162, section 2.1.1)."""


class ProofError(ValueError):
    """A proof does not prove what it is said to."""


class Span(NamedTuple):
    """The subtree over the leaves from `begin` up to, and without, `end`."""

    begin: int
    end: int


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtree_hash(hashes: Sequence[bytes]) -> bytes:
    """The hash over the hashes of neighboring subtrees of one size: a power of two of them."""
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def inclusion_path(index: int, size: int) -> list[Span]:
    """The subtrees whose hashes prove that a leaf is in a tree, from its sibling upwards.

    As in RFC 9162, section 2.1.3.1.

    Raises:
        ValueError: there is no such leaf.

    """
    if not 0 <= index < size:
        raise ValueError(f"A tree of {size} leaves has no leaf {index}.")
    path = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _left(end - begin)
        if index < middle:
            path.append(Span(middle, end))
            end = middle
        else:
            path.append(Span(begin, middle))
            begin = middle
    return path[::-1]


def consistency_path(older: int, size: int) -> list[Span]:
    """The subtrees whose hashes prove that a tree began as an older one.

    As in RFC 9162, section 2.1.4.1.

    Raises:
        ValueError: the older tree is empty, or larger.

    """
    if not 0 < older <= size:
        raise ValueError(f"A tree of {size} leaves did not begin as one of {older}.")
    path = []
    begin, end = 0, size
    while end != older:
        middle = begin + _left(end - begin)
        if older <= middle:
            path.append(Span(middle, end))
            end = middle
        else:
            path.append(Span(begin, middle))
            begin = middle
    # What the older tree is whole in: its verifier has the hash of that already.
    return path[::-1] if begin == 0 else [Span(begin, end), *path[::-1]]


def full_subtrees(span: Span) -> list[Span]:
    """The full subtrees (of 2, 4, 8… leaves) that a subtree is made of, from left to right."""
    begin, end = span
    subtrees = []
    while begin < end:
        width = 1 << ((end - begin).bit_length() - 1)
        subtrees.append(Span(begin, begin + width))
        begin += width
    return subtrees


def joined(hashes: Sequence[bytes]) -> bytes:
    """The hash of a subtree from the hashes of its full subtrees, from left to right."""
    hash_ = hashes[-1]
    for left in hashes[-2::-1]:
        hash_ = node_hash(left, hash_)
    return hash_


def verify_inclusion(
    index: int, size: int, hash_: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Verify that a leaf is in a tree, by its hash (RFC 9162, section 2.1.3.2).

    Raises:
        ProofError: it is not proven.

    """
    _refuse_misfits((hash_, *proof, root))
    if not 0 <= index < size:
        raise ProofError(f"A tree of {size} leaves has no leaf {index}.")
    for sibling, is_left in _siblings(index, size - 1, proof):
        hash_ = node_hash(sibling, hash_) if is_left else node_hash(hash_, sibling)
    if hash_ != root:
        raise ProofError("The proof leads to another root.")


def verify_consistency(
    older: int, size: int, older_root: bytes, root: bytes, proof: Sequence[bytes]
) -> None:
    """Verify that a tree began as an older one (RFC 9162, section 2.1.4.2).

    Raises:
        ProofError: it is not proven.

    """
    _refuse_misfits((older_root, root, *proof))
    if not 0 < older <= size:
        raise ProofError(f"A tree of {size} leaves did not begin as one of {older}.")
    if older == size:
        if proof:
            raise ProofError("The proof is longer than it must be.")
        if older_root != root:
            raise ProofError("Two trees of one size have different roots.")
        return
    node, last = older - 1, size - 1
    while node % 2:
        node, last = node >> 1, last >> 1
    # A full tree is a node of the larger one, and its hash is known without the proof.
    path = list(proof) if node else [older_root, *proof]
    if not path:
        raise ProofError("The proof is shorter than it must be.")
    older_hash = hash_ = path[0]
    for sibling, is_left in _siblings(node, last, path[1:]):
        if is_left:
            older_hash = node_hash(sibling, older_hash)
        hash_ = node_hash(sibling, hash_) if is_left else node_hash(hash_, sibling)
    if older_hash != older_root:
        raise ProofError("The proof leads to another root of the older tree.")
    if hash_ != root:
        raise ProofError("The proof leads to another root.")


class Frontier:
    """A tree that grows leaf by leaf and keeps only what its root is made of."""

    def __init__(self) -> None:
        self.size = 0
        self._full: list[bytes] = []

    def append(self, hash_: bytes) -> None:
        """Add a leaf, by its hash."""
        rest = self.size
        while rest % 2:
            hash_ = node_hash(self._full.pop(), hash_)
            rest >>= 1
        self._full.append(hash_)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        return joined(self._full) if self._full else EMPTY_ROOT


def _left(width: int) -> int:
    """How many of so many leaves, two at least, are in the left one of the two children."""
    return 1 << ((width - 1).bit_length() - 1)


def _siblings(node: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Climb from a node to the root: each sibling on the way, and whether it is the left one.

    `last` is the last node on the level of `node`.
    """
    for sibling in proof:
        if last == 0:
            raise ProofError("The proof is longer than it must be.")
        is_left = node % 2 == 1 or node == last
        yield sibling, is_left
        while is_left and node and not node % 2:  # it has no sibling on these levels
            node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("The proof is shorter than it must be.")


def _refuse_misfits(hashes: Sequence[bytes]) -> None:
    if any(len(hash_) != HASH_BYTES for hash_ in hashes):
        raise ProofError(f"A hash does not have {HASH_BYTES} bytes.")
