"""Whoever reads the trail in bulk is in it: once an hour, and before anything is handed out."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

import psycopg
import pytest

from hotslot.domain.events import LicenseResized
from tests.api.calls import Caller, done, eventually, problem
from tests.projections.history import History
from tests.serving import Server, serving

PAGE = 1000
PAGES = 10
"""So many pages are not yet many entries; one entry more is."""

WAITING_FOR_THE_LEDGER = """
SELECT a.pid FROM pg_stat_activity AS a
  JOIN pg_locks AS l ON l.pid = a.pid AND l.locktype = 'advisory' AND NOT l.granted
 WHERE a.datname = current_database()
"""


class Vendor(NamedTuple):
    """A server with a thousand entries in its trail, and its database."""

    server: Server
    dsn: str
    clients: ExitStack
    admin: Caller

    def reader(self, role: str = "auditor", **limits: Any) -> "Reader":
        made = done(self.admin.key(role, **limits), 201)
        client = self.clients.enter_context(self.server.client(made["key"]))
        return Reader(made["id"], Caller(client))

    def noted(self, key: str) -> list[Any]:
        """The entries that tell of reads with a key."""
        entries = self.admin.trail(type="audit.exported")
        return [each for each in entries if each["data"]["key"] == key]


class Reader(NamedTuple):
    """Someone with a key of their own."""

    id: str
    caller: Caller

    def read(self, entries: int = PAGE) -> Any:
        return self.caller.http.get("/v1/audit", params={"limit": entries})

    def read_much(self) -> None:
        """Read as much as is not in bulk yet."""
        for _ in range(PAGES):
            assert len(done(self.read())["entries"]) == PAGE


@pytest.fixture(scope="module")
def vendor(new_database: Callable[[], str]) -> Iterator[Vendor]:
    dsn = new_database()
    history = History()
    history.issue("l")
    for slots in range(PAGE - 1):
        history.record(LicenseResized(license="l", slots=slots + 1))
    history.write(dsn)
    with serving(dsn) as server, ExitStack() as clients:
        yield Vendor(server, dsn, clients, Caller(clients.enter_context(server.client())))


@pytest.mark.parametrize("role", ["auditor", "operator", "admin"])
def test_who_reads_many_entries_is_noted_and_still_gets_them(vendor: Vendor, role: str):
    reader = vendor.reader(role)
    reader.read_much()
    assert vendor.noted(reader.id) == []
    before = vendor.admin.head()

    answer = reader.read(1)

    assert len(done(answer)["entries"]) == 1
    (entry,) = vendor.noted(reader.id)
    assert entry["stream"] == f"audit:{reader.id}"
    assert entry["actor"] == {"kind": "key", "id": reader.id}
    assert entry["request_id"] == answer.headers["x-request-id"]
    assert entry["data"] == {"key": reader.id, "via": "trail", "position": before}
    assert (entry["license"], entry["deployment"], entry["outcome"]) == (None, None, "done")
    assert answer.headers["hotslot-log-index"] == str(entry["index"])


@pytest.mark.parametrize("path", ["/v1/audit/proof/0", "/v1/audit/replay?limit=1"])
def test_entries_that_are_read_another_way_count_too(vendor: Vendor, path: str):
    eventually(lambda: vendor.admin.http.get("/v1/audit/proof/0").is_success)
    reader = vendor.reader()
    reader.read_much()
    assert vendor.noted(reader.id) == []

    done(reader.caller.http.get(path))

    (entry,) = vendor.noted(reader.id)
    assert entry["data"]["via"] == "trail"


def test_it_is_noted_once(vendor: Vendor):
    reader = vendor.reader()
    reader.read_much()
    for _ in range(5):
        done(reader.read())
    assert len(vendor.noted(reader.id)) == 1


def test_reads_at_once_are_noted_once(vendor: Vendor):
    reader = vendor.reader()
    reader.read_much()
    with ThreadPoolExecutor() as pool:
        with psycopg.connect(vendor.dsn) as holder:
            # Nothing is noted until all have asked.
            holder.execute("SELECT ledger.lock()")
            answers = [pool.submit(reader.read, 1) for _ in range(6)]
            eventually(lambda: waiting(vendor.dsn) != [])
        assert [len(done(each.result())["entries"]) for each in answers] == [1] * 6
    assert len(vendor.noted(reader.id)) == 1


def waiting(dsn: str) -> list[int]:
    """Backends that wait to append."""
    with psycopg.connect(dsn) as connection:
        return [pid for (pid,) in connection.execute(WAITING_FOR_THE_LEDGER)]


def test_what_cannot_be_noted_is_not_handed_out(vendor: Vendor):
    reader = vendor.reader()
    reader.read_much()
    with ThreadPoolExecutor() as pool, psycopg.connect(vendor.dsn) as holder:
        holder.execute("SELECT ledger.lock()")
        answer = pool.submit(reader.read)
        eventually(lambda: waiting(vendor.dsn) != [])
        for pid in waiting(vendor.dsn):
            holder.execute("SELECT pg_terminate_backend(%s)", (pid,))
        problem(answer.result(), 503, "ledger-unavailable")
    assert vendor.noted(reader.id) == []

    done(reader.read())  # the ledger is back
    assert len(vendor.noted(reader.id)) == 1


def test_no_customer_sees_who_read(vendor: Vendor):
    limited = vendor.reader(customer="acme")
    limited.read_much()
    done(limited.read(1))

    assert len(vendor.noted(limited.id)) == 1
    assert limited.caller.trail(type="audit.exported") == []


def test_a_single_page_view_is_not_noted(vendor: Vendor):
    reader = vendor.reader()
    done(reader.read())
    assert vendor.noted(reader.id) == []


def test_the_count_is_that_of_the_metrics(vendor: Vendor):
    """What is noted is a command like others, and shows in the metrics as one."""
    reader = vendor.reader()
    reader.read_much()
    done(reader.read(1))
    metrics = vendor.admin.http.get("/metrics").text
    assert 'hotslot_commands_total{command="note-export",outcome="done"}' in metrics
