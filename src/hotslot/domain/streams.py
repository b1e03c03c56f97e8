"""Streams: which one an event stands on, and the state that a stream's events add up to."""

from hotslot.domain import deployment, keys, license  # noqa: A004 - the field's word
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import (
    CommandRefused,
    DeploymentBound,
    DeploymentPromoted,
    DeploymentReleased,
    Event,
    KeyCreated,
    KeyRevoked,
    Recorded,
    deployment_stream,
    key_stream,
    license_stream,
)
from hotslot.domain.keys import Key
from hotslot.domain.license import License

State = License | Deployment | Key | None
"""What a stream's events add up to; None before the first."""


def stream_of(event: Event) -> str:
    """The stream that an event stands on."""
    match event:
        case DeploymentBound() | DeploymentPromoted() | DeploymentReleased():
            return deployment_stream(event.deployment)
        case KeyCreated() | KeyRevoked():
            return key_stream(event.key)
        case CommandRefused(license=None, deployment=str(refused)):
            return deployment_stream(refused)
        case _:
            return license_stream(event.license)  # type: ignore[attr-defined]


def evolve(state: State, recorded: Recorded) -> State:
    """A stream's state after one more of its events, whatever the stream."""
    kind, _, name = recorded.stream.partition(":")
    match kind:
        case "license":
            assert state is None or isinstance(state, License)
            return license.evolve(state, recorded)
        case "deployment":
            assert state is None or isinstance(state, Deployment)
            return deployment.evolve(state or Deployment(id=name), recorded)
        case "key":
            assert state is None or isinstance(state, Key)
            return keys.evolve(state, recorded)
        case _:
            raise AssertionError(recorded.stream)
