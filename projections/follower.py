"""Carries events from the ledger into a projection."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import eventsourcing.persistence
import psycopg
import structlog
from psycopg import Connection, Cursor

from hotslot.ledger.channels import LEDGER_CHANNEL, WANTED_CHANNEL
from hotslot.ledger.recorder import LedgerRecorder
from projections.catalogue import PROJECTIONS
from projections.positions import (
    FOLLOWING,
    STOPPED,
    advance,
    lock_position,
    prepare_for_folding,
    take_lead,
)
from projections.projection import Projection, ProjectionError
from projections.source import BATCH, StoredEvent, events_after

POLL_SECONDS = 0.25
"""The net under LISTEN: so often the ledger is read though nothing was notified."""

GATHER_SECONDS = 0.02
"""Between two batches, unless a read waits: a transaction for every event would cost far more."""

STANDBY_SECONDS = 0.5
"""So often a follower that doesn't have the lead asks for it."""

BACKOFF_SECONDS = (0.1, 5.0)
"""Pause after a lost connection: the first one, and the longest."""

JOIN_SECONDS = 5.0

# What a database that restarts, or is out of reach for a while, looks like.
INTERRUPTIONS = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    eventsourcing.persistence.OperationalError,
    eventsourcing.persistence.InterfaceError,
)

_log = structlog.get_logger(__name__)


class SupersededError(Exception):
    """The live tables were built by another version of the projection."""


class Follower:
    """Keeps one projection up to date, as the only one of all processes that does.

    `run` returns when it is told to stop, and for good when the projection can't go on: because
    of an event that it doesn't know or can't apply, which it never skips, or because a newer
    version has taken its place. `failure` then says why.
    """

    def __init__(self, dsn: str, projection: Projection) -> None:
        self._dsn = dsn
        self._projection = projection
        self._log = _log.bind(projection=projection.name)
        self.failure: str | None = None

    @property
    def name(self) -> str:
        """The projection's name."""
        return self._projection.name

    def run(self, stop: threading.Event) -> None:
        """Follow the ledger until stopped."""
        shortest, longest = BACKOFF_SECONDS
        pause = shortest
        while not stop.is_set():
            began = time.monotonic()
            try:
                self._follow(stop)
            except INTERRUPTIONS as error:
                if time.monotonic() - began > longest:
                    pause = shortest
                self._log.warning("projection.interrupted", error=str(error), again_in=pause)
                stop.wait(pause)
                pause = min(pause * 2, longest)
            except SupersededError as error:
                self.failure = str(error)
                self._log.warning("projection.superseded", reason=self.failure)
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
                self._stop_for_good(error)
                return

    def _follow(self, stop: threading.Event) -> None:
        with (
            Connection.connect(self._dsn, autocommit=True) as connection,
            closing(LedgerRecorder(self._dsn)) as recorder,
        ):
            while not take_lead(connection, self._projection):
                if stop.wait(STANDBY_SECONDS):
                    return
            prepare_for_folding(connection, self._projection.name)
            # Before the first read: an event in between would be noticed late.
            connection.execute(f"LISTEN {LEDGER_CHANNEL}; LISTEN {WANTED_CHANNEL}")
            connection.execute(FOLLOWING, (self._projection.name,))
            with connection.transaction(), connection.cursor() as cursor:
                position = self._live_position(cursor)
            self._log.info("projection.following", position=position)
            while not stop.is_set():
                batch = events_after(recorder, position)
                gather_until = time.monotonic() + GATHER_SECONDS
                if batch:
                    position = self._apply(connection, batch, position)
                if len(batch) < BATCH:
                    _wait_for_news(connection, position, gather_until)

    def _apply(self, connection: Connection[Any], batch: list[StoredEvent], position: int) -> int:
        """Apply the events behind `position`; return where the tables then are.

        That is somewhere else if they were rebuilt in the meantime: nothing is applied then.
        """
        with connection.transaction(), connection.cursor() as cursor:
            live = self._live_position(cursor)
            if live == position:
                self._projection.apply(cursor, batch)
                live = batch[-1].position
                advance(cursor, self._projection, live)
        return live

    def _live_position(self, cursor: Cursor[Any]) -> int:
        """Where the tables are; nobody else moves them until the end of the transaction."""
        locked = lock_position(cursor, self._projection)
        if locked is None:
            raise ProjectionError(
                f"The projection {self.name} is not installed. Restart the server, or run "
                f"`hotslot projections rebuild {self.name}`."
            )
        position, version = locked
        if version != self._projection.version:
            raise SupersededError(
                f"The live tables are of version {version}, and this process knows version "
                f"{self._projection.version}: it needs to be replaced."
            )
        return position

    def _stop_for_good(self, error: Exception) -> None:
        self.failure = f"{type(error).__name__}: {error}"
        self._log.error("projection.stopped", error=self.failure, exc_info=error)
        try:
            with Connection.connect(self._dsn, autocommit=True) as connection:
                connection.execute(STOPPED, (self.failure, self.name))
        except psycopg.Error as failure:
            self._log.warning("projection.stop-not-recorded", error=str(failure))


@contextmanager
def following(
    dsn: str, projections: Iterable[Projection] = PROJECTIONS.values()
) -> Iterator[list[Follower]]:
    """Run a follower for each projection, in threads that end with the block.

    The threads don't keep the process from exiting.
    """
    stop = threading.Event()
    followers = [Follower(dsn, projection) for projection in projections]
    threads = [
        threading.Thread(
            target=follower.run, args=(stop,), name=f"follower-{follower.name}", daemon=True
        )
        for follower in followers
    ]
    for thread in threads:
        thread.start()
    try:
        yield followers
    finally:
        stop.set()
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def _wait_for_news(connection: Connection[Any], position: int, gather_until: float) -> None:
    """Wait until there is an event behind the position and a read waits for it, or time is up.

    Time is up at `gather_until` when there is an event, and else when a poll is due.
    """
    deadline = time.monotonic() + POLL_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        is_wanted = False
        for notify in connection.notifies(timeout=left, stop_after=1):
            # While a batch was applied, its own notifications have come in.
            if not notify.payload.isdigit() or int(notify.payload) > position:
                deadline = min(deadline, gather_until)
                is_wanted = is_wanted or notify.channel == WANTED_CHANNEL
        if is_wanted:
            return
