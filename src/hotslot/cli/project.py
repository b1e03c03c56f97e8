"""`hotslot project`: the followers alone; `hotslot serve` starts this command as a child."""

import signal
import sys
import threading

import psycopg
import typer

from hotslot import logs
from hotslot.cli.server_settings import server_settings
from hotslot.ledger import schema
from hotslot.ledger.database import open_database
from hotslot.ledger.mapper import UnknownEventError
from hotslot.ledger.postgres import EmbeddedPostgresError
from hotslot.supervision import end_with_supervisor
from projections.follower import following
from projections.install import install
from projections.projection import ProjectionError
from projections.rebuild import RebuildRunningError

LOOK_SECONDS = 0.5


def project() -> None:
    """Carry events from the ledger into the projections, until Ctrl-C.

    `hotslot serve` starts this command as a child, so a server needs no other. Run it by itself,
    here or on another machine, for more standbys: one process is at work on each projection, and
    another one takes over when it ends.
    """
    logs.configure()
    end_with_supervisor()
    asked_to_end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_end.set())
    try:
        with open_database(server_settings(), visit=True) as dsn:
            schema.install(dsn)
            install(dsn)
            _follow(dsn, asked_to_end)
    except (
        EmbeddedPostgresError,
        schema.NotAllowedToInstallError,
        ProjectionError,
        RebuildRunningError,
        UnknownEventError,
        psycopg.OperationalError,
    ) as error:
        typer.echo(f"The followers can't start. {error}", err=True)
        raise typer.Exit(1) from None


def _follow(dsn: str, asked_to_end: threading.Event) -> None:
    with following(dsn) as followers:
        typer.echo(f"Following the ledger: {', '.join(each.name for each in followers)}.")
        sys.stdout.flush()
        while not asked_to_end.wait(LOOK_SECONDS):
            if all(each.failure for each in followers):
                break
    failures = [f"{each.name} stopped: {each.failure}" for each in followers if each.failure]
    for failure in failures:
        typer.echo(failure, err=True)
    typer.echo("Stopped.")
    if failures:
        raise typer.Exit(1)
