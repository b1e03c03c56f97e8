"""One blocking connection that times single requests, with next to no cost of its own."""

import socket
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import msgspec

from bench.load import HEAD_END, LENGTH, LoadFailedError, request

TIMEOUT_S = 60.0


class Connection:
    """A keep-alive connection to a service on 127.0.0.1; a context manager."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = headers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def call(self, method: str, path: str, body: object | None = None) -> Any:
        """Send a request and return the JSON of its answer. Raises LoadFailedError if not 2xx."""
        content, _ = self.timed(request(method, path, self._headers, body))
        return msgspec.json.decode(content)

    def timed(self, sent: bytes) -> tuple[bytes, float]:
        """Send a request made beforehand; return the answer's body and the seconds it took.

        Raises LoadFailedError when the answer is not 2xx.
        """
        began = time.perf_counter()
        self._socket.sendall(sent)
        received = self._socket.recv(1 << 20)
        while (end := _end_of(received)) is None or len(received) < end:
            more = self._socket.recv(1 << 20)
            if not more:
                raise LoadFailedError("the connection ended before the answer")
            received += more
        took = time.perf_counter() - began
        head, _, content = received.partition(HEAD_END)
        if head[9:10] != b"2":
            line = sent.split(b"\r\n", 1)[0].decode()
            raise LoadFailedError(f"{line} was answered with {received[9:800].decode()}")
        return content, took


def _end_of(received: bytes) -> int | None:
    """Where the answer ends, or None as long as its head is not complete."""
    head_end = received.find(HEAD_END)
    if head_end < 0:
        return None
    at = received.find(LENGTH, 0, head_end)
    if at < 0:
        raise LoadFailedError(f"an answer without content-length: {received[:head_end]!r}")
    length = int(received[at + len(LENGTH) : received.find(b"\r", at)])
    return head_end + len(HEAD_END) + length
