"""Decides a batch of submissions in turn, each on the state that those before it leave."""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from hotslot.domain.commands import States
from hotslot.domain.events import (
    BackupNominated,
    CommandRefused,
    Context,
    Event,
    Recorded,
)
from hotslot.domain.refusals import Refusal
from hotslot.domain.streams import State, evolve, stream_of
from hotslot.ledger import mapper
from hotslot.ledger.append import AppendedEvent
from hotslot.ledger.leaf import MAX_LEAF_BYTES, leaf_size
from hotslot.ledger.submission import (
    Answer,
    Done,
    EventTooLargeError,
    NothingDone,
    Outcome,
    PreconditionFailedError,
    Refused,
    Submission,
)

REFUSAL_REPEATS_AFTER = timedelta(seconds=60)
"""The same refusal is recorded again only after this long."""


class Versioned(NamedTuple):
    """A stream's state and the version that it is of; version 0 is before the first event."""

    version: int
    state: State


class RefusalKey(NamedTuple):
    """What makes two refusals the same."""

    actor: tuple[str, str]
    stream: str
    command: str
    deployment: str | None
    code: str


def refusal_key(stream: str, context: Context, event: CommandRefused) -> RefusalKey:
    """What a recorded refusal is recognized by when it comes again."""
    actor = (context.actor.kind, context.actor.id)
    return RefusalKey(actor, stream, event.command, event.deployment, event.code)


class Drafted(NamedTuple):
    """An event that has its place in its stream, but no position yet."""

    stream: str
    version: int
    context: Context
    event: Event
    state: bytes
    """As it is to be stored."""

    def at(self, position: int) -> Recorded:
        """The event as it stands in the ledger once it is appended."""
        return Recorded(position, self.stream, self.version, self.context, self.event)


class Verdict(msgspec.Struct):
    """What was decided on one submission."""

    submission: Submission
    at: datetime
    reads: tuple[str, ...]
    drafts: list[Drafted]
    refusal: Refusal | None = None
    failed: NothingDone | None = None

    def answer(self) -> Answer:
        """What is kept under the submission's Idempotency-Key."""
        nominated = (d.event for d in self.drafts if isinstance(d.event, BackupNominated))
        return Answer(
            at=self.at,
            refusal=self.refusal.explain() if self.refusal else None,
            replaced=next((event.replaced for event in nominated), None),
            sealed_secret=self.submission.sealed_secret,
            recorded=bool(self.drafts),
        )


def missing(submission: Submission, states: States, known: Container[str]) -> list[str]:
    """The streams that the submission reads and that are not known."""
    return [stream for stream in submission.command.reads(states) if stream not in known]


class Plan:
    """A batch that is decided but not appended yet."""

    def __init__(
        self,
        known: Mapping[str, Versioned],
        refused_lately: Mapping[RefusalKey, datetime],
        now: datetime,
    ) -> None:
        """Begin an empty plan on `known` streams; `now` becomes the time of its events."""
        self.verdicts: list[Verdict] = []
        self.checks: dict[str, int] = {}
        self.drafts: list[Drafted] = []
        self.states: dict[str, State] = {stream: entry.state for stream, entry in known.items()}
        self.left: dict[str, Versioned] = {}
        """What the batch left of the streams that it wrote to, once it is settled."""
        self._known = known
        self._versions = {stream: entry.version for stream, entry in known.items()}
        self._refused_lately = refused_lately
        self._refused_here: set[RefusalKey] = set()
        self._now = now

    def decide(self, submission: Submission) -> bool:
        """Decide one submission, after those before it.

        False, and nothing is decided, when it reads a stream now that is not known.
        """
        command, states = submission.command, States(self.states)
        reads = tuple(command.reads(states))
        if not all(stream in self._versions for stream in reads):
            return False
        for stream in reads:
            self.checks.setdefault(stream, self._known[stream].version)
        verdict = Verdict(submission, self._now, reads, [])
        self.verdicts.append(verdict)
        if submission.if_match is not None:
            license_ = command.license_of(states)
            if license_ is not None and not submission.asker.may_see(license_):
                license_ = None  # A tag would tell that there is one.
            tag = license_.tag(self._now) if license_ is not None else None
            if tag not in submission.if_match and not (
                tag is not None and "*" in submission.if_match
            ):
                verdict.failed = PreconditionFailedError(tag)
                return True
        decision = command.decide(states, submission.asker, self._now)
        context = Context(
            at=self._now,
            actor=submission.asker.actor,
            request_id=submission.request_id,
            trace_id=submission.trace_id,
            source=submission.source,
            reason=submission.reason,
        )
        if isinstance(decision, Refusal):
            verdict.refusal = decision
            refused = command.refused(states, submission.asker, decision)
            if refused is not None:
                self._draft_refusal(verdict, context, refused)
        else:
            self._draft(verdict, context, decision)
        return True

    def _draft_refusal(self, verdict: Verdict, context: Context, refused: CommandRefused) -> None:
        """Draft the record of a refusal, unless the same one was recorded lately."""
        key = refusal_key(stream_of(refused), context, refused)
        before = self._refused_lately.get(key)
        if key in self._refused_here or (
            before is not None and context.at - before < REFUSAL_REPEATS_AFTER
        ):
            return
        self._draft(verdict, context, (refused,))
        if verdict.failed is None:
            self._refused_here.add(key)

    def _draft(self, verdict: Verdict, context: Context, events: Sequence[Event]) -> None:
        """Draft what was decided, all or nothing: one event that is too large stops it."""
        encoded = [(event, stream_of(event), mapper.encode(context, event)) for event in events]
        for event, stream, state in encoded:
            size = leaf_size(stream, event.type, state)
            if size > MAX_LEAF_BYTES:
                verdict.failed = EventTooLargeError(event.type, size)
                return
        for event, stream, state in encoded:
            version = self._versions[stream] + 1
            draft = Drafted(stream, version, context, event, state)
            self._versions[stream] = version
            self.states[stream] = evolve(self.states[stream], draft.at(0))
            self.drafts.append(draft)
            verdict.drafts.append(draft)

    def encoded(self) -> list[AppendedEvent]:
        """The events as they are to be stored."""
        return [
            AppendedEvent(draft.stream, draft.version, draft.event.type, msgspec.Raw(draft.state))
            for draft in self.drafts
        ]

    def settle(self, head: int) -> Sequence[Outcome | NothingDone]:
        """The outcomes, once the events are appended behind `head`.

        The states are folded once more from what was known, now that the positions are certain.
        """
        states = {stream: entry.state for stream, entry in self._known.items()}
        outcomes: list[Outcome | NothingDone] = []
        position = head
        for verdict in self.verdicts:
            license_ = verdict.submission.command.license_of(States(states))
            before = 0 if license_ is None else license_.position
            recorded = []
            for draft in verdict.drafts:
                position += 1
                event = draft.at(position)
                states[draft.stream] = evolve(states[draft.stream], event)
                recorded.append(event)
            if verdict.failed is not None:
                outcomes.append(verdict.failed)
            elif verdict.refusal is not None:
                explanation = verdict.refusal.explain()
                outcomes.append(Refused(explanation, tuple(recorded), position))
            else:
                left = States({stream: states[stream] for stream in verdict.reads})
                outcomes.append(Done(tuple(recorded), left, position, verdict.at, before))
        for draft in self.drafts:
            self.left[draft.stream] = Versioned(draft.version, states[draft.stream])
        return outcomes
