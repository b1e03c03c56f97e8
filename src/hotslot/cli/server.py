"""The processes of a server: the one that listens, its workers, and the followers."""

import contextlib
import os
import signal
import socket
import sys
import threading
import time

import httpx
import psycopg
import typer
import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from hotslot import logs
from hotslot.api.app import create_app
from hotslot.api.bootstrap import ensure_admin_key
from hotslot.api.license_files import LicenseFiles
from hotslot.api.worker import environment_for_workers
from hotslot.checkpoints import schema as checkpoints
from hotslot.checkpoints.keys import LogKeyError, LogKeys, ensure_key
from hotslot.cli.followers import FollowerProcess
from hotslot.cli.listening import address, listening
from hotslot.leases import schema as leases
from hotslot.ledger import schema
from hotslot.ledger.database import open_database
from hotslot.ledger.mapper import UnknownEventError
from hotslot.ledger.postgres import EmbeddedPostgresError
from hotslot.licensefiles import KeyFolder, KeyFolderError
from hotslot.settings import Settings
from projections.install import install
from projections.projection import ProjectionError
from projections.rebuild import RebuildRunningError

GRACE_SECONDS = 5
"""Requests under way have this long to end when the server is stopped."""


class ServerError(Exception):
    """The server can't start, or go on: address taken, keys unreadable, database lost."""


def run(settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        ServerError: it can't start, or lost its embedded PostgreSQL.

    """
    logs.configure()
    _check_keys(settings)
    lost = threading.Event()

    def end() -> None:
        lost.set()
        os.kill(os.getpid(), signal.SIGTERM)

    try:
        with (
            listening(settings.host, settings.port) as listener,
            open_database(settings, lost=end) as dsn,
        ):
            _prepare(dsn, settings)
            with FollowerProcess(dsn) as followers:
                _serve(settings, dsn, listener, followers)
        if lost.is_set():
            raise ServerError(
                "The embedded PostgreSQL has ended. Its log, in the data directory, says why."
            )
    except (
        EmbeddedPostgresError,
        schema.NotAllowedToInstallError,
        ProjectionError,
        RebuildRunningError,
        UnknownEventError,
        psycopg.OperationalError,
        OSError,
    ) as error:
        raise ServerError(str(error)) from error


def _check_keys(settings: Settings) -> None:
    """Read the keys of license files once: what is wrong with them is said at the start."""
    places = {
        "HOTSLOT_SIGNING_KEYS": (settings.signing_keys_path, settings.signing_keys is not None),
        "HOTSLOT_TRUSTED_KEYS": (settings.trusted_keys, True),
    }
    for variable, (path, required) in places.items():
        if path is None:
            continue
        try:
            KeyFolder(path, required=required).read()
        except KeyFolderError as error:
            raise ServerError(f"{variable}: {error}") from None


def _prepare(dsn: str, settings: Settings) -> None:
    schema.install(dsn)
    leases.install(dsn)
    checkpoints.install(dsn)
    install(dsn)
    _ensure_log_key(dsn, settings)
    wanted = settings.admin_key
    made = ensure_admin_key(dsn, None if wanted is None else wanted.get_secret_value())
    if made is not None:
        typer.echo(
            f"No admin key was there, so one was made. It is shown this once:\n\n    {made}\n"
        )


def _ensure_log_key(dsn: str, settings: Settings) -> None:
    try:
        made = ensure_key(dsn, settings.log_keys_path, settings.log_origin)
    except LogKeyError as error:
        raise ServerError(f"HOTSLOT_LOG_KEYS: {error}") from None
    if made is not None:
        typer.echo(
            "A key that signs checkpoints of the ledger was made, in "
            f"{settings.log_keys_path}. Keep a copy of that folder apart from the database. "
            f"Auditors verify with this key, which `hotslot audit key` shows:\n\n    {made}\n"
        )


def _serve(
    settings: Settings, dsn: str, listener: socket.socket, followers: FollowerProcess
) -> None:
    config = uvicorn.Config(
        _application(settings, dsn),
        factory=settings.workers > 1,
        workers=settings.workers,
        loop="auto",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    announcing = threading.Thread(target=_announce, args=(settings, listener, followers))
    announcing.daemon = True
    announcing.start()
    # uvicorn raises the signal that ended it once more when it is done: what is ours ends then.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        if settings.workers > 1:
            os.environ |= environment_for_workers(dsn, settings)
            Multiprocess(config, sockets=[listener]).run()
        else:
            uvicorn.Server(config).run(sockets=[listener])
    typer.echo("Stopped.")


def _application(settings: Settings, dsn: str) -> str | FastAPI:
    """The app, or for workers, which each make it for themselves, where to find it."""
    if settings.workers > 1:
        return "hotslot.api.worker:create_worker"
    files = LicenseFiles(settings.signing_keys_path, settings.trusted_keys)
    return create_app(dsn, files, LogKeys(settings.log_keys_path, settings.log_origin))


def _announce(settings: Settings, listener: socket.socket, followers: FollowerProcess) -> None:
    """Say where the server listens, once it answers and its views follow."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    probe = f"{address(local, listener)}/readyz"
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(probe, timeout=2, trust_env=False).is_success:
                break
        time.sleep(0.05)
    followers.following.wait()
    shown = address(settings.host, listener)
    typer.echo(f"Hotslot listens on {shown} (API docs: {shown}/docs)")
    sys.stdout.flush()
