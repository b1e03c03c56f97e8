"""Every event has its stream, and none gets one by default."""

import inspect
from typing import Any

import pytest

from hotslot.domain.events import CATALOGUE, CommandRefused, Event
from hotslot.domain.streams import stream_of

NAMES = {"license": "l", "deployment": "d", "key": "k"}
NAMED_BY = {"audit": "key"}
"""The field that names the stream, where it is not the stream's own kind."""


def made(kind: type[Event]) -> Event:
    """An event with a value in every field: a stream depends on names only."""
    fields = inspect.signature(kind).parameters
    return kind(**{field: NAMES.get(field, "x") for field in fields})


@pytest.mark.parametrize(
    "kind", [kind for kind in CATALOGUE.values() if kind is not CommandRefused]
)
def test_an_event_stands_on_the_stream_that_its_type_names(kind: type[Event]):
    entity = kind.type.partition(".")[0]
    assert stream_of(made(kind)) == f"{entity}:{NAMES[NAMED_BY.get(entity, entity)]}"


@pytest.mark.parametrize(
    ("concerned", "stream"),
    [
        ({"license": "l", "deployment": "d"}, "license:l"),
        ({"license": "l", "deployment": None}, "license:l"),
        ({"license": None, "deployment": "d"}, "deployment:d"),
    ],
)
def test_a_refusal_stands_with_the_license_if_one_was_concerned(
    concerned: dict[str, Any], stream: str
):
    refused = CommandRefused(command="activate", code="c", asked={}, detail="", **concerned)
    assert stream_of(refused) == stream


def test_an_event_without_a_stream_is_an_error():
    class Teleported(Event, frozen=True, kw_only=True):
        type = "deployment.teleported"
        license: str
        deployment: str

    with pytest.raises(AssertionError, match="Teleported"):
        stream_of(Teleported(license="l", deployment="d"))
    nothing = CommandRefused(
        command="activate", code="c", license=None, deployment=None, asked={}, detail=""
    )
    with pytest.raises(AssertionError, match="CommandRefused"):
        stream_of(nothing)
