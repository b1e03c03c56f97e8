"""A small HTTP server that gives prepared answers and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Stub:
    """Answers by method and path; the answers of one call are used up in turn, the last stays."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    drops: int = 0
    """So many calls are taken in and get no answer: the connection is closed."""
    _answers: dict[tuple[str, str], list[tuple[int, Any, dict[str, str]]]] = field(
        default_factory=dict
    )

    def answer(
        self,
        method: str,
        path: str,
        body: Any,
        status: int = 200,
        position: int | None = None,
        media: str = "application/json",
        log_index: str | None = None,
    ) -> None:
        headers = {"Content-Type": media}
        if position is not None:
            headers["Hotslot-Position"] = str(position)
        if log_index is not None:
            headers["Hotslot-Log-Index"] = log_index
        self._answers.setdefault((method, path), []).append((status, body, headers))

    def taken(self, asked: Asked) -> tuple[int, Any, dict[str, str]]:
        prepared = self._answers.get((asked.method, asked.path))
        if prepared is None:
            return 404, {"code": "not-found", "status": 404, "detail": "no such thing"}, {}
        return prepared.pop(0) if len(prepared) > 1 else prepared[0]


@contextmanager
def stub_server() -> Iterator[Stub]:
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(content) if content else None,
            )
            stub.asked.append(asked)
            if stub.drops:
                stub.drops -= 1
                self.close_connection = True
                return
            status, body, headers = stub.taken(asked)
            text = body if isinstance(body, str) else json.dumps(body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        stub.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
