"""Between events and the bytes that the ledger stores.

The stored state is JSON: `{"v": shape, "context": {...}, "data": {...}}`. A stored event is never
rewritten; when a shape changes, `v` rises and an upcast lifts the older shape.
"""

from typing import Any, Generic, TypeVar

import msgspec

from hotslot.domain.events import CATALOGUE, Context, Event, Recorded

E = TypeVar("E", bound=Event)


class UnknownEventError(Exception):
    """The ledger holds an event that this version of the software does not know."""

    def __init__(self, type_: str, position: int) -> None:
        super().__init__(
            f"Unknown event {type_!r} at position {position}. It was written by a newer version "
            "of Hotslot, or by something else: install that version, nothing is skipped."
        )


class Stored(msgspec.Struct, Generic[E]):
    """The stored form of an event of one type."""

    v: int
    context: Context
    data: E


_encoder = msgspec.json.Encoder()
_decoders: dict[str, msgspec.json.Decoder[Stored[Any]]] = {
    name: msgspec.json.Decoder(Stored[kind])  # type: ignore[valid-type]
    for name, kind in CATALOGUE.items()
}


def encode(context: Context, event: Event) -> bytes:
    """The bytes to store."""
    return _encoder.encode(Stored(v=1, context=context, data=event))


def decode(position: int, stream: str, version: int, type_: str, state: bytes | str) -> Recorded:
    """A stored event.

    Raises:
        UnknownEventError: there is no such event in the catalogue.

    """
    decoder = _decoders.get(type_)
    if decoder is None:
        raise UnknownEventError(type_, position)
    stored = decoder.decode(state)
    return Recorded(position, stream, version, stored.context, stored.data)
