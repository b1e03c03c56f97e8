"""A file of any size is taken in constant memory: measured on a server process of its own."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

MIB = 1 << 20
ROOM = 24 * MIB
"""What a server may take more at its peak. A file held in memory would be far over it."""

_SERVER = """
import sys, uvicorn
from pathlib import Path
from types import SimpleNamespace
from fastapi import FastAPI
from hotslot.node.core_api import files
from hotslot.node.processing import Processing, RightToProcess
from tests.node.processing.stand_ins import Found, Said, standing

class Engine:
    def scan(self, chunks):
        for chunk in chunks:
            pass
        return Said((Found("e", "E", ()),))

app = FastAPI()
right = RightToProcess(standing)
processing = Processing(Path(sys.argv[1]), "MSCL-a", right, Engine())
app.state.node = SimpleNamespace(processing=processing)
app.include_router(files.router)
config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off")
server = uvicorn.Server(config)
config.load()
listener = config.bind_socket()
print(f"port {listener.getsockname()[1]}", flush=True)
server.run([listener])
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            port = next(line for line in lines if line.startswith("port ")).split()[1]
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to look at memory")
@pytest.mark.parametrize(
    "size", [64 * MIB, pytest.param(1024 * MIB, marks=pytest.mark.heavy)], ids=["64MiB", "1GiB"]
)
def test_memory_does_not_grow_with_the_file(server, size):
    process, url = server
    with httpx.Client(base_url=url, trust_env=False, timeout=300) as client:
        _send(client, MIB)  # what is allocated once is there now
        before = _peak(process.pid)
        report = _send(client, size)
        grown = _peak(process.pid) - before
    assert report["file_info"]["file_size"] == size
    assert report["process_info"]["result"] == "Allowed"
    assert grown < ROOM, f"{grown / MIB:.0f} MiB more than before"


def _send(client: httpx.Client, size: int) -> dict[str, Any]:
    def body() -> Iterator[bytes]:
        for _ in range(size // MIB):
            yield bytes(MIB)

    response = client.post("/file", content=body(), headers={"content-length": str(size)})
    assert response.status_code == 200, response.text
    path = f"/file/{response.json()['data_id']}"
    end = time.monotonic() + 120
    while (report := client.get(path).json())["process_info"]["progress_percentage"] < 100:
        assert time.monotonic() < end, "the scan does not come to its end"
        time.sleep(0.01)
    return dict(report)


def _peak(pid: int) -> int:
    """The most memory, in bytes, that the process has ever held."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024
