"""Views of licenses and deployments, kept until something happens to them.

The tail tells of every event, so a view that was read from the projection stays true until one
comes on a stream that it rests on. It is as fresh as a read of the projection would be: that, too,
waits for no more than the events that this process knows of.
"""

import itertools
from collections.abc import Sequence
from typing import Generic, TypeVar

from hotslot.domain.events import Recorded

CAPACITY = 20_000

View = TypeVar("View")

Marks = tuple[tuple[str, int], ...]
"""Streams, and how each was marked when it was looked at."""


class ViewCache(Generic[View]):
    """Views by id. Look `marks` up, read the projection, then `put` the view with the marks."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._views: dict[str, tuple[View, Marks]] = {}
        self._marks: dict[str, int] = {}
        # Never the same number twice: a mark from before the cache was emptied must not fit again.
        self._numbers = itertools.count()

    def saw(self, recorded: Recorded) -> None:
        """Take note of an event: views that rest on its stream are true no longer."""
        if recorded.stream in self._marks:
            self._marks[recorded.stream] = next(self._numbers)

    def marks(self, streams: Sequence[str]) -> Marks:
        """How the streams are marked now."""
        if len(self._marks) > self._capacity:
            self._views.clear()
            self._marks.clear()
        return tuple(
            (stream, self._marks.setdefault(stream, next(self._numbers))) for stream in streams
        )

    def get(self, id_: str) -> View | None:
        """The view, if it is still true."""
        found = self._views.get(id_)
        if found is None:
            return None
        view, marks = found
        return view if self._are_valid(marks) else None

    def put(self, id_: str, view: View, marks: Marks) -> None:
        """Keep a view that was read after the marks were looked up."""
        if self._are_valid(marks):
            self._views[id_] = view, marks

    def _are_valid(self, marks: Marks) -> bool:
        return all(self._marks.get(stream) == mark for stream, mark in marks)
