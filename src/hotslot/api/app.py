"""The application that a server process serves."""

import contextlib
import gc
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from hotslot import __version__
from hotslot.api import documentation, problems
from hotslot.api.backend import Backend
from hotslot.api.license_files import LicenseFiles
from hotslot.api.middleware import RequestMiddleware
from hotslot.api.routes import (
    activation_server,
    audit,
    deployments,
    failovers,
    keys,
    leases,
    license_files,
    licenses,
    log,
    operations,
    proofs,
    signing_keys,
)
from hotslot.checkpoints.keys import LogKeys


def create_app(
    dsn: str, files: LicenseFiles | None = None, log_keys: LogKeys | None = None
) -> FastAPI:
    """The app on a database that is installed, with followers at work elsewhere.

    Without `files` it has no keys: it makes no license file and accepts none. Without `log_keys`
    it signs no checkpoint.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with app.state.backend.running():
            # What is there now stays: the collector need not look at it again and again, and with
            # so much short-lived data it runs far too often by default.
            gc.freeze()
            gc.set_threshold(20_000, 20, 50)
            yield

    # Its API docs need nothing from the internet: servers and auditors are often cut off from it.
    app = FastAPIOffline(title="Hotslot", version=__version__, lifespan=lifespan, redoc_url=None)
    # A path with a slash too many is none of ours: 404, and no redirect to a guessed host.
    app.router.redirect_slashes = False
    app.state.backend = Backend(dsn, files or LicenseFiles(), log_keys or LogKeys())
    for resource in (
        operations,
        keys,
        signing_keys,
        activation_server,
        audit,
        proofs,
        log,
        failovers,
        licenses,
        license_files,
        leases,
        deployments,
    ):
        # Not include_router: a nested router is matched anew at every request, at a cost. First,
        # before what the framework has put there, since routes are tried in their order.
        app.router.routes[:0] = resource.router.routes
    problems.install(app)
    documentation.install(app)
    app.add_middleware(RequestMiddleware)
    return app
