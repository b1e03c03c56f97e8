"""The application of a node: the routes of all its parts, and what runs beside them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from hotslot import __version__
from hotslot.node import probes
from hotslot.node.instance import Node


def create_app(node: Node) -> FastAPI:
    """Make the application; the lease is kept for as long as it runs."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        keeping = asyncio.create_task(node.keeper.run())
        try:
            yield
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping
            await node.memory.save()
            await node.connection.close()

    app = FastAPI(
        title="Hotslot node",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.node = node
    app.include_router(probes.router)
    return app
