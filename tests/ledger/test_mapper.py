"""Stored events: what is written comes back, and older shapes are lifted."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from hotslot.domain.events import CATALOGUE, Actor, Context, LicenseResized
from hotslot.ledger import mapper
from hotslot.ledger.mapper import UnknownEventError

CONTEXT = Context(at=datetime(2026, 1, 1, 12, tzinfo=UTC), actor=Actor("key", "k"), request_id="r")
RESIZED = LicenseResized(license="l", slots=3)


def stored(**changes: Any) -> bytes:
    state = msgspec.json.decode(mapper.encode(CONTEXT, RESIZED))
    return msgspec.json.encode(state | changes)


def test_what_is_written_comes_back():
    recorded = mapper.decode(7, "license:l", 2, RESIZED.type, mapper.encode(CONTEXT, RESIZED))
    assert (recorded.position, recorded.version) == (7, 2)
    assert (recorded.context, recorded.event) == (CONTEXT, RESIZED)


def test_an_unknown_type_is_not_skipped():
    with pytest.raises(UnknownEventError, match=r"license\.painted.*position 7"):
        mapper.decode(7, "license:l", 2, "license.painted", stored())


def test_a_shape_of_a_newer_version_is_not_guessed():
    with pytest.raises(UnknownEventError, match=r"shape 2 of 'license\.resized' at position 7"):
        mapper.decode(7, "license:l", 2, RESIZED.type, stored(v=2))


def test_an_older_shape_is_lifted_step_by_step(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(LicenseResized, "shape", 3)
    monkeypatch.setitem(
        mapper.UPCASTS, (RESIZED.type, 1), lambda data: {"id": data["l"], "n": data["n"]}
    )
    monkeypatch.setitem(
        mapper.UPCASTS, (RESIZED.type, 2), lambda data: {"license": data["id"], "slots": data["n"]}
    )
    old = stored(v=1, data={"l": "l", "n": 3})
    assert mapper.decode(7, "license:l", 2, RESIZED.type, old).event == RESIZED


def test_every_event_that_changed_its_shape_can_be_lifted():
    for type_, kind in CATALOGUE.items():
        assert {shape for name, shape in mapper.UPCASTS if name == type_} == set(
            range(1, kind.shape)
        )
