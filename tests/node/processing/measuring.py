"""Servers as processes of their own, to see how much memory they take."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

MIB = 1 << 20
ROOM = 24 * MIB
"""What a server may take more at its peak. A body held in memory would be far over it."""

SIZES = pytest.mark.parametrize(
    "size", [64 * MIB, pytest.param(1024 * MIB, marks=pytest.mark.heavy)], ids=["64MiB", "1GiB"]
)
ON_LINUX = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux to look at memory"
)

_SERVE = """
import uvicorn
config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off", ws="none")
server = uvicorn.Server(config)
config.load()
listener = config.bind_socket()
print(f"port {listener.getsockname()[1]}", flush=True)
server.run([listener])
"""


@dataclass
class Measured:
    """A server process."""

    url: str
    pid: int

    def peak(self) -> int:
        """The most memory, in bytes, that it has ever held."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1]) * 1024


@contextlib.contextmanager
def serving_process(program: str, *arguments: str) -> Iterator[Measured]:
    """A server of the `app` that a program makes."""
    command = [sys.executable, "-c", program + _SERVE, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = next(line for line in process.stdout if line.startswith("port ")).split()[1]
            yield Measured(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()


def body(size: int) -> Iterator[bytes]:
    """So many bytes, in parts."""
    for _ in range(size // MIB):
        yield bytes(MIB)
