"""Calls that are cut off: by the loss of the right, and by clients that leave."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from tests.node.gate.products import Gated, Product, gated, status_of
from tests.node.processing.stand_ins import LIMIT, on_a_loop, soon, standing

HALF_A_FILE = b"POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf "
A_FILE = HALF_A_FILE + b"other"


async def _until_left(product: Product, _: Scope, receive: Receive, send: Send) -> None:
    """A product that is at work for as long as somebody waits for it."""
    while (await receive())["type"] != "http.disconnect":
        product.got.set()


async def _answering_until_left(
    product: Product, scope: Scope, receive: Receive, send: Send
) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"part", "more_body": True})
    await _until_left(product, scope, receive, send)


async def _lose(node: Gated) -> None:
    node.stand.now = standing("backup")
    async with asyncio.timeout(LIMIT):
        await node.right.quiesce()


async def _noticed(node: Gated) -> None:
    async with asyncio.timeout(LIMIT):
        await node.product.ended.wait()


@pytest.mark.parametrize("sent", [HALF_A_FILE, A_FILE], ids=["while it comes", "while it is done"])
@on_a_loop
async def test_a_call_is_cut_off_when_the_right_is_lost(sent):
    with capture_logs() as logs:
        async with gated(Product(_until_left)) as node:
            async with node.raw(sent) as (reader, _):
                await asyncio.wait_for(node.product.got.wait(), LIMIT)
                await _lose(node)
                assert await status_of(reader) == 503
                await _noticed(node)
            assert not node.right._out
    assert [log["event"] for log in logs if log["event"].startswith("call-")] == ["call-cut"]


@on_a_loop
async def test_an_answer_is_cut_off_when_the_right_is_lost(caplog):
    async with gated(Product(_answering_until_left)) as node, node.raw(A_FILE) as (reader, _):
        assert await status_of(reader) == 200
        await reader.readuntil(b"part")
        await _lose(node)
        rest = await asyncio.wait_for(reader.read(), LIMIT)
        assert b"0\r\n\r\n" not in rest  # it doesn't look like a whole answer
        await _noticed(node)
    assert "Exception in ASGI application" not in caplog.text  # no second answer was begun


@on_a_loop
async def test_parts_of_an_answer_that_come_after_the_loss_are_not_given():
    async def handler(product: Product, _: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        await product.got.wait()
        await send({"type": "http.response.body", "body": b"rest"})

    async with gated(Product(handler)) as node, node.raw(A_FILE) as (reader, _):
        assert await status_of(reader) == 200
        await reader.readuntil(b"part")
        node.stand.now = standing("backup")
        node.product.got.set()
        assert b"rest" not in await asyncio.wait_for(reader.read(), LIMIT)


@on_a_loop
async def test_bytes_that_come_after_the_loss_go_nowhere():
    """Also when nobody has told the gate: each part looks at the right."""
    came = []

    async def handler(product, scope, receive, send):
        while (message := await receive())["type"] != "http.disconnect":
            came.append(message["body"])
            product.got.set()

    async with gated(Product(handler)) as node:
        async with node.raw(HALF_A_FILE) as (reader, writer):
            await asyncio.wait_for(node.product.got.wait(), LIMIT)
            node.stand.now = standing(term=8)
            writer.write(b"other")
            assert await status_of(reader) == 503
            await _noticed(node)
        assert came == [b"half "]


@on_a_loop
async def test_an_answer_that_comes_after_the_loss_is_not_given():
    async def handler(product, scope, receive, send):
        await receive()
        node.stand.now = standing("backup")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a verdict"})

    async with gated(Product(handler)) as node:
        response = await node.client.post("/file", content=b"x")
        assert response.status_code == 503
        assert "verdict" not in response.text


@on_a_loop
async def test_what_is_not_processing_goes_on_when_the_right_is_lost():
    go_on = asyncio.Event()

    async def handler(product, scope, receive, send):
        product.got.set()
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"settings"})

    async with gated(Product(handler)) as node:
        call = asyncio.create_task(node.client.get("/admin/config"))
        await asyncio.wait_for(node.product.got.wait(), LIMIT)
        await _lose(node)
        go_on.set()
        assert (await asyncio.wait_for(call, LIMIT)).text == "settings"


@pytest.mark.parametrize(
    "sent",
    [
        HALF_A_FILE,
        A_FILE,
        HALF_A_FILE.replace(b"/file", b"/admin/import"),
        A_FILE.replace(b"/file", b"/admin/import"),
        b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["half a file", "a file", "half of settings", "settings", "nothing"],
)
@on_a_loop
async def test_a_client_that_leaves_ends_the_call_to_the_product(sent):
    async with gated(Product(_until_left)) as node:
        async with node.raw(sent):
            await asyncio.wait_for(node.product.got.wait(), LIMIT)
        await _noticed(node)
        await soon(lambda: not node.right._out)


@on_a_loop
async def test_a_client_that_leaves_ends_an_answer_without_end():
    async def endless(product, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        left = asyncio.create_task(_until_left(product, scope, receive, send))
        while not left.done():
            body = {"type": "http.response.body", "body": bytes(65536), "more_body": True}
            await send(body)
            await asyncio.sleep(0)

    async with gated(Product(endless)) as node:
        async with node.client.stream("GET", "/x") as response:
            assert await anext(response.aiter_raw())
        await _noticed(node)


@on_a_loop
async def test_after_a_cut_the_gate_serves_on():
    async with gated(Product(_until_left)) as node:
        async with node.raw(A_FILE) as (reader, _):
            await asyncio.wait_for(node.product.got.wait(), LIMIT)
            await _lose(node)
            assert await status_of(reader) == 503
        pool = node.gate._product._pool
        await soon(lambda: not pool.connections)
        node.product.handler = Product().handler
        node.stand.now = standing(term=9)
        responses = await asyncio.gather(
            *(node.client.post("/file", content=bytes(100_000)) for _ in range(20))
        )
        assert {response.status_code for response in responses} == {200}


@on_a_loop
async def test_a_processed_call_is_logged_with_its_term():
    with capture_logs() as logs:
        async with gated() as node:
            await node.client.post("/file", content=b"x")
            await node.client.get("/admin")
            node.stand.now = standing("backup")
            await node.client.post("/file", content=b"x")
    calls = [
        {name: log[name] for name in ("event", "method", "path", "status", "term") if name in log}
        for log in logs
        if log["event"].startswith("call-")
    ]
    assert calls == [
        {"event": "call-processed", "method": "POST", "path": "/file", "status": 200, "term": 7},
        {"event": "call-held-back", "method": "POST", "path": "/file"},
    ]


@on_a_loop
async def test_a_held_back_file_is_not_asked_for():
    """A client that waits for `100 Continue` sends nothing in vain."""
    async with gated() as node:
        node.stand.now = standing("backup")
        request = HALF_A_FILE.replace(b"\r\n\r\nhalf ", b"\r\nExpect: 100-continue\r\n\r\n")
        async with node.raw(request) as (reader, _):
            assert await status_of(reader) == 503


@on_a_loop
async def test_a_client_that_waits_for_continue_is_served():
    async with gated() as node:
        request = A_FILE.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
        async with node.raw(request) as (reader, _):
            assert await status_of(reader) == 100
            await reader.readline()
            assert await status_of(reader) == 200
