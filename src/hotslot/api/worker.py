"""One of several serving processes; `hotslot serve` starts them."""

import os
import signal
import threading
import time

from fastapi import FastAPI

from hotslot import logs
from hotslot.api.app import create_app

DSN_VARIABLE = "HOTSLOT_DATABASE_URL"
PARENT_CHECK_SECONDS = 1.0


def create_worker() -> FastAPI:
    """The app of a worker; it ends when the process that started it is gone."""
    logs.configure()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    return create_app(os.environ[DSN_VARIABLE])


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
