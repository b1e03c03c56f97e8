"""Verifies a receipt: a .tlog-proof file, which proves that one entry is in a log.

Its form is that of c2sp.org/tlog-proof, with the entry itself as the extra line.
"""

import base64
import hashlib
import re
from collections.abc import Sequence

from hotslot_verify.verify import LEAF, Bad, Checkpoint, Key, need, read_checkpoint

FORM = b"c2sp.org/tlog-proof@v1\n"
"""What such a file begins with."""

_LINES = re.compile(
    "extra ([A-Za-z0-9+/]+={0,2})\nindex (0|[1-9][0-9]{0,17})\n((?:[A-Za-z0-9+/]{43}=\n)*)"
)


def verify_receipt(receipt: bytes, keys: Sequence[Key]) -> tuple[Checkpoint, int, str]:
    """The checkpoint, the entry's index, counted from 0, and the entry. Raises Bad."""
    proof, _, note = receipt.removeprefix(FORM).partition(b"\n\n")
    try:
        lines = _LINES.fullmatch((proof + b"\n").decode("ascii"))
        if lines is None:
            raise ValueError
        entry = base64.b64decode(lines[1], validate=True)
        hashes = [base64.b64decode(line, validate=True) for line in lines[3].split()]
        text = entry.decode()
    except ValueError:
        raise Bad("proof", "it is not in the form of a proof with the entry in it") from None
    checkpoint, index = read_checkpoint(note, keys), int(lines[2])
    _climb(entry, index, hashes, checkpoint)
    leaf = LEAF.fullmatch(text)
    need(leaf and int(leaf[1]) == index + 1, "entry", "what is proven is no entry of this index")
    return checkpoint, index, text


def _climb(entry: bytes, index: int, hashes: Sequence[bytes], checkpoint: Checkpoint) -> None:
    """From the leaf to the root, as in RFC 9162, section 2.1.3.2."""
    size = checkpoint.size
    need(index < size, "proof", "it is of entry %s, and the checkpoint of %s entries", index, size)
    node, last, hash_ = index, size - 1, hashlib.sha256(b"\0" + entry).digest()
    for sibling in hashes:
        need(last, "proof", "it is longer than it must be")
        is_right = node % 2 == 1 or node == last
        pair = sibling + hash_ if is_right else hash_ + sibling
        hash_ = hashlib.sha256(b"\1" + pair).digest()
        while is_right and node and node % 2 == 0:  # on these levels it has no sibling
            node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    need(last == 0, "proof", "it is shorter than it must be")
    need(hash_ == checkpoint.root, "root", "its entry is not in the log that was signed")
