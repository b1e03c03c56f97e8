"""One of several serving processes; `hotslot serve` starts them."""

import os
from pathlib import Path

from fastapi import FastAPI

from hotslot import logs
from hotslot.api.app import create_app
from hotslot.api.license_files import LicenseFiles
from hotslot.checkpoints.keys import LogKeys
from hotslot.settings import Settings
from hotslot.supervision import SUPERVISOR_VARIABLE, end_with_supervisor

_DSN = "HOTSLOT_DATABASE_URL"
_SIGNING_KEYS = "HOTSLOT_SIGNING_KEYS"
_TRUSTED_KEYS = "HOTSLOT_TRUSTED_KEYS"
_LOG_KEYS = "HOTSLOT_LOG_KEYS"
_LOG_ORIGIN = "HOTSLOT_LOG_ORIGIN"


def environment_for_workers(dsn: str, settings: Settings) -> dict[str, str]:
    """What the workers of this process are to find in their environment."""
    return {
        _DSN: dsn,
        _SIGNING_KEYS: str(settings.signing_keys_path),
        _TRUSTED_KEYS: str(settings.trusted_keys or ""),
        _LOG_KEYS: str(settings.log_keys_path),
        _LOG_ORIGIN: settings.log_origin or "",
        SUPERVISOR_VARIABLE: str(os.getpid()),
    }


def create_worker() -> FastAPI:
    """The app of a worker, on the database and with the keys that the environment names."""
    logs.configure()
    end_with_supervisor()
    trusted = os.environ[_TRUSTED_KEYS]
    files = LicenseFiles(Path(os.environ[_SIGNING_KEYS]), Path(trusted) if trusted else None)
    log_keys = LogKeys(Path(os.environ[_LOG_KEYS]), os.environ[_LOG_ORIGIN] or None)
    return create_app(os.environ[_DSN], files, log_keys)
