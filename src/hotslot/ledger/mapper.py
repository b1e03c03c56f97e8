"""Between events and the bytes that the ledger stores.

The stored state is JSON: `{"v": shape, "context": {...}, "data": {...}}`. A stored event is never
rewritten; when a shape changes, `v` rises and an upcast lifts the older shape.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from hotslot.domain.events import CATALOGUE, Context, Event, Recorded

E = TypeVar("E", bound=Event)


class UnknownEventError(Exception):
    """The ledger holds an event that this version of the software does not know."""

    def __init__(self, type_: str, shape: int | None, position: int) -> None:
        """`shape` is given where only the shape is unknown."""
        what = repr(type_) if shape is None else f"shape {shape} of {type_!r}"
        super().__init__(
            f"Unknown event {what} at position {position}. It was written by a newer version "
            "of Hotslot, or by something else: install that version, nothing is skipped."
        )


class Stored(msgspec.Struct, Generic[E], gc=False):
    """The stored form of an event of one type."""

    v: int
    context: Context
    data: E


UPCASTS: dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {
    ("license.backup-nominated", 1): lambda data: {
        **data,
        "replaced_term": None,
        "asked_at": None,
        "wait_for_release": False,
    },
    ("deployment.promoted", 1): lambda data: {**data, "waits_for": None, "waits_for_term": None},
}
"""By type and shape: what makes of the fields of that shape those of the next one."""


class _Head(msgspec.Struct, gc=False):
    v: int


_head = msgspec.json.Decoder(_Head)
_encoder = msgspec.json.Encoder()
_decoders: dict[str, msgspec.json.Decoder[Stored[Any]]] = {
    name: msgspec.json.Decoder(Stored[kind])  # type: ignore[valid-type]
    for name, kind in CATALOGUE.items()
}


def encode(context: Context, event: Event) -> bytes:
    """The bytes to store."""
    return _encoder.encode(Stored(v=event.shape, context=context, data=event))


def decode(position: int, stream: str, version: int, type_: str, state: bytes | str) -> Recorded:
    """A stored event, in its present shape.

    Raises:
        UnknownEventError: there is no such event in the catalogue, or not of that shape.
        msgspec.ValidationError: the stored state is not what the catalogue says.

    """
    decoder = _decoders.get(type_)
    if decoder is None:
        raise UnknownEventError(type_, None, position)
    try:
        stored: Stored[Any] | None = decoder.decode(state)
    except msgspec.ValidationError:
        stored = None  # of another shape, or not what the catalogue says
    if stored is None or stored.v != CATALOGUE[type_].shape:
        stored = _lifted(type_, position, state)
    return Recorded(position, stream, version, stored.context, stored.data)


def _lifted(type_: str, position: int, state: bytes | str) -> Stored[Any]:
    kind, shape = CATALOGUE[type_], _head.decode(state).v
    if shape > kind.shape:
        raise UnknownEventError(type_, shape, position)
    lifted = msgspec.json.decode(state)
    for older in range(shape, kind.shape):
        lifted["data"] = UPCASTS[type_, older](lifted["data"])
    return msgspec.convert(lifted, Stored[kind])  # type: ignore[valid-type]
