"""`hotslot audit key`: what auditors verify checkpoints with."""

import typer
from rich.console import Console

from hotslot.cli.client import Json
from hotslot.cli.session import Session, reads
from hotslot.client.calls import log


def add_to(trail: typer.Typer) -> None:
    """Put the command on `hotslot audit`."""
    reads(trail, "key", _show)(key)


def key(session: Session) -> Json:
    """Show the verifier keys of the log's checkpoints, the newest first: > hotslot.vkey keeps them.

    The key that comes from the server that is to be verified proves nothing: an auditor gets it, or
    compares it, over another way. It takes no API key.
    """
    keys = session.client.hotslot.answer(log.keys())
    return {"keys": [*keys]}


def _show(_console: Console, answer: Json) -> None:
    for each in answer["keys"]:
        typer.echo(each)  # the console would fold it
