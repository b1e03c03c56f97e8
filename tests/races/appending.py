"""A process that appends to the ledger from several threads, one event at a time.

Started as `python -m tests.races.appending DSN NAME THREADS EVENTS`; prints how many appends
succeeded and how many failed because another one had taken the position.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import msgspec
import psycopg

from hotslot.domain.events import Actor, Context, LicenseIssued
from hotslot.ledger import mapper
from hotslot.ledger.append import APPEND, AppendedEvent, append_arguments


def append(dsn: str, name: str, count: int) -> tuple[int, int]:
    """Issue licenses, each with an append of its own; returns successes and failures."""
    context = Context(at=datetime.now(UTC), actor=Actor("key", "admin"), request_id="r")
    done = failed = 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        for number in range(count):
            issued = LicenseIssued(
                license=f"{name}-{number}",
                product="core",
                customer="acme",
                slots=1,
                expires_at=None,
                activation_key_sha256="0" * 64,
            )
            stream = f"license:{issued.license}"
            state = msgspec.Raw(mapper.encode(context, issued))
            event = AppendedEvent(stream, 1, issued.type, state)
            try:
                connection.execute(APPEND, append_arguments({stream: 0}, [event], []))
                done += 1
            except psycopg.errors.UniqueViolation:
                failed += 1
    return done, failed


def main() -> None:
    dsn, name, threads, events = sys.argv[1:]
    with ThreadPoolExecutor(int(threads)) as pool:
        results = list(
            pool.map(lambda i: append(dsn, f"{name}-{i}", int(events)), range(int(threads)))
        )
    print(json.dumps([sum(counts) for counts in zip(*results, strict=True)]))


if __name__ == "__main__":
    main()
