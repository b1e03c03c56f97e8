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
    apikey: Annotated[str | None, _option("apikey")] = None,
    update_source: Annotated[str | None, _option("update_source")] = None,
    max_file_bytes: Annotated[int | None, _option("max_file_bytes")] = None,
    upstream: Annotated[str | None, _option("upstream")] = None,
    held_back: Annotated[str | None, _option("held_back")] = None,
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
            "apikey": apikey,
            "update_source": update_source,
            "max_file_bytes": max_file_bytes,
            "upstream": upstream,
            "held_back": held_back,
        },
    )
    # What serves is loaded only by who serves: the other commands start in half the time.
    from hotslot.cli.node_server import run
    from hotslot.node.identity import DataDirectoryError
    from hotslot.node.instance import NodeSettingError

    try:
        run(settings)
    except (DataDirectoryError, NodeSettingError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f"The node can't run. {error}", err=True)
        raise typer.Exit(1) from None
