"""The Core's calls about files, as clients make them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.node.processing.stand_ins import (
    EICAR,
    Engine,
    Found,
    instance,
    on_a_loop,
    standing,
)


@on_a_loop
async def test_a_clean_file_is_allowed_and_reported_in_the_shape_of_the_core(tmp_path):
    data = b"nothing to see here"
    async with instance(tmp_path) as node:
        data_id = await node.send(data, filename="a%20letter.txt")
        report = await node.done(data_id)
    assert report["data_id"] == data_id
    assert report["file_info"] == {
        "display_name": "a letter.txt",
        "file_size": len(data),
        "md5": hashlib.md5(data).hexdigest(),
        "sha1": hashlib.sha1(data).hexdigest(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "upload_timestamp": report["file_info"]["upload_timestamp"],
    }
    assert report["file_info"]["upload_timestamp"].endswith("Z")
    assert report["process_info"] == {
        "progress_percentage": 100,
        "result": "Allowed",
        "blocked_reason": "",
    }
    results = report["scan_results"]
    assert results["scan_details"] == {
        "Signatures": {
            "scan_result_i": 0,
            "threat_found": "",
            "def_time": "2026-01-31T12:00:00.000Z",
            "scan_time": results["total_time"],
        }
    }
    assert (results["scan_all_result_a"], results["scan_all_result_i"]) == ("No Threat Detected", 0)
    assert (results["total_avs"], results["total_detected_avs"]) == (1, 0)
    assert results["progress_percentage"] == 100
    assert results["data_id"] == data_id
    assert report["hotslot"] == {"deployment": "MSCL-a", "license": "L-1", "term": 7}


@on_a_loop
async def test_the_eicar_test_file_is_blocked_by_name(tmp_path):
    async with instance(tmp_path) as node:
        report = await node.done(await node.send(EICAR))
    assert report["process_info"]["result"] == "Blocked"
    assert report["process_info"]["blocked_reason"] == "Infected"
    assert report["scan_results"]["scan_all_result_i"] == 1
    assert report["scan_results"]["scan_all_result_a"] == "Infected"
    assert report["scan_results"]["total_detected_avs"] == 1
    found = report["scan_results"]["scan_details"]["Signatures"]
    assert (found["scan_result_i"], found["threat_found"]) == (1, "Eicar-Test-Signature")


@on_a_loop
async def test_of_two_engines_with_one_name_neither_word_is_lost(tmp_path):
    found = (Found("one", "Twin", ("Bad", "Worse")), Found("two", "Twin", ()))
    async with instance(tmp_path, Engine(findings=found)) as node:
        report = await node.done(await node.send(b"x"))
    details = report["scan_results"]["scan_details"]
    assert {name: detail["threat_found"] for name, detail in details.items()} == {
        "Twin": "Bad, Worse",
        "two": "",
    }
    assert report["process_info"]["result"] == "Blocked"


@on_a_loop
async def test_without_any_engine_nothing_is_allowed(tmp_path):
    async with instance(tmp_path, Engine(findings=())) as node:
        report = await node.done(await node.send(b"x"))
    assert report["scan_results"]["scan_all_result_a"] == "Not Scanned"
    assert report["process_info"]["result"] == "Blocked"
    assert report["scan_results"]["total_avs"] == 0


@on_a_loop
async def test_a_scan_that_fails_blocks_the_file_and_tells_nothing_of_the_inside(tmp_path):
    async with instance(tmp_path, Engine(fault=ValueError("/secret/path"))) as node:
        data_id = await node.send(b"x")
        report = await node.done(data_id)
        again = await node.done(await node.send(b"y"))
        await node.nothing_is_left()
    assert report["scan_results"]["scan_all_result_a"] == "Failed"
    assert report["process_info"]["result"] == "Blocked"
    assert "secret" not in str(report)
    assert again["data_id"] != data_id


@on_a_loop
async def test_the_newest_scan_of_a_file_is_found_by_each_of_its_hashes(tmp_path):
    data = b"the same file"
    async with instance(tmp_path) as node:
        await node.done(await node.send(data, filename="first"))
        second = await node.send(data, filename="second")
        await node.done(second)
        for name in ("md5", "sha1", "sha256"):
            digest = hashlib.new(name, data).hexdigest()
            for asked in (digest, digest.upper()):
                response = await node.client.get(f"/hash/{asked}")
                assert response.status_code == 200
                assert response.json()["data_id"] == second


@pytest.mark.parametrize("path", ["/file/{}", "/hash/{}"])
@pytest.mark.parametrize(
    "asked", ["0" * 32, "F" * 40, "..%2f..%2fspool", "nothing", "%00", "é", "a" * 3000]
)
@on_a_loop
async def test_what_is_not_known_is_answered_as_the_core_does(tmp_path, path, asked):
    async with instance(tmp_path) as node:
        response = await node.client.get(path.format(asked))
    assert response.status_code == 404
    if "%" not in asked:
        assert response.json() == {asked: "Not Found"}


@on_a_loop
async def test_a_body_in_chunks_is_refused_for_want_of_a_length(tmp_path):
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    async with instance(tmp_path) as node:
        response = await node.client.post("/file", content=chunks())
    assert response.status_code == 411
    assert response.json() == {"err": "Content-Length header is missing from the request."}


@on_a_loop
async def test_an_empty_file_is_refused(tmp_path):
    async with instance(tmp_path) as node:
        response = await node.client.post("/file", content=b"")
    assert (response.status_code, response.json()) == (422, {"err": "File is empty."})


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 413)])
@on_a_loop
async def test_a_file_over_the_limit_is_refused(tmp_path, size, status):
    async with instance(tmp_path, file_bytes=1000) as node:
        response = await node.client.post("/file", content=b"x" * size)
    assert response.status_code == status
    if status == 413:
        assert "1001 bytes" in response.json()["err"]
        assert "1000" in response.json()["err"]


@on_a_loop
async def test_a_batch_is_refused_in_words(tmp_path):
    async with instance(tmp_path) as node:
        response = await node.client.post("/file/batch", json={})
    assert response.status_code == 400
    assert "Batches are not supported" in response.json()["err"]


@pytest.mark.parametrize("header", ["callbackurl", "downloadfrom", "filepath", "batch"])
@on_a_loop
async def test_what_would_be_waited_for_in_vain_is_refused(tmp_path, header):
    async with instance(tmp_path) as node:
        response = await node.client.post("/file", content=b"x", headers={header: "x"})
        assert not node.engine.begun
    assert response.status_code == 400
    assert header in response.json()["err"]


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (b"plain.txt", "plain.txt"),
        (b"%E2%82%AC.txt", "€.txt"),
        ("€.txt".encode(), "€.txt"),
        (b"a%00b%0Ac%E2%80%8Bd", "abcd"),
        (b"%ff%zz", "�%zz"),
        (b"../../etc/passwd", "../../etc/passwd"),
        (b"n" * 300, "n" * 255),
    ],
)
@on_a_loop
async def test_a_name_is_for_showing_only(tmp_path, header, shown):
    async with instance(tmp_path) as node:
        response = await node.client.post("/file", content=b"x", headers=[(b"filename", header)])
        report = await node.done(response.json()["data_id"])
    assert report["file_info"]["display_name"] == shown


@pytest.mark.parametrize(
    ("now", "remedy"),
    [
        (standing("backup"), "nominate"),
        (standing("unlicensed"), "activate"),
        (standing("active", may=False), "try again"),
    ],
)
@on_a_loop
async def test_without_the_right_a_file_is_refused_with_the_role_and_what_to_do(
    tmp_path, now, remedy
):
    async with instance(tmp_path) as node:
        node.stand.now = now
        for headers in ({}, {"callbackurl": "x"}):
            response = await node.client.post("/file", content=b"x", headers=headers)
            assert response.status_code == 503
            assert f"its role is {now.role}" in response.json()["err"]
            assert now.why in response.json()["err"]
            assert remedy in response.json()["err"]
        assert not node.engine.begun
        assert not list((tmp_path / "results").iterdir())


@on_a_loop
async def test_results_can_be_read_without_the_right(tmp_path):
    async with instance(tmp_path) as node:
        data_id = await node.send(b"x")
        await node.done(data_id)
        node.stand.now = standing("backup")
        assert (await node.report(data_id))["process_info"]["result"] == "Allowed"


@on_a_loop
async def test_without_the_right_not_a_byte_is_taken(tmp_path):
    async with instance(tmp_path) as node:
        node.stand.now = standing("backup")
        url = node.client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(
            b"POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        )
        # A server that wants the body says `100 Continue` first.
        assert (await reader.readline()).startswith(b"HTTP/1.1 503")
        writer.close()
        await writer.wait_closed()


@on_a_loop
async def test_as_many_files_are_taken_as_the_limit_says_and_no_more(tmp_path):
    async with instance(tmp_path, Engine(hold=True), files=2, scans=1) as node:
        taken = [await node.send(b"one"), await node.send(b"two")]
        refused = await node.client.post("/file", content=b"three")
        assert (refused.status_code, refused.json()) == (
            503,
            {"err": "Server is too busy. Try again later."},
        )
        assert (await node.report(taken[1]))["process_info"] == {
            "progress_percentage": 0,
            "result": "Processing",
            "blocked_reason": "",
        }
        node.engine.go_on.set()
        for data_id in taken:
            await node.done(data_id)
        await node.nothing_is_left()
        await node.send(b"three")


@on_a_loop
async def test_progress_is_seen_while_a_file_is_scanned(tmp_path):
    async with instance(tmp_path, Engine(hold=True)) as node:
        data_id = await node.send(bytes(1 << 20))
        await asyncio.to_thread(node.engine.holding.wait)
        report = await node.report(data_id)
        assert report["scan_results"]["scan_all_result_a"] == "In Progress"
        assert report["process_info"]["progress_percentage"] < 100
        digest = report["file_info"]["sha256"]
        assert (await node.client.get(f"/hash/{digest}")).status_code == 404
        node.engine.go_on.set()
        await node.done(data_id)
        assert (await node.client.get(f"/hash/{digest}")).status_code == 200


@on_a_loop
async def test_every_processed_file_is_logged_once_with_its_term(tmp_path):
    with capture_logs() as logs:
        async with instance(tmp_path) as node:
            ids = [await node.send(data) for data in (b"one", EICAR)]
            for data_id in ids:
                await node.done(data_id)
    processed = {log["data_id"]: log for log in logs if log["event"] == "file-processed"}
    assert sorted(processed) == sorted(ids)
    assert len([log for log in logs if log["event"] == "file-processed"]) == 2
    for log in processed.values():
        assert (log["term"], log["deployment"], log["license"]) == (7, "MSCL-a", "L-1")
    assert processed[ids[1]]["sha256"] == hashlib.sha256(EICAR).hexdigest()
    assert processed[ids[1]]["result"] == "Infected"


@on_a_loop
async def test_many_clients_at_once_each_get_their_own_result(tmp_path):
    async with instance(tmp_path) as node:

        async def one(number: int) -> dict[str, Any]:
            data = str(number).encode() * 50_000 + (EICAR if number % 3 == 0 else b"")
            report = await node.done(await node.send(data))
            assert report["file_info"]["sha256"] == hashlib.sha256(data).hexdigest()
            return report

        reports = await asyncio.gather(*(one(number) for number in range(1, 31)))
        assert [report["process_info"]["result"] for report in reports].count("Blocked") == 10
        assert len(node.engine.scans) == 30
        await node.nothing_is_left()
