"""One of several serving processes; `hotslot serve` starts them."""

import os
import signal
import threading
import time

from fastapi import FastAPI

from hotslot import logs
from hotslot.api.app import create_app

DSN_VARIABLE = "HOTSLOT_DATABASE_URL"
PARENT_VARIABLE = "HOTSLOT_SUPERVISOR_PID"

_PARENT_CHECK_SECONDS = 1.0
_GRACE_SECONDS = 10.0


def create_worker() -> FastAPI:
    """The app of a worker; it ends when the process that started it is gone."""
    logs.configure()
    parent = int(os.environ[PARENT_VARIABLE])
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    return create_app(os.environ[DSN_VARIABLE])


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    # It was still starting, and waits for a database that went with the parent.
    os._exit(1)
