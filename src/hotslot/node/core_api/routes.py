"""All calls of the Core on one application, and who is let in to which."""

from fastapi import Depends, FastAPI

from hotslot.node.core_api import config, engines, errors, files, license, login  # noqa: A004
from hotslot.node.core_api.admission import admit


def install(app: FastAPI, *, gate: bool) -> None:
    """Have the application answer them.

    Before a gate only those on the license are answered here: all others are the product's own.
    """
    errors.install(app)
    every = [license] if gate else [license, config, engines, files, login]
    for each in every:
        app.include_router(each.router, dependencies=[Depends(admit)])
