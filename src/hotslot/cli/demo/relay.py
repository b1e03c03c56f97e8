"""A way between two processes that can be cut, while both stay up."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator

POLL_S = 0.02
PORTION = 65536


class Relay:
    """Listens on a port of its own and passes everything on to a server, until it is cut."""

    def __init__(self, target: tuple[str, int]) -> None:
        """Listen; nothing is passed on before `relaying` runs it."""
        relay = self

        class Pass(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                relay._pass_on(self.request)

        self._target = target
        self._open: set[socket.socket] = set()
        self._cut = False
        self._lock = threading.Lock()
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Pass)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def run(self) -> None:
        """Pass on until it is cut."""
        self._server.serve_forever(POLL_S)

    def cut(self) -> None:
        """Break every connection, and refuse new ones. It does no harm to do it again."""
        with self._lock:
            if self._cut:
                return
            self._cut = True
            for each in self._open:
                _break(each)
        self._server.shutdown()
        self._server.server_close()  # waits for those who pass on

    def _pass_on(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), socket.create_connection(self._target) as far:
            both = {near, far}
            with self._lock:
                if self._cut:
                    return
                self._open |= both
            try:
                back = threading.Thread(target=_carry, args=(far, near))
                back.start()
                _carry(near, far)
                back.join()
            finally:
                with self._lock:
                    self._open -= both


@contextlib.contextmanager
def relaying(target: tuple[str, int]) -> Iterator[Relay]:
    """Run a relay to a server; it is cut on leaving at the latest."""
    relay = Relay(target)
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        yield relay
    finally:
        relay.cut()
        thread.join()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes until either side ends; then both do."""
    with contextlib.suppress(OSError):
        while data := source.recv(PORTION):
            sink.sendall(data)
    _break(source)
    _break(sink)


def _break(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
