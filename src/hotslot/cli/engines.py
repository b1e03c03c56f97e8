"""The commands of whoever publishes engines: `hotslot engines publish` and `sample`.

They work on folders alone, where the signing keys are. Nodes update from the folder that is
written.
"""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hotslot.cli.output import say, screen, show_table, write_json
from hotslot.cli.server_settings import server_settings
from hotslot.cli.signing_keys import FAILED, DataDirOption, JsonOption, SigningKeysOption

if TYPE_CHECKING:
    from hotslot.node.engines import Index

app = typer.Typer(help="Publish engines, for nodes to update from.", no_args_is_help=True)


@app.command("publish")
def publish_(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with one folder for each engine in it.")
    ],
    *,
    out: Annotated[
        Path, typer.Option("--out", help="Folder to publish to: packages and a signed index.")
    ],
    data_dir: DataDirOption = None,
    signing_keys: SigningKeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a package of each engine, and a signed index of all.

    The signing key is the one that license files are signed with. What has not changed since the
    last time is the same package again; an engine that is gone is removed from the nodes.
    """
    # Only these commands need cryptography: the others start without it.
    from hotslot.licensefiles import KeyFolder, KeyFolderError
    from hotslot.node.engines import EngineError, publish

    settings = server_settings(data_dir=data_dir, signing_keys=signing_keys)
    try:
        keys = KeyFolder(settings.signing_keys_path.absolute()).read()
        index = publish(folder, out, keys, datetime.now(UTC))
    except (EngineError, KeyFolderError) as error:
        raise _failed(str(error)) from None
    except OSError as error:
        raise _failed_by(error) from None
    _show(index, out, as_json=as_json)


@app.command("sample")
def sample(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to write the engine's folder into.")
    ],
) -> None:
    """Write a sample engine, which finds the EICAR test file, to publish or to start from."""
    from hotslot.node.engines import write_sample

    try:
        written = write_sample(folder)
    except OSError as error:
        raise _failed_by(error) from None
    console = screen()
    say(console, f"The sample engine is in {written}.")
    say(console, f"Publish it: hotslot engines publish {shlex.quote(str(folder))} --out FOLDER")


def _show(index: "Index", out: Path, *, as_json: bool) -> None:
    if as_json:
        import msgspec

        write_json(msgspec.to_builtins(index))
        return
    console = screen()
    show_table(
        console,
        ("engine", "name", "version", "bytes", "package"),
        ((each.engine, each.name, each.version, each.size, each.file) for each in index.packages),
    )
    console.print()
    say(console, f"Published to {out}, with serial {index.serial}.")
    say(console, f"Nodes update from there: hotslot node --update-source {shlex.quote(str(out))}")
    say(console, "or from the URL at which an HTTP server shows this folder.")


def _failed(sentence: str) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(FAILED)


def _failed_by(error: OSError) -> typer.Exit:
    return _failed(
        f"{error.filename or 'A file'} can't be used: {error.strerror or error}. Correct the path, "
        "or see to it that this user may read and write there."
    )
