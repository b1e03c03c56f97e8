"""`hotslot serve`: the server, with its PostgreSQL where no other is given."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from hotslot.settings import Settings


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes any.")] = None,
    workers: Annotated[int | None, typer.Option(help="Number of serving processes.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the embedded PostgreSQL keeps its files.")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="PostgreSQL to use instead of the embedded one.")
    ] = None,
    admin_key: Annotated[
        str | None, typer.Option(help="Becomes the first admin key when there is none.")
    ] = None,
    pg_bin: Annotated[
        Path | None, typer.Option(help="PostgreSQL programs for the embedded server.")
    ] = None,
) -> None:
    """Run the server until Ctrl-C. Options stand for the HOTSLOT_ variables of the same name."""
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "workers": workers,
        "data_dir": data_dir,
        "database_url": database_url,
        "admin_key": admin_key,
        "pg_bin": pg_bin,
    }
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        for each in error.errors():
            typer.echo(f"HOTSLOT_{str(each['loc'][0]).upper()}: {each['msg']}", err=True)
        raise typer.Exit(2) from None
    # What serves is loaded only by who serves: the other commands start in half the time.
    from hotslot.cli.server import ServerError, run

    try:
        run(settings)
    except ServerError as error:
        typer.echo(f"The server can't start. {error}", err=True)
        raise typer.Exit(1) from None
