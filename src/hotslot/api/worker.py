"""One of several serving processes; `hotslot serve` starts them."""

import os

from fastapi import FastAPI

from hotslot import logs
from hotslot.api.app import create_app
from hotslot.supervision import end_with_supervisor

DSN_VARIABLE = "HOTSLOT_DATABASE_URL"


def create_worker() -> FastAPI:
    """The app of a worker, on the database that the environment names."""
    logs.configure()
    end_with_supervisor()
    return create_app(os.environ[DSN_VARIABLE])
