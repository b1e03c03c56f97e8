"""The servers that the demo plays on, each `hotslot serve` as a child process."""

import os
import re
import secrets
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hotslot.cli.demo.children import POLL_S, Child, environment, running, writing_to

READY = re.compile(r"Hotslot listens on (\S+)")
PREFERRED_PORT = 8000


@dataclass(frozen=True)
class Server:
    """A running server: its address, its admin key, and the settings that it was started with."""

    url: str
    key: str
    environment: dict[str, str]
    child: Child


@contextmanager
def serving(data_dir: Path, port: int | None, **settings: str) -> Iterator[Server]:
    """Run a server with its data in `data_dir`, and end it on leaving.

    `port` None takes 8000, or any free one when that is taken. `settings` are further HOTSLOT_
    variables. Raises `DemoServerError`.
    """
    with writing_to(data_dir):
        # The key and the log are in it; PostgreSQL's own user may have to pass through.
        data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        key = _admin_key(data_dir)
    variables = {
        **environment(),
        "HOTSLOT_DATA_DIR": str(data_dir),
        "HOTSLOT_HOST": "127.0.0.1",
        "HOTSLOT_PORT": str(_free_port() if port is None else port),
        "HOTSLOT_ADMIN_KEY": key,
        **settings,
    }
    with running(["serve"], variables, data_dir / "serve.log") as child:
        yield Server(child.await_address(READY), key, variables, child)


def first_to_end(servers: Sequence[Server]) -> Server:
    """Wait until one of the servers ends, and give that one."""
    while True:
        for server in servers:
            if not server.child.runs:
                return server
        time.sleep(POLL_S)


def _admin_key(data_dir: Path) -> str:
    """Give this data's admin key: it is set when the data is new, so a later run needs it again."""
    file = data_dir / "admin-key"
    try:
        return file.read_text("ascii").strip()
    except FileNotFoundError:
        key = secrets.token_urlsafe(32)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:  # noqa: PTH123
            new.write(key)
        return key


def _free_port() -> int:
    with socket.socket() as probe:
        # As servers do, so that connections of an earlier run that are closing don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PREFERRED_PORT))
        except OSError:
            return 0
    return PREFERRED_PORT
