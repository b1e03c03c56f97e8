"""Bodies of any size pass the gate in constant memory."""

import httpx

from tests.node.processing.measuring import MIB, ON_LINUX, ROOM, SIZES, body, serving_process

_PRODUCT = """
async def app(scope, receive, send):
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message["more_body"]
    headers = [(b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while size:
        part = min(size, 1 << 16)
        size -= part
        await send({"type": "http.response.body", "body": bytes(part), "more_body": size > 0})
"""
_GATE = """
import sys
from hotslot.node.gate import Gate
from hotslot.node.processing import RightToProcess
from tests.node.processing.stand_ins import standing

app = Gate(sys.argv[1], RightToProcess(standing))
"""


@ON_LINUX
@SIZES
def test_memory_does_not_grow_with_the_body_either_way(size):
    with (
        serving_process(_PRODUCT) as product,
        serving_process(_GATE, product.url) as gate,
        httpx.Client(base_url=gate.url, trust_env=False, timeout=300) as client,
    ):
        assert _there_and_back(client, MIB) == MIB  # what is allocated once is there now
        before = gate.peak()
        assert _there_and_back(client, size) == size
        grown = gate.peak() - before
    assert grown < ROOM, f"{grown / MIB:.0f} MiB more than before"


def _there_and_back(client: httpx.Client, size: int) -> int:
    headers = {"content-length": str(size)}
    with client.stream("POST", "/file", content=body(size), headers=headers) as response:
        assert response.status_code == 200
        return sum(len(chunk) for chunk in response.iter_raw())
