"""The process beside the server that carries events into the projections."""

import os
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Self

import structlog

from hotslot.supervision import SUPERVISOR_VARIABLE

_RESTART_SECONDS = (1.0, 30.0)
"""Pause before the child is started again: the first one, and the longest."""
_END_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class FollowerProcess:
    """`hotslot project` as a child, started again should it end; a context manager.

    A process of its own, since threads of the serving process would contend with it for the
    interpreter: each waits for the other at every step.
    """

    def __init__(self, dsn: str) -> None:
        self._environment = os.environ | {
            "HOTSLOT_DATABASE_URL": dsn,
            SUPERVISOR_VARIABLE: str(os.getpid()),
        }
        self._stopping = threading.Event()
        self._child: subprocess.Popen[str] | None = None
        self.following = threading.Event()
        """Set once the child follows the ledger."""

    def __enter__(self) -> Self:
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        if self._child is not None:
            self._child.terminate()
        self._keeper.join(_END_SECONDS)

    def _keep(self) -> None:
        shortest, longest = _RESTART_SECONDS
        pause = shortest
        while not self._stopping.is_set():
            # In a session of its own: Ctrl-C is for the server, which ends it in its turn.
            began = time.monotonic()
            with subprocess.Popen(
                [sys.executable, "-m", "hotslot", "project"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            ) as self._child:
                assert self._child.stdout is not None
                for _ in self._child.stdout:
                    self.following.set()
            if time.monotonic() - began > longest:
                pause = shortest  # it did well until now
            if not self._stopping.is_set():
                _log.warning("followers-ended", status=self._child.returncode, again_in=pause)
            self._stopping.wait(pause)
            pause = min(pause * 2, longest)
