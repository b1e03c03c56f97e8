"""The servers that the demo plays on, each `hotslot serve` as a child process."""

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY = re.compile(r"Hotslot listens on (\S+)")
READY_WITHIN_S = 90.0
ENDS_WITHIN_S = 30.0
POLL_S = 0.05
PREFERRED_PORT = 8000
LOG_TAIL_LINES = 15


class DemoServerError(Exception):
    """The demo's server did not start, or ended by itself; the message says why and what to do."""


@dataclass(frozen=True)
class Server:
    """A running server: its address, its admin key, and the settings that it was started with."""

    url: str
    key: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def serving(data_dir: Path, port: int | None, **settings: str) -> Iterator[Server]:
    """Run a server with its data in `data_dir`, and end it on leaving.

    `port` None takes 8000, or any free one when that is taken. `settings` are further HOTSLOT_
    variables. Raises `DemoServerError`.
    """
    try:
        # The key and the log are in it; PostgreSQL's own user may have to pass through.
        data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        key = _admin_key(data_dir)
        log = data_dir / "serve.log"
        output = log.open("wb")
    except OSError as error:
        raise DemoServerError(
            f"The demo can't write to {data_dir} ({error.strerror}). "
            "Give it another folder with --data-dir."
        ) from error
    own = _environment(data_dir, _free_port() if port is None else port, key)
    environment = own | settings
    with output:
        process = subprocess.Popen(
            [sys.executable, "-m", "hotslot", "serve"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(_url_when_ready(process, log), key, environment, process, log)
    finally:
        _end(process)


def first_to_end(servers: Sequence[Server]) -> Server:
    """Wait until one of the servers ends, and give that one."""
    while True:
        for server in servers:
            if server.process.poll() is not None:
                return server
        time.sleep(POLL_S)


def hotslot(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the machine of the server that was started with these settings."""
    return subprocess.run(  # noqa: S603 - the stories' own commands
        [sys.executable, "-m", "hotslot", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def last_lines(log: Path) -> str:
    """Give the end of the server's output, to explain why it failed."""
    lines = log.read_text("utf-8", errors="replace").splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:])


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


def _environment(data_dir: Path, port: int, key: str) -> dict[str, str]:
    """Give the child's environment: no setting of the person's reaches it but the programs'."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("HOTSLOT_") or name.upper() == "HOTSLOT_PG_BIN"
    }
    return own | {
        "HOTSLOT_DATA_DIR": str(data_dir),
        "HOTSLOT_HOST": "127.0.0.1",
        "HOTSLOT_PORT": str(port),
        "HOTSLOT_ADMIN_KEY": key,
        "PYTHONUNBUFFERED": "1",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        # As servers do, so that connections of an earlier run that are closing don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PREFERRED_PORT))
        except OSError:
            return 0
    return PREFERRED_PORT


def _url_when_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    give_up = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up:
        ended = process.poll() is not None
        if found := READY.search(log.read_text("utf-8", errors="replace")):
            return found[1]
        if ended:
            raise DemoServerError(
                f"`hotslot serve` ended with status {process.returncode}:\n{last_lines(log)}"
            )
        time.sleep(POLL_S)
    raise DemoServerError(
        f"`hotslot serve` was not ready within {READY_WITHIN_S:.0f} s:\n{last_lines(log)}"
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
