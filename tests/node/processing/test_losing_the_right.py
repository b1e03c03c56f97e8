"""The right to process, lost at every moment between the first byte and the result."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from hotslot.node.processing import NotActiveError, RightToProcess
from hotslot.node.processing.results import Results
from tests.node.processing.stand_ins import (
    EICAR,
    LIMIT,
    Engine,
    Instance,
    Stand,
    instance,
    on_a_loop,
    soon,
    standing,
)

Loss = Callable[[Instance], None]


def _backup(node: Instance) -> None:
    node.stand.now = standing("backup")


def _another_term(node: Instance) -> None:
    node.stand.now = standing(term=8)


def _another_license(node: Instance) -> None:
    node.stand.now = standing(license_="L-2")


MOST_LOOKS = 12
"""More than a small file has looked at the right from its beginning to its end."""

LOSSES = pytest.mark.parametrize("lose", [_backup, _another_term, _another_license])


def _assert_dropped(report: dict[str, Any]) -> None:
    assert report["process_info"]["result"] == "Blocked"
    assert "Send" in report["process_info"]["blocked_reason"]
    assert report["scan_results"]["scan_all_result_a"] == "Aborted"
    assert report["scan_results"]["scan_details"] == {}


async def _half_sent(node: Instance) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = node.client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n")
    writer.write(bytes(1_000_000))
    await writer.drain()
    await soon(lambda: bool(node.spooled()))
    return reader, writer


@LOSSES
@on_a_loop
async def test_lost_while_the_file_comes(tmp_path, lose):
    async with instance(tmp_path) as node:
        reader, writer = await _half_sent(node)
        lose(node)
        writer.write(bytes(1_000_000))
        assert (await reader.readline()).startswith(b"HTTP/1.1 503")
        await node.nothing_is_left()
        assert not node.engine.begun
        writer.close()
        await writer.wait_closed()


@on_a_loop
async def test_quiesce_ends_an_upload_that_stands_still(tmp_path):
    async with instance(tmp_path) as node:
        reader, writer = await _half_sent(node)
        await asyncio.wait_for(node.right.quiesce(), LIMIT)
        assert (await reader.readline()).startswith(b"HTTP/1.1 503")
        await node.nothing_is_left()
        assert not node.engine.begun
        # The right is still there: what comes now is taken.
        await node.done(await node.send(b"x"))
        writer.close()
        await writer.wait_closed()


@LOSSES
@on_a_loop
async def test_lost_before_the_file_is_accepted(tmp_path, lose, monkeypatch):
    async with instance(tmp_path) as node:
        write = Results.write

        def write_and_lose(results: Results, report: Any) -> None:
            write(results, report)
            lose(node)

        monkeypatch.setattr(Results, "write", write_and_lose)
        assert (await node.client.post("/file", content=EICAR)).status_code == 503
        await node.nothing_is_left()
        for folder in ("results", "unseen"):
            assert not list((tmp_path / folder).iterdir())
        assert not node.engine.begun


@LOSSES
@on_a_loop
async def test_lost_before_the_scan_begins(tmp_path, lose):
    async with instance(tmp_path, Engine(hold=True), scans=1) as node:
        first = await node.send(b"first")
        await asyncio.to_thread(node.engine.holding.wait)
        second = await node.send(b"second")
        lose(node)
        node.engine.go_on.set()
        for data_id in (first, second):
            _assert_dropped(await node.done(data_id))
        # Of the second not a byte was shown to an engine.
        assert node.engine.begun == 1


@LOSSES
@pytest.mark.parametrize("swallows", [False, True])
@on_a_loop
async def test_lost_while_it_is_scanned(tmp_path, lose, swallows):
    data = EICAR + bytes(1 << 20)
    async with instance(tmp_path, Engine(hold=True, swallows=swallows)) as node:
        data_id = await node.send(data)
        await asyncio.to_thread(node.engine.holding.wait)
        lose(node)
        node.engine.go_on.set()
        _assert_dropped(await node.done(data_id))
        # The rest was not shown to the engine, whatever it makes of that.
        assert hashlib.sha256(data).hexdigest() not in node.engine.scans
        digest = hashlib.sha256(data).hexdigest()
        assert (await node.client.get(f"/hash/{digest}")).status_code == 404


@LOSSES
@on_a_loop
async def test_lost_after_the_scan_and_before_the_result_is_shown(tmp_path, lose, monkeypatch):
    async with instance(tmp_path) as node:
        write, written = Results.write, []

        def write_and_lose(results: Results, report: Any) -> None:
            write(results, report)
            written.append(report)
            if report.is_verdict:
                lose(node)

        monkeypatch.setattr(Results, "write", write_and_lose)
        with capture_logs() as logs:
            data_id = await node.send(EICAR)
            _assert_dropped(await node.done(data_id))
            await node.nothing_is_left()
    assert node.engine.scans  # it was scanned, and nobody learns what was found
    assert [log["event"] for log in logs if log["event"].startswith("file-")] == [
        "file-accepted",
        "file-dropped",
    ]
    assert "Infected" not in (tmp_path / "results" / f"{data_id}.json").read_text()
    assert not list((tmp_path / "unseen").iterdir())


@pytest.mark.parametrize("missed", range(MOST_LOOKS))
@on_a_loop
async def test_the_right_missing_at_any_one_look_leaves_no_verdict(tmp_path, missed):
    """Whichever look finds it gone, and however soon it is back."""
    stand = Stand()
    async with instance(tmp_path) as node:
        looks = 0

        def look() -> Any:
            nonlocal looks
            looks += 1
            return standing("backup") if looks == missed + 1 else stand.now

        node.right.standing = look
        with capture_logs() as logs:
            response = await node.client.post("/file", content=EICAR)
            if response.status_code == 200:
                report = await node.done(response.json()["data_id"])
            else:
                assert response.status_code == 503
            await node.nothing_is_left()
    processed = [log for log in logs if log["event"] == "file-processed"]
    if missed < looks:
        # That look was the last: nothing went on after it.
        assert looks == missed + 1
        assert not processed
        if response.status_code == 200:
            _assert_dropped(report)
    else:
        # The route, the taking, the bytes, the acceptance, before, during and after the scan.
        assert 7 <= looks < MOST_LOOKS
        assert len(processed) == 1


@on_a_loop
async def test_quiesce_returns_when_nothing_runs_and_takes_nothing_meanwhile(tmp_path):
    async with instance(tmp_path, Engine(hold=True)) as node:
        data_id = await node.send(bytes(1 << 20))
        await asyncio.to_thread(node.engine.holding.wait)
        quiet = asyncio.create_task(node.right.quiesce())
        await soon(lambda: bool(node.right._ending))
        refused = await node.client.post("/file", content=b"x")
        assert refused.status_code == 503
        assert "ending what it has begun" in refused.json()["err"]
        assert not quiet.done()  # the engine still has the file
        node.engine.go_on.set()
        await asyncio.wait_for(quiet, LIMIT)
        assert not node.right._out
        # Dropped although the right was there all the time: another may have it by now.
        _assert_dropped(await node.done(data_id))
        assert not node.engine.scans


@on_a_loop
async def test_quiet_until_resumed(tmp_path):
    async with instance(tmp_path) as node:
        await node.right.quiesce(until_resumed=True)
        assert (await node.client.post("/file", content=b"x")).status_code == 503
        node.right.resume()
        await node.done(await node.send(b"x"))


@on_a_loop
async def test_two_may_quiesce_at_once(tmp_path):
    async with instance(tmp_path, Engine(hold=True)) as node:
        await node.send(bytes(1 << 20))
        await asyncio.to_thread(node.engine.holding.wait)
        both = asyncio.gather(node.right.quiesce(), node.right.quiesce())
        await soon(lambda: node.right._ending == 2)
        node.engine.go_on.set()
        await asyncio.wait_for(both, LIMIT)
        await node.done(await node.send(b"x"))


@on_a_loop
async def test_closing_drops_what_runs(tmp_path):
    engine = Engine(hold=True)
    async with instance(tmp_path, engine, scans=1) as node:
        ids = [await node.send(bytes(1 << 20)), await node.send(b"waiting")]
        await asyncio.to_thread(engine.holding.wait)
        closing = asyncio.create_task(node.processing.close())
        await soon(lambda: bool(node.right._ending))
        engine.go_on.set()
        await asyncio.wait_for(closing, LIMIT)
        for data_id in ids:
            _assert_dropped(await node.report(data_id))
        assert not node.spooled()


def test_a_warrant_once_found_lost_stays_lost():
    stand = Stand()
    right = RightToProcess(stand)
    with right.take() as warrant:
        stand.now = standing("backup")
        with pytest.raises(NotActiveError):
            warrant.check()
        stand.now = standing()
        with pytest.raises(NotActiveError, match="ending what it has begun"):
            warrant.check()


def test_no_folder_of_another_is_touched(tmp_path: Path):
    """Nothing but its own three folders is made."""

    @on_a_loop
    async def used() -> None:
        async with instance(tmp_path / "processing") as node:
            await node.done(await node.send(b"x"))

    used()
    assert [path.name for path in tmp_path.iterdir()] == ["processing"]
    names = sorted(path.name for path in (tmp_path / "processing").iterdir())
    assert names == ["results", "spool", "unseen"]
