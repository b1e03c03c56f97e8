"""A standing that a test changes at will, an engine that waits when told, and a server for both."""

import asyncio
import contextlib
import functools
import hashlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from hotslot.node.core_api import errors, files
from hotslot.node.processing import Limits, Processing, RightToProcess
from hotslot.node.standing import PROCESS, WITHOUT_LEASE, Standing

LIMIT = 20
"""Seconds for what should happen soon."""

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def standing(
    role: Literal["active", "backup", "unlicensed"] = "active",
    *,
    may: bool | None = None,
    term: int = 7,
    license_: str = "L-1",
) -> Standing:
    """A standing as the lease keeper gives it; an active one may process unless told otherwise."""
    process = {PROCESS} if (role == "active" if may is None else may) else set()
    return Standing(
        role=role,
        license=license_,
        rights=WITHOUT_LEASE | process,
        term=term,
        expires_at=None,
        waits_for=None,
        why=f"A test says {role}.",
    )


class Stand:
    """Where an instance stands, for a test to change."""

    def __init__(self) -> None:
        self.now = standing()
        self.looks = 0

    def __call__(self) -> Standing:
        self.looks += 1
        return self.now


@dataclass
class Found:
    engine: str
    name: str
    threats: tuple[str, ...]
    made_at: datetime = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclass
class Said:
    findings: tuple[Found, ...]


@dataclass
class Engine:
    """Finds EICAR. With `hold` it stops after the first chunk, until `go_on`."""

    hold: bool = False
    swallows: bool = False
    fault: Exception | None = None
    findings: tuple[Found, ...] | None = None
    scans: list[str] = field(default_factory=list)
    """The SHA-256 of what was scanned, of each scan that came to its end."""
    begun: int = 0
    holding: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def scan(self, chunks: Iterable[bytes]) -> Said:
        self.begun += 1
        data = b""
        try:
            for chunk in chunks:
                data += chunk
                if self.hold:
                    self.holding.set()
                    assert self.go_on.wait(LIMIT)
        except Exception:
            if not self.swallows:
                raise
        if self.fault:
            raise self.fault
        self.scans.append(hashlib.sha256(data).hexdigest())
        if self.findings is not None:
            return Said(self.findings)
        threats = ("Eicar-Test-Signature",) if EICAR in data else ()
        return Said((Found("signatures_1", "Signatures", threats),))


@dataclass
class Instance:
    """Processing behind a real server, and a client."""

    folder: Path
    stand: Stand
    engine: Engine
    right: RightToProcess
    processing: Processing
    client: httpx.AsyncClient

    async def send(self, data: bytes, **headers: str) -> str:
        """Send a file that is taken; its `data_id`."""
        response = await self.client.post("/file", content=data, headers=headers)
        assert response.status_code == 200, response.text
        assert set(response.json()) == {"data_id"}
        return str(response.json()["data_id"])

    async def report(self, data_id: str) -> dict[str, Any]:
        response = await self.client.get(f"/file/{data_id}")
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def done(self, data_id: str) -> dict[str, Any]:
        """The report once it is finished."""
        report: dict[str, Any] = {}

        async def finished() -> bool:
            report.update(await self.report(data_id))
            return bool(report["process_info"]["progress_percentage"] == 100)

        await soon(finished)
        return report

    def spooled(self) -> list[str]:
        return [path.name for path in (self.folder / "spool").iterdir()]

    async def nothing_is_left(self) -> None:
        """All work is over, and left no file and no place taken."""
        await soon(lambda: not self.spooled() and not self.processing._taken)
        assert not self.right._out


async def soon(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for what should happen soon."""
    end = time.monotonic() + LIMIT
    while True:
        held = condition()
        if held if isinstance(held, bool) else await held:
            return
        assert time.monotonic() < end, "it did not come to it"
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """A server on this loop; gives its URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app,
            log_config=None,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve([listener]))
        await soon(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@contextlib.asynccontextmanager
async def instance(
    folder: Path, engine: Engine | None = None, **limits: Any
) -> AsyncIterator[Instance]:
    """An instance that is active, with one engine."""
    stand, engine = Stand(), engine or Engine()
    right = RightToProcess(stand)
    processing = Processing(folder, "MSCL-a", right, engine, Limits(**limits))
    app = FastAPI()
    app.state.node = SimpleNamespace(processing=processing)
    errors.install(app)
    app.include_router(files.router)
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=LIMIT) as client,
    ):
        try:
            yield Instance(folder, stand, engine, right, processing, client)
        finally:
            engine.go_on.set()
            await processing.close()


def on_a_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test that is a coroutine."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def limited() -> None:
            async with asyncio.timeout(4 * LIMIT):
                await test(*args, **kwargs)

        asyncio.run(limited())

    return run
