"""What the tests of the specification are told with."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx
import pytest
from eventsourcing.persistence import StoredEvent

from hotslot.domain.events import (
    Actor,
    BackupRegistered,
    Context,
    DeploymentBound,
    Mode,
    Role,
    deployment_stream,
    license_stream,
)
from hotslot.ledger import mapper
from hotslot.ledger.recorder import LedgerRecorder
from tests.api.calls import Caller, done
from tests.serving import serving


@pytest.fixture
def api(admin: httpx.Client) -> Caller:
    """Whoever runs the instances, with the admin key."""
    return Caller(admin)


@pytest.fixture
def names(unique: Callable[[str], str]) -> tuple[str, str, str]:
    """The active / production instance, a backup instance, and another one."""
    return unique("production"), unique("backup"), unique("another")


class Offline:
    """A server whose ledger has backups that were registered in offline mode.

    Until offline license files come, no call registers one: the events are written to the ledger.
    """

    def __init__(self, dsn: str, api: Caller) -> None:
        self._dsn = dsn
        self.api = api

    def register(self, deployment: str, license_id: str) -> None:
        """The backup was registered with the content of a license file."""
        version = self._version(license_id)
        registered = BackupRegistered(
            license=license_id,
            deployment=deployment,
            mode=Mode.OFFLINE,
            standby_for=None,
            term=self.api.license(license_id)["term"],
        )
        bound = DeploymentBound(
            deployment=deployment,
            license=license_id,
            role=Role.BACKUP,
            mode=Mode.OFFLINE,
            standby_for=None,
            term=registered.term,
        )
        context = Context(datetime.now(UTC), Actor("key", "admin"), "a-license-file")
        recorder = LedgerRecorder(self._dsn)
        try:
            *_, position = recorder.insert_events(
                [
                    StoredEvent(stream, at, event.type, mapper.encode(context, event))
                    for stream, at, event in (
                        (license_stream(license_id), version + 1, registered),
                        (deployment_stream(deployment), 1, bound),
                    )
                ]
            ) or (0,)
        finally:
            recorder.close()
        self.api.license(license_id, min_position=position)

    def _version(self, license_id: str) -> int:
        entries = self.api.trail(license=license_id)
        on_license = (e for e in entries if e["stream"] == license_stream(license_id))
        return max(int(each["stream_version"]) for each in on_license)


@pytest.fixture(scope="module")
def offline(new_database: Callable[[], str]) -> Iterator[Offline]:
    dsn = new_database()
    with serving(dsn) as server, server.client() as http:
        yield Offline(dsn, Caller(http))


@pytest.fixture
def licensed(api: Caller, names: tuple[str, str, str]) -> str:
    """A license with one activation slot, which the production instance holds."""
    license_id = api.issued(slots=1)
    done(api.activate(names[0], license_id))
    return license_id
