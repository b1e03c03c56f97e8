"""Histories for tests: events that the domain itself decided on, written to a ledger."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg

from hotslot.domain import offline, roles, streams
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import (
    Actor,
    CommandRefused,
    Context,
    Event,
    LicenseIssued,
    Mode,
    Recorded,
    deployment_stream,
    license_stream,
)
from hotslot.domain.license import Decision, License
from hotslot.domain.license_file import LicenseFile, Presented
from hotslot.domain.refusals import Refusal
from hotslot.ledger import mapper

START = datetime(2026, 1, 1, tzinfo=UTC)
OPERATOR = Actor("key", "operator-1")

# As ledger.append does it: one batch after the other, and those who listen are told.
APPEND = """
INSERT INTO ledger.events (position, stream, version, type, state)
VALUES (%s, %s, %s, %s, %s)
"""


class History:
    """Events in the order of their positions, each command a second after the one before."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []
        self._states: dict[str, streams.State] = {}
        self._versions: dict[str, int] = {}
        self._seconds = itertools.count()
        self._written = 0

    @property
    def position(self) -> int:
        """The last event's position."""
        return len(self.events)

    def record(self, *events: Event, actor: Actor = OPERATOR, reason: str | None = None) -> None:
        """Add events as one command does."""
        at = START + timedelta(seconds=next(self._seconds))
        context = Context(at=at, actor=actor, request_id=f"request-{self.position}", reason=reason)
        for event in events:
            stream = streams.stream_of(event)
            version = self._versions[stream] = self._versions.get(stream, 0) + 1
            recorded = Recorded(self.position + 1, stream, version, context, event)
            self.events.append(recorded)
            self._states[stream] = streams.evolve(self._states.get(stream), recorded)

    def license(self, license_id: str) -> License:
        state = self._states[license_stream(license_id)]
        assert isinstance(state, License)
        return state

    def deployment(self, deployment_id: str) -> Deployment:
        state = self._states.get(deployment_stream(deployment_id))
        assert state is None or isinstance(state, Deployment)
        return state or Deployment(id=deployment_id)

    def bound(self, deployment_id: str) -> License | None:
        license_id = self.deployment(deployment_id).license
        return None if license_id is None else self.license(license_id)

    @property
    def now(self) -> datetime:
        """A time at which no license of these tests has expired, unless it was to."""
        return START

    def issue(self, license_id: str, *, slots: int = 1, customer: str = "acme") -> None:
        self.record(
            LicenseIssued(
                license=license_id,
                product="core",
                customer=customer,
                slots=slots,
                expires_at=None,
                activation_key_sha256="0" * 64,
            )
        )

    def take_in(self, license_id: str, *, slots: int, customer: str = "acme") -> None:
        """Take in a license file that a trusted vendor made just now."""
        file = LicenseFile(
            license=license_id,
            product="core",
            customer=customer,
            slots=slots,
            issued_at=START + timedelta(seconds=self.position),
            expires_at=START.replace(year=2040 + slots),
        )
        known = self._states.get(license_stream(license_id))
        assert known is None or isinstance(known, License)
        taken = offline.take_in(known, Presented(file, "vendor", own=False), self.now)
        decision = taken if isinstance(taken, Refusal) else taken[1]
        self.decide(decision, "activate", license_id, "a")

    def decide(self, decision: Decision, command: str, license_id: str, deployment: str) -> None:
        """Record what was decided, or the refusal."""
        if isinstance(decision, Refusal):
            decision = (
                CommandRefused(
                    command=command,
                    code=decision.code,
                    license=license_id,
                    deployment=deployment,
                    asked={},
                    detail=decision.detail(),
                ),
            )
        if decision:
            self.record(*decision)

    def activate(self, deployment: str, license_id: str, mode: Mode = Mode.ONLINE) -> None:
        decision = roles.activate(
            self.license(license_id), self.deployment(deployment), mode, self.now
        )
        self.decide(decision, "activate", license_id, deployment)

    def deactivate(self, deployment: str) -> None:
        decision = roles.deactivate(self.bound(deployment), self.deployment(deployment))
        self.decide(decision, "deactivate", self._home(deployment), deployment)

    def register(
        self,
        deployment: str,
        license_id: str,
        mode: Mode = Mode.ONLINE,
        standby_for: str | None = None,
    ) -> None:
        decision = roles.register(
            self.license(license_id), self.deployment(deployment), mode, standby_for, self.now
        )
        self.decide(decision, "register", license_id, deployment)

    def unregister(self, deployment: str) -> None:
        decision = roles.unregister(self.bound(deployment), self.deployment(deployment))
        self.decide(decision, "unregister", self._home(deployment), deployment)

    def nominate(self, deployment: str, replaces: str | None = None) -> None:
        decision = roles.nominate(
            self.bound(deployment),
            self.deployment(deployment),
            roles.Nomination(replaces=replaces),
            self.now,
        )
        self.decide(decision, "nominate", self._home(deployment), deployment)

    def _home(self, deployment: str) -> str:
        return self.deployment(deployment).home or "license-1"

    def write(self, dsn: str) -> int:
        """Write what was added since the last time to a ledger; returns the last position."""
        write(dsn, self.events[self._written :])
        self._written = self.position
        return self.position


def write(dsn: str, events: Sequence[Recorded]) -> None:
    """Write events to a ledger, and tell those who listen."""
    rows = [
        (
            each.position,
            each.stream,
            each.version,
            each.event.type,
            mapper.encode(each.context, each.event).decode(),
        )
        for each in events
    ]
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT ledger.lock()")
        connection.cursor().executemany(APPEND, rows)
        connection.execute("SELECT pg_notify('hotslot_ledger', %s)", (str(events[-1].position),))


def write_unknown(dsn: str, position: int) -> None:
    """Write an event of a type that no catalogue has."""
    with psycopg.connect(dsn) as connection:
        state = '{"v": 1, "context": {}, "data": {}}'
        row = (position, "license:elsewhere", position, "license.teleported", state)
        connection.execute(APPEND, row)
        connection.execute("SELECT pg_notify('hotslot_ledger', %s)", (str(position),))
