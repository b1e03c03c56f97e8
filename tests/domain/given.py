"""Given these events, when this command, then these events, or this refusal.

    given(issued(), activated("a")).when(nominate("b")).refused(NotABackup(...))

A decision sees the streams that its command says it reads, and no others, and may write to no
others: a stream that a command forgets to name is a failing test.
"""

from datetime import UTC, datetime, timedelta

from hotslot.domain.asker import Asker
from hotslot.domain.commands import Command, States
from hotslot.domain.events import Actor, CommandRefused, Context, Event, Recorded
from hotslot.domain.license import Decision, License
from hotslot.domain.refusals import Refusal
from hotslot.domain.streams import State, evolve, stream_of

NOW = datetime(2030, 5, 17, 12, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PERSON = Actor("key", "a-person")
ANYONE = Asker(PERSON)
"""An asker without limits."""


class Given:
    """What has happened so far."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.history: list[Recorded] = []
        self._versions: dict[str, int] = {}

    def record(self, *events: Event, at: datetime = NOW) -> "Given":
        """These happened next."""
        for event in events:
            stream = stream_of(event)
            self._versions[stream] = self._versions.get(stream, 0) + 1
            recorded = Recorded(
                position=len(self.history) + 1,
                stream=stream,
                version=self._versions[stream],
                context=Context(at=at, actor=PERSON, request_id="r"),
                event=event,
            )
            self.history.append(recorded)
            self.states[stream] = evolve(self.states.get(stream), recorded)
        return self

    def when(self, command: Command, asker: Asker = ANYONE, at: datetime = NOW) -> "Then":
        """Someone asks for this."""
        seen = self._read_by(command)
        read = States(seen)
        decision = command.decide(read, asker, at)
        record = command.refused(read, asker, decision) if isinstance(decision, Refusal) else None
        written = [record] if isinstance(decision, Refusal) else decision
        # What is written to a stream rests on its version, so it has to be read.
        assert {stream_of(event) for event in written if event is not None} <= seen.keys()
        return Then(decision, record)

    def _read_by(self, command: Command) -> dict[str, State]:
        seen: dict[str, State] = {}
        while unseen := [s for s in command.reads(States(seen)) if s not in seen]:
            seen.update({stream: self.states.get(stream) for stream in unseen})
        return seen

    def license(self, license_id: str = "lic") -> License:
        """The license as it is now."""
        state = self.states[f"license:{license_id}"]
        assert isinstance(state, License)
        return state


class Then:
    """What came of it."""

    def __init__(self, decision: Decision, record: CommandRefused | None) -> None:
        self.decision = decision
        self.record = record
        """What the ledger is told of a refusal, if anything."""

    @property
    def events(self) -> tuple[Event, ...]:
        """The events; there must not be a refusal."""
        assert not isinstance(self.decision, Refusal), self.decision
        return self.decision

    def then(self, *events: Event) -> None:
        """Exactly these events, in this order."""
        assert self.decision == events

    def nothing(self) -> None:
        """It was so already."""
        assert self.decision == ()

    def refused(self, refusal: Refusal) -> None:
        """A rule turned it down, for this reason and with these facts."""
        assert self.decision == refusal


def given(*events: Event) -> Given:
    """A world in which these events happened."""
    return Given().record(*events)
