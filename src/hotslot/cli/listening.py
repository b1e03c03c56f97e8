"""The socket that a server of ours listens on."""

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to the address, closed at the end of the block.

    Raises:
        OSError: the address can't be had; the message says what to do.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise OSError(
                f"Can't listen on {host} port {port}: {error.strerror}. "
                "Choose another with --port, or end what uses it."
            ) from error
        yield listener


def address(host: str, listener: socket.socket) -> str:
    """The URL of a server that listens there, with the port that it got."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"
