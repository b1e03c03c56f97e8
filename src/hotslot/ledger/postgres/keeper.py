"""The keeper: a small process that runs PostgreSQL for as long as Hotslot lives.

Hotslot starts this file by its path and holds the other end of its standard input. When that
closes, because Hotslot stopped, crashed or was killed, the keeper shuts PostgreSQL down. It runs in
a session of its own, so Ctrl-C in a terminal reaches Hotslot and not the database under it.

It imports nothing but the standard library, so it starts at once and runs under any user.
"""

import argparse
import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from types import FrameType

STDIN = 0
FAST_LIMIT = 30.0  # seconds for a shutdown that ends the sessions and writes everything out


def keep(arguments: argparse.Namespace) -> int:
    """Run PostgreSQL until it ends, or until nobody needs it; return its exit status."""
    # Signals wake the wait below by writing to a pipe; a handler is needed for that.
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _wake)

    switch = {}
    if arguments.uid is not None:
        groups = [int(group) for group in arguments.groups.split(",")]
        switch = {"user": arguments.uid, "group": arguments.gid, "extra_groups": groups}
    server = subprocess.Popen(  # noqa: S603
        arguments.command, stdin=subprocess.DEVNULL, cwd="/", **switch
    )
    _wait_for_end(server, wake_read)
    _shut_down(server)
    shutil.rmtree(arguments.sockets, ignore_errors=True)
    return server.returncode


def _wait_for_end(server: subprocess.Popen[bytes], wake: int) -> None:
    """Wait until the server has ended, Hotslot has gone, or a signal asks us to stop."""
    while server.poll() is None:
        ready, _, _ = select.select([STDIN, wake], [], [])
        if STDIN in ready and not os.read(STDIN, 1024):
            return
        if wake in ready and any(number != signal.SIGCHLD for number in os.read(wake, 1024)):
            return


def _shut_down(server: subprocess.Popen[bytes]) -> None:
    for how, limit in ((signal.SIGINT, FAST_LIMIT), (signal.SIGQUIT, None)):
        if server.poll() is None:
            server.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(limit)
            return


def _wake(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the signal's number is in the pipe already."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs PostgreSQL while standard input is open.")
    parser.add_argument("--sockets", required=True, help="folder to delete when it has ended")
    parser.add_argument("--uid", type=int, help="user to run it as")
    parser.add_argument("--gid", type=int)
    parser.add_argument("--groups", help="numbers, parted by commas")
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(keep(_arguments()))
