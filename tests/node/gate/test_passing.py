"""What passes the gate, and how."""

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.types import Message

from hotslot.node.gate import Gate
from hotslot.node.gate import gate as gate_module
from hotslot.node.processing import RightToProcess
from tests.node.gate.products import Product, before, gated, status_of
from tests.node.gate.test_paths import HELD_BACK, REFUSED
from tests.node.processing.stand_ins import LIMIT, Stand, on_a_loop, standing


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
@on_a_loop
async def test_every_other_call_passes_whatever_the_role(method):
    async with gated() as node:
        node.stand.now = standing("unlicensed")
        response = await node.client.request(method, "/admin/engine/x/pin?a=%20b&c")
        assert response.status_code == 200
        assert response.headers["x-product"] == "echo"
        if method != "HEAD":
            seen = response.json()
            assert (seen["method"], seen["path"]) == (method, "/admin/engine/x/pin")
            assert seen["query"] == "a=%20b&c"


@on_a_loop
async def test_processing_passes_with_the_right_and_with_it_only():
    data = bytes(range(256)) * 10_000
    async with gated() as node:
        response = await node.client.post("/file", content=data)
        assert response.json()["sha256"] == hashlib.sha256(data).hexdigest()
        for now in (standing("backup"), standing("unlicensed"), standing("active", may=False)):
            node.stand.now = now
            response = await node.client.post("/file", content=data)
            assert response.status_code == 503
            assert f"its role is {now.role}" in response.json()["err"]
        assert node.product.calls == ["POST /file"]


@on_a_loop
async def test_no_way_to_write_a_path_gets_a_file_past_the_gate():
    request = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
    async with gated() as node:
        node.stand.now = standing("backup")
        for raw in (*REFUSED, *HELD_BACK):
            async with node.raw(request % raw) as (reader, _):
                status = await status_of(reader)
            # 404 is the application's, for what is no path to it.
            assert status in (400, 404, 503), raw
            assert not node.product.calls, raw


@on_a_loop
async def test_a_path_in_a_whole_url_is_the_path_that_counts():
    async with gated() as node:
        node.stand.now = standing("backup")
        request = b"POST http://elsewhere/file HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
        async with node.raw(request) as (reader, _):
            assert await status_of(reader) == 503
        assert not node.product.calls


@on_a_loop
async def test_the_path_that_was_decided_about_is_the_path_that_is_served():
    async with gated() as node:
        request = b"GET /%66ile/a%20b?x=%zz&y=%2f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        async with node.raw(request) as (reader, _):
            assert await status_of(reader) == 200
        assert node.product.calls == ["GET /%66ile/a%20b"]


@on_a_loop
async def test_other_calls_are_held_back_when_told_so():
    async with gated(held_back=["POST /scan", "* /hash/*"]) as node:
        node.stand.now = standing("backup")
        for method, path, status in (
            ("POST", "/scan", 503),
            ("GET", "/hash/abc", 503),
            ("POST", "/file", 200),
            ("GET", "/scan", 200),
        ):
            assert (await node.client.request(method, path)).status_code == status


@on_a_loop
async def test_headers_between_neighbors_stay_there():
    async with gated() as node:
        headers = [
            ("Connection", "keep-alive, X-Private"),
            ("X-Private", "1"),
            ("Keep-Alive", "timeout=5"),
            ("TE", "trailers"),
            ("Trailer", "X-T"),
            ("Proxy-Authorization", "secret"),
            ("Upgrade", "h2c"),
            ("Forwarded", "for=9.9.9.9"),
            ("X-Forwarded-For", "9.9.9.9"),
            ("X-Forwarded-Proto", "https"),
            ("apikey", "kept"),
            ("X-Twice", "1"),
            ("X-Twice", "2"),
        ]
        seen = (await node.client.get("/admin", headers=headers)).json()["headers"]
        names = {name for name, _ in seen}
        url = node.client.base_url
        assert not names & {"x-private", "keep-alive", "te", "trailer", "proxy-authorization"}
        assert not names & {"upgrade", "forwarded", "transfer-encoding", "content-length"}
        assert ["apikey", "kept"] in seen
        assert [value for name, value in seen if name == "x-twice"] == ["1", "2"]
        assert ["x-forwarded-for", "9.9.9.9, 127.0.0.1"] in seen
        assert [value for name, value in seen if name == "x-forwarded-proto"] == ["http"]
        assert ["x-forwarded-host", f"{url.host}:{url.port}"] in seen
        hosts = [value for name, value in seen if name == "host"]
        assert hosts == [node.gate._url.netloc.decode()]


@on_a_loop
async def test_an_answer_comes_as_the_product_gave_it():
    packed = gzip.compress(b"text" * 1000)

    async def handler(product, scope, receive, send):
        headers = [
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            (b"content-encoding", b"gzip"),
            (b"content-length", str(len(packed)).encode()),
            (b"connection", b"x-private"),
            (b"x-private", b"1"),
            (b"location", b"/file"),
        ]
        await send({"type": "http.response.start", "status": 302, "headers": headers})
        await send({"type": "http.response.body", "body": packed})

    async with gated(Product(handler)) as node:
        async with node.client.stream("GET", "/x") as response:
            raw = b"".join([chunk async for chunk in response.aiter_raw()])
        assert (response.status_code, raw) == (302, packed)
        assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert response.headers["content-length"] == str(len(packed))
        assert "x-private" not in response.headers
        # Nothing is remembered from one caller to the next.
        node.product.handler = Product().handler
        node.client.cookies.clear()
        seen = (await node.client.get("/x")).json()
        assert "cookie" not in {name for name, _ in seen["headers"]}


@pytest.mark.parametrize("chunked", [True, False])
@on_a_loop
async def test_a_body_streams_to_the_product(chunked):
    """The product has the first part before the client has sent the second."""
    first_came = asyncio.Event()

    async def handler(product, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
            first_came.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def parts() -> AsyncIterator[bytes]:
        yield b"first "
        async with asyncio.timeout(LIMIT):
            await first_came.wait()
        yield b"second"

    async with gated(Product(handler)) as node:
        headers = {} if chunked else {"content-length": "12"}
        response = await node.client.post("/file", content=parts(), headers=headers)
    assert response.text == "first second"


@on_a_loop
async def test_an_answer_streams_to_the_client():
    """The client has the first part before the product has sent the second."""
    first_came = asyncio.Event()

    async def handler(product, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        async with asyncio.timeout(LIMIT):
            await first_came.wait()
        await send({"type": "http.response.body", "body": b"second"})

    async with (
        gated(Product(handler)) as node,
        node.client.stream("GET", "/file/x") as response,
    ):
        chunks = response.aiter_raw()
        assert await anext(chunks) == b"first "
        first_came.set()
        assert await anext(chunks) == b"second"


@on_a_loop
async def test_a_product_that_answers_before_it_has_everything():
    async def handler(product, scope, receive, send):
        await send(
            {
                "type": "http.response.start",
                "status": 413,
                "headers": [(b"content-length", b"0"), (b"connection", b"close")],
            }
        )
        await send({"type": "http.response.body", "body": b""})

    async with gated(Product(handler)) as node:
        response = await node.client.post("/file", content=bytes(100_000))
        assert response.status_code == 413


@on_a_loop
async def test_a_product_that_is_not_there():
    async with gated() as node:
        gone = str(node.gate._url)
    async with before(gone, Product()) as node:
        response = await node.client.get("/x")
        assert response.status_code == 502
        assert "can't be reached" in response.json()["err"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"", 502), (b"nonsense\r\n\r\n", 502), (b"HTTP/1.1 200 OK\r\nContent-Le", 502)],
)
@on_a_loop
async def test_a_product_whose_answer_is_none(answer, status):
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with before(f"http://127.0.0.1:{port}", Product()) as node:
            response = await node.client.get("/x")
            assert response.status_code == status
            assert "look before it is sent again" in response.json()["err"]


@on_a_loop
async def test_a_product_that_breaks_off_in_its_answer():
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()

    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with before(f"http://127.0.0.1:{port}", Product()) as node:
            with pytest.raises(httpx.RemoteProtocolError):
                await node.client.get("/x")


@on_a_loop
async def test_a_product_that_never_answers(monkeypatch):
    async def handler(product, scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass

    monkeypatch.setitem(gate_module._PATIENCE, "read", 0.1)
    async with gated(Product(handler)) as node:
        response = await node.client.get("/x")
        assert response.status_code == 504
        async with asyncio.timeout(LIMIT):
            await node.product.ended.wait()


@pytest.mark.parametrize("upgrade", [b"websocket", b"WebSocket", b"h2c, websocket"])
@on_a_loop
async def test_websockets_are_refused_in_words(upgrade):
    request = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n"
    async with gated() as node:
        async with node.raw(request % upgrade) as (reader, _):
            assert await status_of(reader) == 501
            answer = await reader.readuntil(b"}")
            assert b"WebSockets are not supported" in answer
        assert not node.product.calls


@pytest.mark.parametrize("extended", [True, False])
@on_a_loop
async def test_websockets_are_refused_where_the_server_knows_them(extended):
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    extensions: dict[str, Any] = {"websocket.http.response": {}} if extended else {}
    gate = Gate("http://127.0.0.1:1", RightToProcess(Stand()))
    await gate({"type": "websocket", "extensions": extensions}, receive, send)
    if extended:
        assert sent[0]["status"] == 501
        assert b"WebSockets are not supported" in sent[1]["body"]
    else:
        assert sent[0]["type"] == "websocket.close"
        assert "WebSockets are not supported" in sent[0]["reason"]


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
@on_a_loop
async def test_methods_that_are_for_proxies_are_not_passed_on(method):
    async with gated() as node:
        async with node.raw(f"{method} /x HTTP/1.1\r\nHost: x\r\n\r\n".encode()) as (reader, _):
            assert await status_of(reader) in (400, 405)
        assert not node.product.calls


@on_a_loop
async def test_a_request_with_two_lengths_is_refused():
    request = (
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nPOST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
    )
    async with gated() as node:
        node.stand.now = standing("backup")
        async with node.raw(request) as (reader, _):
            assert await status_of(reader) == 400
        assert not node.product.calls


@on_a_loop
async def test_two_lengths_are_refused_whatever_the_server_makes_of_them():
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": "/x",
        "raw_path": b"/x",
        "query_string": b"",
        "headers": [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")],
    }
    await Gate("http://127.0.0.1:1", RightToProcess(Stand()))(scope, receive, send)
    assert sent[0]["status"] == 400
    assert b"not both" in sent[1]["body"]


@pytest.mark.parametrize(
    "upstream",
    ["", "127.0.0.1:1", "ftp://x", "http://", "http://u:p@x", "http://x/base", "http://x:port"],
)
def test_what_is_no_address_of_a_product_is_refused(upstream):
    with pytest.raises(ValueError, match=r"http://HOST:PORT|is no address"):
        Gate(upstream, RightToProcess(Stand()))
