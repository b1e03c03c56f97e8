"""Clients that hold a place and bring no file."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from hotslot.node.processing import upload
from tests.node.processing.stand_ins import LIMIT, Instance, instance, on_a_loop, soon


@contextlib.asynccontextmanager
async def _upload(
    node: Instance, length: str, *data: bytes
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A file of which as much has been sent as is given."""
    url = node.client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        head = f"POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        writer.writelines([head.encode(), *data])
        await writer.drain()
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _line(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(LIMIT):
        return await reader.readline()


@on_a_loop
async def test_a_client_that_breaks_off_leaves_nothing(tmp_path):
    async with instance(tmp_path) as node:
        async with _upload(node, "3000000", bytes(2_000_000)):
            await soon(lambda: bool(node.spooled()))
        await node.nothing_is_left()
        assert not node.engine.begun


@on_a_loop
async def test_a_client_that_stops_sending_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "IDLE_SECONDS", 0.05)
    async with instance(tmp_path) as node, _upload(node, "9", b"half") as (reader, _):
        assert (await _line(reader)).startswith(b"HTTP/1.1 408")
        await node.nothing_is_left()


@on_a_loop
async def test_a_client_that_sends_on_and_on_but_too_slowly_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "FREE_SECONDS", 0.05)
    async with instance(tmp_path) as node, _upload(node, "1000000") as (reader, writer):
        answer = asyncio.create_task(_line(reader))
        while not answer.done():
            writer.write(b"x")
            await asyncio.wait([answer], timeout=0.01)
        assert answer.result().startswith(b"HTTP/1.1 408")
        await node.nothing_is_left()


@pytest.mark.parametrize(
    ("now", "size", "left"),
    [
        (0, 0, 60),  # nothing yet
        (30, 1, 30 + 1 / 1024),  # a byte and then silence
        (59, 1, 1 + 1 / 1024),
        (30, 1 << 20, 60),  # ahead of the rate: only silence ends it
        (3600, 3600 << 10, 60),
        (3600, 3550 << 10, 10),
        (3600, 3530 << 10, -10),
    ],
)
def test_an_upload_has_to_keep_a_rate_after_its_first_minute(now, size, left):
    began = 1000.0
    assert upload.deadline(began, began + now, size) == pytest.approx(began + now + left)


@on_a_loop
async def test_one_client_gets_no_more_than_a_quarter_of_the_places(tmp_path):
    async def body() -> AsyncIterator[bytes]:
        yield b"x"

    async with instance(tmp_path, files=8) as node:
        async with _upload(node, "9", b"1") as (first, sending), _upload(node, "9", b"2"):
            await soon(lambda: len(node.spooled()) == 2)
            refused = await node.client.post("/file", content=b"x")
            assert refused.status_code == 503
            assert "2 files already" in refused.json()["err"]
            # Others are served meanwhile, and this client once a file has come in.
            other = await node.processing.submit(body(), length=1, name="", client="10.0.0.2")
            await node.done(other)
            sending.write(b"the rest")
            assert (await _line(first)).startswith(b"HTTP/1.1 200")
            await node.done(await node.send(b"x"))
        await node.nothing_is_left()
        assert not node.processing._arriving


@pytest.mark.parametrize("length", ["0" * 5000 + "1", "0" * 20 + "1", "9" * 5000, "-1", "+1", "x"])
@on_a_loop
async def test_a_length_that_is_no_number_to_anybody_is_refused(tmp_path, length):
    async with instance(tmp_path) as node, _upload(node, length, b"x") as (reader, _):
        assert (await _line(reader)).startswith(b"HTTP/1.1 400")
        await node.nothing_is_left()
