"""The application of a node: the routes of all its parts, and what runs beside them."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from hotslot import __version__
from hotslot.node import probes
from hotslot.node.core_api import routes
from hotslot.node.instance import Node


def create_app(node: Node) -> FastAPI:
    """Make the application; the lease is kept for as long as it runs."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with node.running():
            yield

    app = FastAPI(
        title="Hotslot node",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.node = node
    app.include_router(probes.router)
    routes.install(app, gate=node.gate is not None)
    if node.gate is not None:
        # Last: it takes every call that is left.
        app.mount("/", node.gate)
    return app
