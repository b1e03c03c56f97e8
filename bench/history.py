"""Fills a ledger with a history, by the domain's own decisions and the ledger's own append.

This stands in for months of commands: the events are those that the server would have written,
and they skip only HTTP.
"""

from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import msgspec
import psycopg

from hotslot.domain.asker import Asker
from hotslot.domain.commands import Command, IssueLicense, States
from hotslot.domain.events import Actor, Context, Recorded
from hotslot.domain.refusals import Refusal
from hotslot.domain.streams import State, evolve, stream_of
from hotslot.ledger import mapper, schema
from hotslot.ledger.append import APPEND, AppendedEvent, append_arguments

BATCH = 2_000
ASKER = Asker(Actor("system", "bench"))
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NO_KEY = "0" * 64


class History:
    """A ledger that is being filled; a context manager, which appends the rest at its end."""

    def __init__(self, database_url: str) -> None:
        """Create the ledger in an empty database."""
        schema.install(database_url)
        self._connection = psycopg.connect(database_url, autocommit=True)
        self._states: dict[str, State] = {}
        self._versions: dict[str, int] = {}
        self._waiting: list[Recorded] = []
        self.position = 0
        """Position of the last event."""
        self._time = BEGINNING

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._connection:
            if error is None:
                self._append()

    def do(self, command: Command) -> None:
        """Carry out a command, which no rule may turn down."""
        self._time += SECOND
        decision = command.decide(States(self._states), ASKER, self._time)
        assert not isinstance(decision, Refusal), decision
        context = Context(at=self._time, actor=ASKER.actor, request_id="history", reason="load")
        for event in decision:
            self.position += 1
            stream = stream_of(event)
            version = self._versions.get(stream, 0) + 1
            recorded = Recorded(self.position, stream, version, context, event)
            self._versions[stream] = version
            self._states[stream] = evolve(self._states.get(stream), recorded)
            self._waiting.append(recorded)
        if len(self._waiting) >= BATCH:
            self._append()

    def version(self, stream: str) -> int:
        """Return the number of events on a stream."""
        return self._versions.get(stream, 0)

    def _append(self) -> None:
        events, self._waiting = self._waiting, []
        read: dict[str, int] = {}
        for event in events:
            read.setdefault(event.stream, event.version - 1)
        batch = [
            AppendedEvent(
                event.stream,
                event.version,
                event.event.type,
                msgspec.Raw(mapper.encode(event.context, event.event)),
            )
            for event in events
        ]
        row = self._connection.execute(APPEND, append_arguments(read, batch, [])).fetchone()
        assert row is not None
        stale, _, head = row
        assert stale is None, stale
        # The states were folded with the positions that the events should get.
        assert head + len(events) == self.position, (head, self.position)


def issue(license_id: str, slots: int) -> IssueLicense:
    """Return the command that issues a license to fill."""
    return IssueLicense(
        license=license_id,
        product="scanner",
        customer="acme",
        slots=slots,
        expires_at=None,
        activation_key_sha256=NO_KEY,
    )
