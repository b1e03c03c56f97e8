"""The `hotslot` command: all commands, and what the process ends with.

Exit status: 0 done; 1 refused or failed, with the reason on stderr; 2 wrong usage; 3 the server is
out of reach; 130 stopped by Ctrl-C.
"""

import signal
import sys
import traceback
from io import TextIOWrapper
from typing import Annotated

import typer

from hotslot import __version__
from hotslot.cli import (
    demo,
    deployments,
    engines,
    failovers,
    keys,
    licenses,
    node,
    project,
    projections,
    reading,
    serve,
)

STOPPED = 128 + signal.SIGINT

app = typer.Typer(
    name="hotslot",
    help="Licenses with hot-swap backups. Every change is recorded, and so is every refusal.",
    epilog="Exit status: 0 done, 1 refused (reason and remedies on stderr), 2 wrong usage, "
    "3 the server is out of reach. The client commands read HOTSLOT_URL and HOTSLOT_KEY.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("project")(project.project)
app.command("node")(node.node)
app.command("demo")(demo.demo)
app.add_typer(licenses.app, name="license")
deployments.add_to(app)
reading.add_to(app)
failovers.add_to(app)
app.add_typer(projections.app, name="projections")
app.add_typer(keys.app, name="keys")
app.add_typer(engines.app, name="engines")


def _show_version(value: bool) -> None:  # noqa: FBT001 - typer's signature
    if value:
        typer.echo(f"hotslot {__version__}")
        raise typer.Exit


@app.callback()
def _hotslot(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command line; the entry point. Errors end in a sentence, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that can't show a character shows a `?`; it is no reason to fail.
            stream.reconfigure(errors="replace")
    try:
        app()
    except KeyboardInterrupt:
        _end(STOPPED, "Stopped.")
    except SystemExit as end:
        # typer turns Ctrl-C into this status without a word.
        if end.code == STOPPED:
            typer.echo("Stopped.", err=True)
        raise
    except Exception as error:  # noqa: BLE001 - the last resort under every command
        *_, where = traceback.extract_tb(error.__traceback__)
        _end(
            1,
            f"Unexpected fault: {type(error).__name__}: {error} (in {where.name}, "
            f"{where.filename}:{where.lineno}). Please report this line.",
        )


def _end(status: int, sentence: str) -> None:
    typer.echo(sentence, err=True)
    raise SystemExit(status)
