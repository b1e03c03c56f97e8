"""Reports after a restart, on a full disk, and when there are too many of them."""

import asyncio
import errno
import hashlib
import shutil
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from hotslot.node.processing import report as reports
from hotslot.node.processing import upload
from hotslot.node.processing.report import Fencing, FileInfo, Report
from hotslot.node.processing.results import Results
from tests.node.processing.stand_ins import EICAR, Engine, Found, Said, instance, on_a_loop

_FULL = OSError(errno.ENOSPC, "No space left on device")


def _verdict(number: int, at: datetime, data: bytes = b"") -> Report:
    data = data or str(number).encode()
    digests = {name: hashlib.new(name, data).hexdigest() for name in ("sha256", "sha1", "md5")}
    file = FileInfo(display_name="", file_size=1, upload_timestamp=reports.core_time(at), **digests)
    begun = reports.begun(f"{number:032x}", file, Fencing(deployment="d", license="l", term=1))
    return reports.scanned(begun, Said((Found("e", "E", ()),)), 0.1)


def _show(results: Results, report: Report) -> str:
    results.write(report)
    results.publish(report)
    return report.data_id


@on_a_loop
async def test_results_survive_a_restart(tmp_path):
    async with instance(tmp_path) as node:
        data_id = await node.send(EICAR, filename="bad")
        before = await node.done(data_id)
    async with instance(tmp_path) as node:
        assert await node.report(data_id) == before
        digest = before["file_info"]["md5"]
        assert (await node.client.get(f"/hash/{digest}")).json() == before


@on_a_loop
async def test_work_that_a_killed_process_has_left_is_dropped_and_not_taken_up(tmp_path):
    killed = tmp_path / "killed"
    async with instance(tmp_path / "running", Engine(hold=True)) as node:
        data_id = await node.send(EICAR)
        await asyncio.to_thread(node.engine.holding.wait)
        # What a kill leaves is what is on disk at that moment.
        shutil.copytree(node.folder, killed)
        assert list((killed / "spool").iterdir())
    async with instance(killed) as node:
        report = await node.report(data_id)
        assert report["process_info"]["result"] == "Blocked"
        assert report["scan_results"]["scan_all_result_a"] == "Aborted"
        assert "Send it again" in report["process_info"]["blocked_reason"]
        assert not node.spooled()
        assert not node.engine.begun


@on_a_loop
async def test_a_result_that_nobody_has_seen_is_not_shown_after_a_restart(tmp_path):
    async with instance(tmp_path) as node:
        data_id = await node.send(EICAR)
        await node.done(data_id)
    # As if the process had been killed after it was written and before it was shown.
    begun = (tmp_path / "results" / f"{data_id}.json").read_bytes()
    (tmp_path / "unseen" / f"{data_id}.json").write_bytes(begun)
    (tmp_path / "results" / f"{data_id}.json").unlink()
    async with instance(tmp_path) as node:
        assert (await node.client.get(f"/file/{data_id}")).status_code == 404
        assert not list((tmp_path / "unseen").iterdir())


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\x00", b'{"data_id": 1}', b"[]"])
@on_a_loop
async def test_a_damaged_result_is_left_out_and_the_others_stay(tmp_path, damage):
    async with instance(tmp_path) as node:
        ids = [await node.send(data) for data in (b"one", b"two")]
        for data_id in ids:
            await node.done(data_id)
    (tmp_path / "results" / f"{ids[0]}.json").write_bytes(damage)
    async with instance(tmp_path) as node:
        assert (await node.client.get(f"/file/{ids[0]}")).status_code == 404
        await node.report(ids[1])


@pytest.mark.parametrize("again", [False, True])
def test_the_oldest_go_when_there_are_too_many(tmp_path, again):
    now = datetime.now(UTC)
    results = Results(tmp_path, most=3, days=1)
    ids = [_show(results, _verdict(number, now + timedelta(seconds=number))) for number in range(5)]
    if again:
        results = Results(tmp_path, most=3, days=1)
    assert [data_id for data_id in ids if results.read(data_id)] == ids[2:]
    assert results.newest(hashlib.md5(b"1").hexdigest()) is None
    assert results.newest(hashlib.md5(b"2").hexdigest()) == ids[2]
    assert len(list((tmp_path / "results").iterdir())) == 3
    assert len(results._by_hash) == 9


def test_after_a_restart_it_is_still_known_which_are_the_oldest(tmp_path):
    now = datetime.now(UTC)
    results = Results(tmp_path, most=20, days=30)
    ids = [
        _show(results, _verdict(number * 7 % 20, now + timedelta(number))) for number in range(20)
    ]
    results = Results(tmp_path, most=4, days=30)
    assert {data_id for data_id in ids if results.read(data_id)} == set(ids[-4:])


def test_the_newest_of_a_file_stays_findable_when_an_older_one_goes(tmp_path):
    now = datetime.now(UTC)
    results = Results(tmp_path, most=1, days=1)
    _show(results, _verdict(1, now, b"same"))
    second = _show(results, _verdict(2, now, b"same"))
    assert results.newest(hashlib.sha1(b"same").hexdigest()) == second


def test_old_ones_go_with_time(tmp_path):
    now = datetime.now(UTC)
    clock = SimpleNamespace(now=now)
    results = Results(tmp_path, most=10, days=2, now=lambda: clock.now)
    first = _show(results, _verdict(1, now))
    clock.now = now + timedelta(days=1.9)
    assert results.read(first)
    clock.now = now + timedelta(days=2.1)
    assert results.read(first) is None
    second = _show(results, _verdict(2, clock.now))
    assert [path.stem for path in (tmp_path / "results").iterdir()] == [second]


@on_a_loop
async def test_a_file_that_the_disk_has_no_room_for_is_refused_before_it_comes(
    tmp_path, monkeypatch
):
    async with instance(tmp_path) as node:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
        assert (await node.client.post("/file", content=b"x" * 10)).status_code == 200
        response = await node.client.post("/file", content=b"x" * 11)
        assert response.status_code == 400
        assert "disk space" in response.json()["err"]


@on_a_loop
async def test_a_disk_that_fills_while_a_file_comes(tmp_path, monkeypatch):
    async with instance(tmp_path) as node:
        with monkeypatch.context() as patch:
            patch.setattr(upload._Spool, "write", _raising(_FULL))
            response = await node.client.post("/file", content=b"x")
            assert response.status_code == 400
            assert "No space left" in response.json()["err"]
            assert str(tmp_path) not in response.text
            await node.nothing_is_left()
        await node.done(await node.send(b"x"))


@on_a_loop
async def test_a_disk_that_is_full_when_the_work_is_noted(tmp_path, monkeypatch):
    async with instance(tmp_path) as node:
        monkeypatch.setattr(Results, "write", _raising(_FULL))
        response = await node.client.post("/file", content=b"x")
        assert response.status_code == 400
        await node.nothing_is_left()
        assert not node.engine.begun


@on_a_loop
async def test_a_result_that_can_not_be_kept_is_no_verdict(tmp_path, monkeypatch):
    write = Results.write

    def full_for_verdicts(results: Results, report: Report) -> None:
        if report.is_done:
            raise _FULL
        write(results, report)

    async with instance(tmp_path) as node:
        with monkeypatch.context() as patch:
            patch.setattr(Results, "write", full_for_verdicts)
            data_id = await node.send(b"clean")
            report = await node.done(data_id)
        assert report["process_info"]["result"] == "Blocked"
        assert "No space left" in report["process_info"]["blocked_reason"]
    async with instance(tmp_path) as node:
        after = await node.report(data_id)
        assert after["scan_results"]["scan_all_result_a"] == "Aborted"


@on_a_loop
async def test_results_that_can_not_be_kept_are_bounded_too(tmp_path, monkeypatch):
    write = Results.write
    async with instance(tmp_path, files=2) as node:
        monkeypatch.setattr(
            Results,
            "write",
            lambda results, report: _raise(_FULL) if report.is_done else write(results, report),
        )
        for number in range(4):
            await node.done(await node.send(str(number).encode()))
        assert len(node.processing._unkept) == 2


def test_only_the_owner_may_read_reports(tmp_path):
    results = Results(tmp_path, most=3, days=1)
    data_id = _show(results, _verdict(1, datetime.now(UTC)))
    assert (tmp_path / "results").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "results" / f"{data_id}.json").stat().st_mode & 0o777 == 0o600


def _raise(error: Exception) -> None:
    raise error


def _raising(error: Exception) -> Any:
    return lambda *_: _raise(error)
