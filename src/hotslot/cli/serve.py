"""`hotslot serve`: the server, with its PostgreSQL where no other is given."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hotslot.cli.server_settings import server_settings
from hotslot.settings import Settings


def _option(setting: str) -> Any:
    """Make the option of a setting, which is explained where the setting is."""
    return typer.Option(help=Settings.model_fields[setting].description)


def serve(
    *,
    host: Annotated[str | None, _option("host")] = None,
    port: Annotated[int | None, _option("port")] = None,
    workers: Annotated[int | None, _option("workers")] = None,
    data_dir: Annotated[Path | None, _option("data_dir")] = None,
    database_url: Annotated[str | None, _option("database_url")] = None,
    admin_key: Annotated[str | None, _option("admin_key")] = None,
    pg_bin: Annotated[Path | None, _option("pg_bin")] = None,
    signing_keys: Annotated[Path | None, _option("signing_keys")] = None,
    trusted_keys: Annotated[Path | None, _option("trusted_keys")] = None,
    log_keys: Annotated[Path | None, _option("log_keys")] = None,
    log_origin: Annotated[str | None, _option("log_origin")] = None,
) -> None:
    """Run the server until Ctrl-C. Options stand for the HOTSLOT_ variables of the same name."""
    settings = server_settings(
        host=host,
        port=port,
        workers=workers,
        data_dir=data_dir,
        database_url=database_url,
        admin_key=admin_key,
        pg_bin=pg_bin,
        signing_keys=signing_keys,
        trusted_keys=trusted_keys,
        log_keys=log_keys,
        log_origin=log_origin,
    )
    # What serves is loaded only by who serves: the other commands start in half the time.
    from hotslot.cli.server import ServerError, run

    try:
        run(settings)
    except ServerError as error:
        typer.echo(f"The server can't run. {error}", err=True)
        raise typer.Exit(1) from None
