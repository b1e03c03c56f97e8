"""A file of any size is taken in constant memory."""

import time
from typing import Any

import httpx

from tests.node.processing.measuring import MIB, ON_LINUX, ROOM, SIZES, body, serving_process

_PROGRAM = """
import sys
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
processing = Processing(Path(sys.argv[1]), "MSCL-a", RightToProcess(standing), Engine())
app.state.node = SimpleNamespace(processing=processing)
app.include_router(files.router)
"""


@ON_LINUX
@SIZES
def test_memory_does_not_grow_with_the_file(tmp_path, size):
    with (
        serving_process(_PROGRAM, str(tmp_path)) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=300) as client,
    ):
        _send(client, MIB)  # what is allocated once is there now
        before = server.peak()
        report = _send(client, size)
        grown = server.peak() - before
    assert report["file_info"]["file_size"] == size
    assert report["process_info"]["result"] == "Allowed"
    assert grown < ROOM, f"{grown / MIB:.0f} MiB more than before"


def _send(client: httpx.Client, size: int) -> dict[str, Any]:
    response = client.post("/file", content=body(size), headers={"content-length": str(size)})
    assert response.status_code == 200, response.text
    path = f"/file/{response.json()['data_id']}"
    end = time.monotonic() + 120
    while (report := client.get(path).json())["process_info"]["progress_percentage"] < 100:
        assert time.monotonic() < end, "the scan does not come to its end"
        time.sleep(0.01)
    return dict(report)
