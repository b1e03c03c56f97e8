"""Streams: which one an event stands on, and the state that a stream's events add up to."""

from hotslot.domain import deployment, keys, license, reads  # noqa: A004 - the field's word
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import (
    AuditExported,
    BackupNominated,
    BackupRegistered,
    BackupUnregistered,
    CommandRefused,
    DeploymentActivated,
    DeploymentBound,
    DeploymentDeactivated,
    DeploymentPromoted,
    DeploymentReleased,
    DeploymentStoodDown,
    DeploymentTookOver,
    Event,
    KeyCreated,
    KeyRevoked,
    LicenseFileIssued,
    LicenseImported,
    LicenseIssued,
    LicenseLeaseChanged,
    LicenseReinstated,
    LicenseRenewed,
    LicenseResized,
    LicenseRevoked,
    LicenseSuspended,
    Recorded,
    audit_stream,
    deployment_stream,
    key_stream,
    license_stream,
)
from hotslot.domain.keys import Key
from hotslot.domain.license import License
from hotslot.domain.reads import Reader

State = License | Deployment | Key | Reader | None
"""What a stream's events add up to; None before the first."""


def stream_of(event: Event) -> str:
    """The stream that an event stands on."""
    match event:
        case (
            DeploymentBound()
            | DeploymentPromoted()
            | DeploymentReleased()
            | DeploymentTookOver()
            | DeploymentStoodDown()
        ):
            return deployment_stream(event.deployment)
        case KeyCreated() | KeyRevoked():
            return key_stream(event.key)
        case AuditExported():
            return audit_stream(event.key)
        case CommandRefused(license=None, deployment=str(refused)):
            return deployment_stream(refused)
        case CommandRefused(license=str(concerned)):
            return license_stream(concerned)
        case (
            LicenseIssued()
            | LicenseFileIssued()
            | LicenseImported()
            | LicenseRenewed()
            | LicenseResized()
            | LicenseLeaseChanged()
            | LicenseSuspended()
            | LicenseReinstated()
            | LicenseRevoked()
            | DeploymentActivated()
            | DeploymentDeactivated()
            | BackupRegistered()
            | BackupUnregistered()
            | BackupNominated()
        ):
            return license_stream(event.license)
        case _:
            # Never the stream of something else: what it holds would not add up any more.
            raise AssertionError(event)


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
        case "audit":
            assert state is None or isinstance(state, Reader)
            return reads.evolve(state, recorded)
        case _:
            raise AssertionError(recorded.stream)
