"""A log as the server gives it, made of leaves that a test chooses, with faults where it wants."""

import base64
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec

from hotslot.checkpoints.note import Checkpoint, Verifier
from hotslot.licensefiles import SigningKey
from projections.proofs.merkle import (
    Frontier,
    consistency_path,
    leaf_hash,
    node_hash,
)

SIZE = 1000
"""Of the tests' logs: three full bundles, and a partial one."""

ORIGIN = "hotslot/a-log-of-tests"
START = datetime(2026, 1, 1, tzinfo=UTC)
JSON, TEXT, BYTES = "application/json", "text/plain; charset=utf-8", "application/octet-stream"
Answer = tuple[int, bytes, str]


def leaf(index: int) -> bytes:
    """The leaf of an event that tells no more than its place."""
    at = (START + timedelta(seconds=index)).isoformat().replace("+00:00", "Z")
    return (
        b'{"position":%d,"stream":"license:l","version":%d,"type":"license.suspended",'
        b'"event":{"v":1,"context":{"at":"%b"},"data":{"license":"l"}}}'
        % (index + 1, index + 1, at.encode())
    )


class LogStub:
    """The leaves of a log and its checkpoints; `signed` are the sizes that were signed."""

    def __init__(
        self, size: int, signed: Sequence[int] = (), key: SigningKey | None = None
    ) -> None:
        self.leaves = [leaf(index) for index in range(size)]
        self.signed = [*signed, size]
        self.key = SigningKey.generate()
        self.origin = ORIGIN
        self.url = ""
        self.asked: list[str] = []
        self.positions: dict[str, int] = {}
        """What times are resolved to."""
        self.changed: dict[str, Callable[[bytes], bytes]] = {}
        """What becomes of the answer to a path."""
        self.missing: set[str] = set()
        self.answers_left: int | None = None
        """After so many answers, the server is away."""

    @property
    def verifier(self) -> Verifier:
        return Verifier.of_pem(self.origin, self.key.public_pem())

    def grow(self, size: int) -> None:
        """Record more, and sign it."""
        self.leaves += [leaf(index) for index in range(len(self.leaves), size)]
        self.signed.append(size)

    def root(self, size: int) -> bytes:
        tree = Frontier()
        for each in self.leaves[:size]:
            tree.append(leaf_hash(each))
        return tree.root()

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        place = path.removeprefix("/v1/log/")
        if place == "key":
            return 200, f"{self.verifier}\n".encode(), TEXT
        if place == "checkpoint":
            return self._checkpoint(query)
        if path == "/v1/audit/consistency":
            return self._consistency(int(query["from"]), int(query["to"]))
        if path == "/v1/audit":
            return 200, msgspec.json.encode({"as_of": self.positions[query["as_of"]]}), JSON
        if place in self.missing:
            return 404, b'{"code": "not-found", "status": 404, "detail": "no such tile"}', JSON
        return 200, self._tile(place), BYTES

    def _checkpoint(self, query: dict[str, str]) -> Answer:
        sizes = [size for size in self.signed if size >= int(query.get("at_least", 0))]
        if not sizes:
            return 404, b'{"code": "not-found", "status": 404, "detail": "none yet"}', JSON
        size = sizes[0] if "at_least" in query else sizes[-1]
        signed = Checkpoint(self.origin, size, self.root(size)).sign(
            self.key, int(START.timestamp()) + size
        )
        return 200, str(signed).encode(), TEXT

    def _consistency(self, older: int, size: int) -> Answer:
        hashes = [self._subtree(*span) for span in consistency_path(older, size)]
        encoded = [base64.b64encode(each).decode() for each in hashes]
        return 200, msgspec.json.encode({"hashes": encoded}), JSON

    def _subtree(self, begin: int, end: int) -> bytes:
        if end - begin == 1:
            return leaf_hash(self.leaves[begin])
        middle = begin + (1 << ((end - begin - 1).bit_length() - 1))
        return node_hash(self._subtree(begin, middle), self._subtree(middle, end))

    def _tile(self, place: str) -> bytes:
        _, level, *elements = place.removesuffix("/").split("/")
        width = int(elements.pop()) if elements[-2:-1] and elements[-2].endswith(".p") else 256
        index = int("".join(each.removesuffix(".p").removeprefix("x") for each in elements))
        if level == "entries":
            leaves = self.leaves[index * 256 : index * 256 + width]
            return b"".join(len(each).to_bytes(2) + each for each in leaves)
        span = 256 ** int(level)
        firsts = range(index * 256 * span, (index * 256 + width) * span, span)
        return b"".join(self._subtree(first, first + span) for first in firsts)


@contextmanager
def serving_log(log: LogStub) -> Iterator[None]:
    """Serve a log over HTTP."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if log.answers_left == 0:
                self.close_connection = True
                return
            log.asked.append(parts.path.removeprefix("/v1/log/"))
            if log.answers_left is not None:
                log.answers_left -= 1
            status, content, media = log.answer(parts.path, dict(parse_qsl(parts.query)))
            change = log.changed.get(log.asked[-1], bytes)
            content = change(content)
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        log.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def is_whole(folder: Path, log: LogStub, size: int) -> None:
    """Whether a folder is just the export of so many leaves."""
    origin, told, root, *_ = (folder / "checkpoint").read_text("utf-8").split("\n")
    assert (origin, int(told), base64.b64decode(root)) == (log.origin, size, log.root(size))
    entries = (folder / "entries.ndjson").read_bytes()
    assert entries == b"".join(each + b"\n" for each in log.leaves[:size])
    assert (folder / "key.vkey").read_text("utf-8") == f"{log.verifier}\n"
    partial = sorted(path.as_posix() for path in folder.rglob("*.p/*"))
    last = {f"{folder}/tile/{kind}/{size // 256:03}.p/{size % 256}" for kind in ("0", "entries")}
    assert set(partial) == last | {f"{folder}/tile/1/000.p/{size // 256}"}
    for path in (path for path in (folder / "tile").rglob("*") if path.is_file()):
        assert path.read_bytes() == log.answer(path.relative_to(folder).as_posix(), {})[1]
    assert {path.name for path in folder.iterdir()} == {
        "checkpoint",
        "entries.ndjson",
        "key.vkey",
        "README.md",
        "tile",
    }
