"""Somebody laid hands on the database: the server says so, signs nothing more, and serves on."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.api.calls import Caller, done, eventually
from tests.serving import serving

WITHOUT_GUARDS = "SET session_replication_role = replica"
COUNTER = "hotslot_log_contradictions_total "


def a_hash_changed(connection: psycopg.Connection) -> None:
    connection.execute("UPDATE proofs.hashes SET hash = sha256(hash) WHERE level = 0 AND index = 0")


def the_newest_event_cut_off(connection: psycopg.Connection) -> None:
    connection.execute(WITHOUT_GUARDS)
    connection.execute(
        "DELETE FROM ledger.events WHERE position = (SELECT max(position) FROM ledger.events)"
    )


@pytest.mark.parametrize("tamper", [a_hash_changed, the_newest_event_cut_off])
def test_the_record_is_not_what_was_signed(
    new_database: Callable[[], str],
    tmp_path: Path,
    tamper: Callable[[psycopg.Connection], None],
):
    dsn, log = new_database(), tmp_path / "server.log"
    with serving(dsn, log=log) as server, server.client() as http:  # type: ignore[arg-type]
        api = Caller(http)

        def checkpoint() -> str:
            return http.get("/v1/log/checkpoint").text

        def contradictions() -> float:
            lines = http.get("/metrics").text.splitlines()
            return next(float(line[len(COUNTER) :]) for line in lines if line.startswith(COUNTER))

        api.issued()
        eventually(lambda: f"\n{api.head()}\n" in checkpoint())
        good = checkpoint()
        assert contradictions() == 0
        with psycopg.connect(dsn) as connection:
            tamper(connection)
        if tamper is a_hash_changed:
            api.issued()
        eventually(lambda: contradictions() > 0)
        seen = contradictions()
        eventually(lambda: contradictions() > seen)
        assert checkpoint() == good
        # What it is for goes on.
        assert done(http.get("/readyz"))["status"] == "ready"
        (said,) = (line for line in log.read_text().splitlines() if "log-contradicted" in line)
        assert '"level": "critical"' in said
