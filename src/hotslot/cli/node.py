"""`hotslot node`: one product instance, that does what its lease lets it do."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hotslot.cli.server_settings import checked_settings
from hotslot.node.settings import NodeSettings


def _option(setting: str) -> Any:
    """Make the option of a setting, which is explained where the setting is."""
    return typer.Option(help=NodeSettings.model_fields[setting].description)


def node(
    *,
    data_dir: Annotated[Path | None, _option("data_dir")] = None,
    backend: Annotated[str | None, _option("backend")] = None,
    deployment: Annotated[str | None, _option("deployment")] = None,
    key: Annotated[str | None, _option("key")] = None,
    trusted_keys: Annotated[Path | None, _option("trusted_keys")] = None,
    host: Annotated[str | None, _option("host")] = None,
    port: Annotated[int | None, _option("port")] = None,
) -> None:
    """Run one instance until Ctrl-C. Options stand for the HOTSLOT_NODE_ variables of their name.

    Its lease is not given back when it stops: it runs out, unless the instance is back before.
    """
    settings = checked_settings(
        NodeSettings,
        {
            "data_dir": data_dir,
            "backend": backend,
            "deployment": deployment,
            "key": key,
            "trusted_keys": trusted_keys,
            "host": host,
            "port": port,
        },
    )
    # What serves is loaded only by who serves: the other commands start in half the time.
    from hotslot.cli.node_server import run
    from hotslot.licensefiles import KeyFolderError
    from hotslot.node.identity import DataDirectoryError

    try:
        run(settings)
    except DataDirectoryError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except KeyFolderError as error:
        typer.echo(f"HOTSLOT_NODE_TRUSTED_KEYS: {error}", err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f"The node can't run. {error}", err=True)
        raise typer.Exit(1) from None
