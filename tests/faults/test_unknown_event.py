"""An event of a newer version stands in the ledger: only its stream can't be worked on here."""

import time
from pathlib import Path

import msgspec
import psycopg

from hotslot.ledger.append import APPEND, AppendedEvent, append_arguments
from tests.api.calls import Caller, done, problem
from tests.serving import Server

LIMIT_SECONDS = 30


def test_other_licenses_go_on_beside_an_event_that_is_not_known(dsn: str, tmp_path: Path):
    log = tmp_path / "log"
    server = Server(dsn, log=log)
    try:
        with server.client() as client:
            caller = Caller(client)
            for license_id in ("l", "other"):
                caller.issued(id=license_id, slots=2)
                done(caller.activate(f"{license_id}-a", license_id))
            append_an_unknown_event(dsn, "license:l")
            await_log(log, "event-not-known")
            problem(caller.activate("l-b", "l"), 503, "event-not-known")
            done(caller.activate("other-b", "other"))
            problem(caller.activate("l-b", "l"), 503, "event-not-known")
            assert server.process.poll() is None
    finally:
        server.kill()


def append_an_unknown_event(dsn: str, stream: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        (version,) = connection.execute(
            "SELECT max(version) FROM ledger.events WHERE stream = %s", [stream]
        ).fetchone() or (None,)
        assert version is not None
        event = AppendedEvent(stream, version + 1, "l.of-tomorrow", msgspec.Raw(b'{"v": 1}'))
        connection.execute(APPEND, append_arguments({stream: version}, [event], []))


def await_log(log: Path, word: str) -> None:
    """Wait until the server has met the event."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while word not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, f"Waited {LIMIT_SECONDS} s in vain: {word}"
        time.sleep(0.02)
