"""What a crash may have left: a PostgreSQL that still runs, its pid file, its socket's folder."""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

from hotslot.ledger.postgres.account import Account
from hotslot.ledger.postgres.errors import EmbeddedPostgresError
from hotslot.ledger.postgres.places import SOCKET_PREFIX

FAST_LIMIT = 30.0  # seconds for a shutdown that ends the sessions and writes everything out
QUIT_LIMIT = 10.0  # seconds for one that leaves the rest to recovery


def end_leftover_server(data: Path, config: Path, account: Account) -> None:
    """End a PostgreSQL of ours that still runs on this data, and make way for the next.

    Raises `EmbeddedPostgresError` when it isn't ours to end, or does not end.
    """
    if not Path("/proc/self/cwd").exists():
        return  # without it we can't tell whose a process is; PostgreSQL's own check has to do
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text(encoding="utf-8").partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return
    if not _serves(pid, data, account):
        # PostgreSQL would take any process that has the pid by now for a running server.
        pid_file.unlink(missing_ok=True)
        return
    if not _was_started_with(pid, config):
        raise EmbeddedPostgresError(
            f"A PostgreSQL that Hotslot did not start (process {pid}) runs on {data}. Stop it "
            f"first: kill -INT {pid}."
        )
    for how, limit in ((signal.SIGINT, FAST_LIMIT), (signal.SIGQUIT, QUIT_LIMIT)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if not _serves(pid, data, account):
                return
            time.sleep(0.02)
    raise EmbeddedPostgresError(
        f"The PostgreSQL of an earlier run (process {pid}) does not end. Look at what it waits "
        f"for, or end it: kill -KILL {pid}."
    )


def remove_leftover_sockets(folder: Path, account: Account) -> None:
    """Delete the socket's folder of an earlier run."""
    with contextlib.suppress(FileNotFoundError):
        if folder.name.startswith(SOCKET_PREFIX) and folder.lstat().st_uid == account.uid:
            shutil.rmtree(folder, ignore_errors=True)


def _serves(pid: int, data: Path, account: Account) -> bool:
    """Whether this process is a server on this data: its working folder, and its user, are so."""
    process = Path(f"/proc/{pid}")
    try:
        return process.stat().st_uid == account.uid and (process / "cwd").samefile(data)
    except OSError:  # no such process, a dead one not yet collected, or another user's
        return False


def _was_started_with(pid: int, config: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True  # it has ended this moment
    return not command or os.fsencode(config) in command
