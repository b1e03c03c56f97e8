"""The leaf of an event: the bytes that stand for it in the Merkle tree over the ledger.

One line of JSON, made of the stored row and nothing else, so that whoever holds the row can make it
again. The event is the stored state byte for byte. Never change this: every proof ever given, and
every checkpoint, is of these bytes.
"""

import msgspec

MAX_LEAF_BYTES = 65_535
"""The longest leaf: where leaves are handed out, two bytes tell their length."""

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


_MOST = 2**63 - 1
_FRAME = len(leaf(_MOST, "", _MOST, "", b"")) - 2 * len(_text(""))


def leaf_size(stream: str, type_: str, state: bytes) -> int:
    """The bytes that the leaf has at most, whatever the event's position and version will be."""
    return _FRAME + len(_text(stream)) + len(_text(type_)) + len(state)
