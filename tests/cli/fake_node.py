"""Stands in for a node: takes files, refuses them, or breaks off, as a test has it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Does = Literal["takes", "refuses", "breaks off", "gives up", "is none"]


class FakeNode:
    """What it does with files, and those that reached it."""

    def __init__(self, does: Does) -> None:
        self.does = does
        self.files: list[bytes] = []
        self.url = ""

    def answer(self, method: str, body: bytes) -> tuple[int, object] | None:
        """The answer to a call, None for none."""
        if method == "POST":
            self.files.append(body)
        if self.does == "refuses":
            return 503, {"err": "This instance may not process files: its role is backup."}
        if self.does == "breaks off":
            return None
        if self.does == "is none":
            return 404, {}
        if method == "POST":
            return 200, {"data_id": str(len(self.files) - 1)}
        verdict = "Infected" if b"EICAR" in self.files[-1] else "No Threat Detected"
        return 200, {
            "process_info": {"progress_percentage": 100},
            "scan_results": {
                "scan_all_result_a": "Aborted" if self.does == "gives up" else verdict
            },
        }


@contextmanager
def fake_node(does: Does) -> Iterator[FakeNode]:
    """One for the length of a block."""
    node = FakeNode(does)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = node.answer(self.command, body)
            if answer is None:
                self.close_connection = True
                return
            text = json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _handle  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        node.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield node
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
