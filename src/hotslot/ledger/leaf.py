"""The leaf of an event: the bytes that stand for it in the Merkle tree over the ledger.

One line of JSON, made of the stored row and nothing else, so that whoever holds the row can make it
again. The event is the stored state byte for byte. Never change this: every proof ever given, and
every checkpoint, is of these bytes.
"""

import msgspec

MAX_LEAF_BYTES = 65_535
"""The longest leaf: where leaves are handed out, two bytes tell their length."""

_LONGEST_POSITION = 2**63 - 1

_text = msgspec.json.Encoder().encode


def leaf(position: int, stream: str, version: int, type_: str, state: bytes) -> bytes:
    """The leaf of a row of `ledger.events`; `state` are its stored bytes."""
    return b'{"position":%d,"stream":%b,"version":%d,"type":%b,"event":%b}' % (
        position,
        _text(stream),
        version,
        _text(type_),
        state,
    )


def leaf_size(stream: str, version: int, type_: str, state: bytes) -> int:
    """The bytes that the leaf has at most, before the event's position is known."""
    return len(leaf(_LONGEST_POSITION, stream, version, type_, state))
