"""What the nodes did, by their own logs, held against what they had the right to do."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from hotslot.cli.client import Json
from hotslot.cli.demo.traffic import TOOK, Offer

PROCESSED = "file-processed"


class Work(NamedTuple):
    """A node had to do with a file."""

    at: datetime
    node: str
    term: int
    sha256: str


class Right(NamedTuple):
    """A node could process, in a term, from a time on until another; None while it still can."""

    node: str
    term: int
    begins: datetime
    ends: datetime | None

    def covers(self, work: Work) -> bool:
        """Whether this is the right that a piece of work needed."""
        return (work.node, work.term) == (self.node, self.term) and (
            self.begins <= work.at and (self.ends is None or work.at <= self.ends)
        )


def done_in(log: Path, event: str = PROCESSED) -> list[Work]:
    """Read what a node has logged of files: those that it has processed, or another event."""
    return [
        Work(
            datetime.fromisoformat(line["timestamp"]),
            line["deployment"],
            line["term"],
            line["sha256"],
        )
        for line in _lines(log)
        if line.get("event") == event
    ]


def rights_of(failover: Json, took_over: Iterable[Json]) -> list[Right]:
    """Say who had the right when, by a failover and the entries of type `deployment.took-over`."""
    ends = {failover["former"]: failover["silent_at"]}
    return [
        Right(
            entry["deployment"],
            entry["data"]["term"],
            datetime.fromisoformat(entry["at"]),
            datetime.fromisoformat(end) if (end := ends.get(entry["deployment"])) else None,
        )
        for entry in took_over
    ]


def by_two(work: Iterable[Work]) -> list[str]:
    """Give the SHA-256 of files that were processed more than once, by one node or by two."""
    times: dict[str, int] = defaultdict(int)
    for each in work:
        times[each.sha256] += 1
    return [sha256 for sha256, count in times.items() if count > 1]


def without_right(work: Iterable[Work], rights: Sequence[Right]) -> list[Work]:
    """Give what was processed by a node that had no right to at that moment."""
    return [each for each in work if not any(right.covers(each) for right in rights)]


class Mark(NamedTuple):
    """Something happened to a node, or with it."""

    at: datetime
    node: str
    what: str


class Row(NamedTuple):
    """A line of the timeline: the seconds since its beginning, and a cell for each node."""

    seconds: float
    cells: list[str]


def timeline(offers: Sequence[Offer], marks: Iterable[Mark], nodes: Sequence[str]) -> list[Row]:
    """Tell which node answered how, a row from each change to the next, and what happened."""
    begins = offers[0].at
    rows = [(mark.at, [mark.what if node == mark.node else "" for node in nodes]) for mark in marks]
    stretch: list[Offer] = []
    for offer in offers:
        if any(each.node == offer.node and each.outcome != offer.outcome for each in stretch):
            rows.append(_summed(stretch, nodes))
            stretch = []
        stretch.append(offer)
    rows.append(_summed(stretch, nodes))
    rows.sort(key=lambda row: row[0])
    return [Row((at - begins).total_seconds(), cells) for at, cells in rows]


def _summed(stretch: Sequence[Offer], nodes: Sequence[str]) -> tuple[datetime, list[str]]:
    cells = []
    for node in nodes:
        met = [each.outcome for each in stretch if each.node == node]
        files = "1 file" if len(met) == 1 else f"{len(met)} files"
        cells.append("" if not met else files if met[0] == TOOK else met[0])
    return stretch[0].at, cells


def _lines(log: Path) -> Iterable[dict[str, Any]]:
    for line in log.read_text("utf-8", errors="replace").splitlines():
        # A node says where it listens in plain words; and a kill may cut its last line.
        if line.startswith("{") and line.endswith("}"):
            yield json.loads(line)
