"""Real `hotslot node` processes, and the stub backend on a real socket for them."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hotslot.client import Refused
from tests.node.stub_backend import StubBackend

START_LIMIT = 60
"""Seconds that a node may take to say where it listens."""
LIMIT = 20
"""Seconds for what should happen soon."""

NODE = (sys.executable, "-m", "hotslot", "node")

_LISTENS = re.compile(r"Hotslot node (\S+) listens on (http://\S+)")


class NodeProcess:
    """A `hotslot node` on a data directory."""

    def __init__(self, folder: Path, backend: str, *flags: str, **env: str):
        self.log = folder.with_name(f"{folder.name}.log")
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith("HOTSLOT_")
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*NODE, "--data-dir", str(folder), "--backend", backend, "--port", "0", *flags],
                env=variables | env,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.deployment, self.url = self._await_greeting()

    def _await_greeting(self) -> tuple[str, str]:
        timer = threading.Timer(START_LIMIT, self.process.kill)
        timer.start()
        try:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
        finally:
            timer.cancel()
        match = _LISTENS.search(line)
        assert match, f"The node did not start: {line}{self.log.read_text()}"
        return match[1], match[2]

    def ready(self) -> tuple[int, dict[str, Any]]:
        """What `/readyz?verbose` says."""
        response = httpx.get(f"{self.url}/readyz?verbose", trust_env=False, timeout=LIMIT)
        return response.status_code, response.json()

    def status(self) -> str:
        return str(self.ready()[1]["license"]["status"])

    def kill(self) -> None:
        self.process.kill()
        self._close()

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(by)
        self._close()
        return self.process.returncode

    def _close(self) -> None:
        self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextlib.contextmanager
def node(folder: Path, backend: str, *flags: str, **env: str) -> Iterator[NodeProcess]:
    """A node for the length of a block."""
    process = NodeProcess(folder, backend, *flags, **env)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.stop()


def soon(condition: Callable[[], object]) -> None:
    """Wait for what should happen soon."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not come to it"
        time.sleep(0.02)


@contextlib.contextmanager
def on_a_socket(backend: StubBackend) -> Iterator[str]:
    """The stub as a server; gives its URL."""

    async def lease(request: Request) -> Response:
        deployment, body = request.path_params["deployment"], await request.json()
        try:
            lease = await backend.lease(deployment, processing=body["processing"])
        except Refused as error:
            return JSONResponse(error.problem, error.status, media_type="application/problem+json")
        return Response(msgspec.json.encode(lease), media_type="application/json")

    async def jwks(_: Request) -> Response:
        return JSONResponse(await backend.jwks())

    app = Starlette(
        routes=[
            Route("/v1/deployments/{deployment}/lease", lease, methods=["POST"]),
            Route("/.well-known/jwks.json", jwks),
        ]
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=0)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
