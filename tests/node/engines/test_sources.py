"""Sources: folders and HTTP servers, on good days and bad ones."""

import asyncio
import functools
import gzip
import os
import threading
from collections.abc import AsyncIterator, Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from hotslot.node.engines import DownloadFailedError
from hotslot.node.engines.sources import FolderSource, HttpSource, Source, read_small, source_at
from tests.node.engines.material import Site, package

Handler = Callable[[httpx.Request], httpx.Response]


def read(source: Source, name: str = "index.json", limit: int = 1 << 20) -> bytes:
    return asyncio.run(read_small(source, name, limit))


def http(handler: Handler, url: str = "http://updates.test/engines") -> HttpSource:
    return HttpSource(url, httpx.MockTransport(handler))


@pytest.mark.parametrize("url", ["http://updates.test/engines", "http://updates.test/engines/"])
def test_files_are_asked_for_below_the_url(url: str):
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url == "http://updates.test/engines/index.json"
        assert request.headers["Accept-Encoding"] == "identity"
        return httpx.Response(200, stream=httpx.ByteStream(b"content"))

    assert read(http(handler, url)) == b"content"


def test_a_place_is_a_url_or_a_folder(tmp_path: Path):
    assert isinstance(source_at("http://updates.test"), HttpSource)
    assert isinstance(source_at("https://updates.test"), HttpSource)
    assert isinstance(source_at(str(tmp_path)), FolderSource)


@pytest.mark.parametrize("status", [204, 206, 301, 302, 403, 404, 500, 503])
def test_another_status_than_200_is_told(status: int):
    """A redirection is not followed: it could lead anywhere."""

    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/engines/index.json"
        return httpx.Response(status, headers={"Location": "http://updates.test/other"})

    with pytest.raises(DownloadFailedError, match=f"answers {status} for index.json"):
        read(http(handler))


def test_what_is_compressed_on_the_way_is_not_taken():
    """It could be any size unpacked."""

    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, content=gzip.compress(b"x"), headers={"Content-Encoding": "gzip"}
        )

    with pytest.raises(DownloadFailedError, match="compressed, unasked"):
        read(http(handler))


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError])
def test_a_server_out_of_reach_is_told(error: type[httpx.HTTPError]):
    def handler(_: httpx.Request) -> httpx.Response:
        raise error("secret words of a library")

    with pytest.raises(
        DownloadFailedError, match=f"can't be had from .*{error.__name__}"
    ) as raised:
        read(http(handler))
    assert "secret" not in str(raised.value)


def test_a_connection_that_breaks_in_the_middle_is_told():
    async def broken() -> AsyncIterator[bytes]:
        yield b"part of it"
        raise httpx.RemoteProtocolError("cut")

    with pytest.raises(DownloadFailedError, match="RemoteProtocolError"):
        read(http(lambda _: httpx.Response(200, content=broken())))


def test_no_more_is_taken_than_the_limit():
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1 << 16
            yield b"x" * (1 << 16)

    with pytest.raises(DownloadFailedError, match="more than 1048576 bytes"):
        read(http(lambda _: httpx.Response(200, content=endless())))
    assert taken < 4 << 20


def test_a_password_in_the_url_is_not_shown():
    source = http(lambda _: httpx.Response(401), "http://user:secret@updates.test/engines?k=secret")
    assert source.shown == "http://updates.test/engines"
    with pytest.raises(DownloadFailedError) as raised:
        read(source)
    assert "secret" not in str(raised.value)


def test_what_is_no_plain_file_is_not_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DownloadFailedError, match="no plain file"):
        read(FolderSource(tmp_path), "pipe")
    with pytest.raises(DownloadFailedError, match="folder"):
        read(FolderSource(tmp_path), "folder")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_updates_come_over_http_and_a_server_that_is_away_changes_nothing(site: Site):
    site.offer({"demo": package()})
    handler = functools.partial(Quiet, directory=str(site.source))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        site.engines._updates._place = f"http://127.0.0.1:{server.server_port}"
        try:
            assert site.update().outcome == "done"
        finally:
            server.shutdown()
            thread.join()
    assert site.row()["state"] == "production"
    check = site.update()
    assert (check.outcome, "ConnectError" in str(check.reason)) == ("download failed", True)
    assert (site.row()["state"], site.row()["active"]) == ("production", True)
