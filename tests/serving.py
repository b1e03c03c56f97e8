"""Real server processes for tests, and clients that talk to them."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

ADMIN_KEY = "an-admin-key-that-only-tests-use"
START_LIMIT = 60
"""Seconds that a server may take to say where it listens."""

# One folder for all: a server that is started again on its database needs the key that has signed.
LOG_KEYS = tempfile.TemporaryDirectory(prefix="log-keys-")

_LISTENS = re.compile(r"Hotslot listens on (http://\S+)")


class Server:
    """A `hotslot serve` process."""

    def __init__(
        self,
        dsn: str | None,
        *,
        port: int = 0,
        log: Path | None = None,
        program: Sequence[str] = ("-m", "hotslot"),
        **env: str,
    ):
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith("HOTSLOT_")
        }
        variables |= {
            "HOTSLOT_ADMIN_KEY": ADMIN_KEY,
            "HOTSLOT_PORT": str(port),
            "HOTSLOT_LOG_KEYS": LOG_KEYS.name,
            **env,
        }
        if dsn is not None:
            variables["HOTSLOT_DATABASE_URL"] = dsn
        self._log = log.open("ab") if log else None
        self.process = subprocess.Popen(
            [sys.executable, *program, "serve"],
            env=variables,
            stdout=subprocess.PIPE,
            stderr=self._log or subprocess.DEVNULL,
            text=True,
        )
        try:
            self.url = self._await_url()
        except BaseException:
            # Nobody else knows of the process, and what it leaves would fail other tests.
            self.kill()
            raise
        # Nobody may wait for a full pipe.
        threading.Thread(target=self._drain, daemon=True).start()

    def _await_url(self) -> str:
        timer = threading.Timer(START_LIMIT, self.process.kill)
        timer.start()
        printed = []
        assert self.process.stdout is not None
        try:
            for line in self.process.stdout:
                printed.append(line)
                if match := _LISTENS.search(line):
                    return match[1]
        finally:
            timer.cancel()
        raise AssertionError(f"The server did not start: {''.join(printed)}")

    def _drain(self) -> None:
        assert self.process.stdout is not None
        for _ in self.process.stdout:
            pass

    def client(self, key: str | None = ADMIN_KEY, **headers: str) -> httpx.Client:
        """A client that shows an API key."""
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def kill(self) -> None:
        """End the process as a power failure would."""
        self.process.kill()
        self._close()

    def stop(self) -> int:
        """End the process as an operator would; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        self._close()
        return self.process.returncode

    def _close(self) -> None:
        self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        if self._log is not None:
            self._log.close()


@contextmanager
def serving(dsn: str | None, **settings: str) -> Iterator[Server]:
    """A server for the length of a block."""
    server = Server(dsn, **settings)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
