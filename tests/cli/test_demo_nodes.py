"""The demo's story of nodes: that it would see what must not be, and that it plays on real ones."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from hotslot.cli.client import connect
from hotslot.cli.demo.evidence import (
    Mark,
    Right,
    Work,
    by_two,
    done_in,
    rights_of,
    timeline,
    without_right,
)
from hotslot.cli.demo.narrator import Actor, Narrator, StoryError
from hotslot.cli.demo.proof import Proof
from hotslot.cli.demo.relay import relaying
from hotslot.cli.demo.traffic import SILENT, TOOK, Offer, Traffic, posting, refused
from tests.cli.fake_node import fake_node
from tests.cli.stub import Stub
from tests.command_line import Hotslot

PATIENCE_S = 180.0
BEGIN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
FAILOVER = {
    "former": "a",
    "nominated": "b",
    "recorded_at": "2026-01-31T12:00:03Z",
    "silent_at": "2026-01-31T12:00:05Z",
    "silent_by": "lease-expired",
    "serving_at": "2026-01-31T12:00:06Z",
    "overlap_seconds": 0.0,
    "wait_for_release": True,
}
TOOK_OVER = [
    {"deployment": "a", "data": {"term": 1}, "at": "2026-01-31T12:00:00Z"},
    {"deployment": "b", "data": {"term": 2}, "at": "2026-01-31T12:00:06Z"},
]


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


# What the logs are held against


def test_a_file_that_two_have_processed_is_seen() -> None:
    work = [Work(at(1), "a", 1, "x"), Work(at(2), "a", 1, "y"), Work(at(7), "b", 2, "x")]
    assert by_two(work) == ["x"]


@pytest.mark.parametrize(
    ("work", "right"),
    [
        (Work(at(0), "a", 1, "x"), True),
        (Work(at(5), "a", 1, "x"), True),
        (Work(at(5.001), "a", 1, "x"), False),
        (Work(at(5.999), "b", 2, "x"), False),
        (Work(at(600), "b", 2, "x"), True),
        (Work(at(7), "b", 1, "x"), False),
        (Work(at(7), "a", 2, "x"), False),
        (Work(at(7), "c", 2, "x"), False),
    ],
)
def test_what_is_processed_outside_of_a_right_is_seen(work: Work, right: bool) -> None:
    rights = rights_of(FAILOVER, TOOK_OVER)
    assert rights == [Right("a", 1, at(0), at(5)), Right("b", 2, at(6), None)]
    assert without_right([work], rights) == ([] if right else [work])


def test_a_log_with_plain_lines_and_a_cut_off_end_is_read(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", [Work(at(1), "a", 1, "x")])
    with log.open("a") as more:
        more.write('Hotslot node a listens on http://127.0.0.1:1\n{"event": "file-proc')
    assert done_in(log) == [Work(at(1), "a", 1, "x")]
    assert done_in(log, "file-accepted") == []


def test_the_timeline_has_a_row_from_each_change_to_the_next() -> None:
    backup = refused("backup")
    offers = [
        Offer(at(0), "a", TOOK),
        Offer(at(1), "b", backup),
        Offer(at(1), "a", TOOK),
        Offer(at(2), "a", SILENT),
        Offer(at(3), "b", backup),
        Offer(at(4), "b", TOOK),
    ]
    assert [tuple(row) for row in timeline(offers, [Mark(at(3.5), "b", "*")], ["a", "b"])] == [
        (0, ["2 files", backup]),
        (2, [SILENT, backup]),
        (3.5, ["", "*"]),
        (4, ["", "1 file"]),
    ]


@pytest.mark.parametrize(
    ("processed", "says"),
    [
        ([Work(at(1), "a", 1, "x"), Work(at(7), "b", 2, "x")], "by two nodes, or twice"),
        ([Work(at(5.5), "a", 1, "x")], "without the right to"),
        ([], "the logs have each of them"),
    ],
)
def test_what_must_not_be_fails_the_story(
    stub: Stub, tmp_path: Path, processed: list[Work], says: str
) -> None:
    stub.answer("GET", "/v1/audit", {"entries": TOOK_OVER, "next": None})
    with fake_node("takes") as node, client(node.url) as traffic:
        until(lambda: traffic.results)
    seen = traffic.results[0].sha256
    del traffic.results[1:]
    with connect(stub.url, {}) as admin:
        work = [each._replace(sha256=seen) for each in processed]
        with pytest.raises(StoryError, match=says):
            proof(tmp_path, work, traffic, Actor("admin", admin)).hold(FAILOVER)


def test_one_that_begins_before_the_other_has_stopped_fails_the_story(
    stub: Stub, tmp_path: Path
) -> None:
    work = [Work(at(4), "b", 2, "x"), Work(at(5), "a", 1, "y")]
    with connect(stub.url, {}) as admin, pytest.raises(StoryError, match="only when a had stopped"):
        proof(tmp_path, work, Traffic({}, "t"), Actor("admin", admin)).hold_that_nobody_overlapped(
            FAILOVER
        )


@pytest.mark.parametrize(
    ("otherwise", "says"),
    [
        ({}, None),
        ({"recorded_at": "2026-01-31T12:00:05Z"}, "was nominated while the lease of a held"),
        ({"silent_by": "stood-down"}, "was nominated while the lease of a held"),
        ({"serving_at": "2026-01-31T12:00:04Z"}, "waited for its end"),
        ({"overlap_seconds": 0.1}, "no time in which both"),
        ({"wait_for_release": False}, "no time in which both"),
    ],
)
def test_a_nomination_that_had_nothing_to_wait_for_fails_the_story(
    stub: Stub, tmp_path: Path, otherwise: dict[str, Any], says: str | None
) -> None:
    work = [Work(at(4), "a", 1, "x"), Work(at(7), "b", 2, "y")]
    fails: AbstractContextManager[Any] = (
        nullcontext() if says is None else pytest.raises(StoryError, match=says)
    )
    with connect(stub.url, {}) as admin, fails:
        proof(tmp_path, work, Traffic({}, "t"), Actor("admin", admin)).hold_that_nobody_overlapped(
            FAILOVER | otherwise
        )


# The client


def test_a_file_that_was_refused_goes_to_the_next() -> None:
    with fake_node("refuses") as first, fake_node("takes") as second:
        with client(first.url, second.url) as traffic:
            until(lambda: len(traffic.results) >= 3 and first.files)
        assert set(first.files) <= set(second.files)
        assert len(set(second.files)) == len(second.files)
    assert traffic.met("0", refused("backup"))
    assert {(each.infected, each.verdict) for each in traffic.results} == {
        (True, "Infected"),
        (False, "No Threat Detected"),
    }


def test_a_file_whose_answer_was_lost_goes_to_nobody_else() -> None:
    with fake_node("breaks off") as first, fake_node("takes") as second:
        with client(first.url, second.url) as traffic:
            until(lambda: len(traffic.in_doubt) >= 2 and traffic.results)
        assert not set(first.files) & set(second.files)
    assert traffic.met("0", SILENT)


def test_a_file_that_was_given_up_goes_to_the_next() -> None:
    with fake_node("gives up") as first, fake_node("takes") as second:
        with client(first.url, second.url) as traffic:
            until(lambda: traffic.results and first.files)
        assert set(first.files) & set(second.files)
    assert {each.node for each in traffic.results} == {"1"}


def test_a_client_that_meets_what_no_node_should_do_says_so() -> None:
    with (
        fake_node("is none") as other,
        client(other.url) as traffic,
        pytest.raises(StoryError, match="The client ended: 0 answered 404"),
    ):
        until(lambda: traffic.taken_by("0"))


def test_a_relay_that_is_cut_lets_nobody_through() -> None:
    with fake_node("refuses") as node, httpx.Client(trust_env=False) as http:
        host, port = node.url.removeprefix("http://").split(":")
        with relaying((host, int(port))) as relay:
            assert http.get(relay.url).status_code == 503
            relay.cut()
            with pytest.raises(httpx.TransportError):
                http.get(relay.url)
            with pytest.raises(httpx.ConnectError):
                httpx.get(relay.url, trust_env=False)
        assert http.get(node.url).status_code == 503


# The command


@pytest.mark.parametrize("with_", ["--url http://127.0.0.1:1", "--key k", "--offline"])
def test_the_story_of_nodes_is_one_of_its_own(hotslot: Hotslot, stub: Stub, with_: str) -> None:
    ended = hotslot("demo", "--nodes", "--exit", *with_.split())
    assert (ended.status, stub.asked) == (2, [])
    assert "--nodes" in ended.err


@pytest.mark.heavy
def test_it_plays_and_leaves_the_server_up_until_ctrl_c(tmp_path: Path) -> None:
    place = tmp_path / "a place"
    with demo(place, tmp_path / "told") as (process, told):
        until(lambda: ended_or(process, told, "Ctrl-C stops it."))
        (url,) = re.findall(r"API docs: (\S+)/docs", told())
        assert httpx.get(f"{url}/livez", trust_env=False).status_code == 200
        assert still_reached(place) == [url]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    assert still_reached(place) == []
    said = " ".join(told().split())
    assert said.count("no file was processed by two nodes, or twice") == 2
    assert said.count("no file was processed without the right to") == 2
    assert "began only when A-" in said
    assert re.search(r"yes: B-\w+ was nominated while the lease of A-\w+ held, and waited", said)
    assert "The lease ended at" in said
    assert "trail agrees with the ledger" in said
    secrets = [each.read_text() for each in place.rglob("admin-key")]
    assert [each for each in secrets if each in told()] == []


def test_ctrl_c_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    place = tmp_path / "d"
    with demo(place, tmp_path / "told") as (process, told):
        until(lambda: ended_or(process, told, "is killed"))
        assert len(still_reached(place)) == 4
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)
    assert still_reached(place) == []


@contextmanager
def demo(place: Path, output: Path) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
    """The demo as a process, and what it has told so far."""
    with output.open("wb") as told:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "hotslot",
                "demo",
                "--nodes",
                "--port",
                "0",
                "--data-dir",
                place,
            ],
            stdout=told,
            stderr=subprocess.STDOUT,
            env={name: value for name, value in os.environ.items() if "HOTSLOT" not in name},
        )
    try:
        yield process, output.read_text
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)


def ended_or(process: subprocess.Popen[bytes], told: Callable[[], str], says: str) -> bool:
    assert process.poll() is None, told()
    return says in told()


def still_reached(place: Path) -> list[str]:
    """The addresses of servers and nodes of the demo that are still up."""
    logs = [each.read_text() for each in place.rglob("*.log")]
    urls = [url for log in logs for url in re.findall(r" listens on (http://\S+)", log)]
    reached = []
    for url in urls:
        try:
            httpx.get(f"{url}/livez", trust_env=False, timeout=PATIENCE_S)
        except httpx.ConnectError:
            continue
        reached.append(url)
    return reached


@contextmanager
def client(*urls: str) -> Iterator[Traffic]:
    """A client that posts to nodes that are called 0, 1 and so on."""
    with posting({str(number): url for number, url in enumerate(urls)}, "t") as traffic:
        yield traffic


def proof(folder: Path, work: Sequence[Work], traffic: Traffic, admin: Actor) -> Proof:
    """What the nodes a, b and c come to with these logs."""
    logs = {
        name: write_log(folder / name, [each for each in work if each.node == name])
        for name in "abc"
    }
    return Proof("l", logs, traffic, admin, Narrator(Console(file=io.StringIO(), width=80)))


def write_log(log: Path, work: Sequence[Work]) -> Path:
    lines = [
        {
            "event": "file-processed",
            "deployment": each.node,
            "term": each.term,
            "sha256": each.sha256,
            "timestamp": each.at.isoformat(),
        }
        for each in work
    ]
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return log


def until(holds: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not come to it"
        time.sleep(0.02)
