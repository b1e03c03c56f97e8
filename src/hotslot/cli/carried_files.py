"""License files that a person carries: read from where they were put, and sent as they are."""

import sys
from pathlib import Path
from typing import Annotated

import typer

STDIN = "-"
# The server reads no longer one. This bound only keeps a wrong path from being sent as a whole.
MOST_BYTES = 64 * 1024


def _text_of(path: str | None) -> str | None:
    """Read the file at `path`, or stdin for `-`. Raises `typer.BadParameter`.

    Marks of byte order and line ends stay as they are: what the server is asked about is the file
    as it was found.
    """
    if path is None:
        return None
    name = "what came on stdin" if path == STDIN else path
    try:
        return _bytes_of(path, name).decode()
    except UnicodeDecodeError as error:
        raise typer.BadParameter(
            f"{name} is not UTF-8 text (byte {error.start + 1}), so it is no license file or was "
            "converted on its way; carry it again, as it is"
        ) from error


def _bytes_of(path: str, name: str) -> bytes:
    try:
        if path == STDIN:
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise typer.BadParameter(
            f"{name} can't be read: {error.strerror or error}; give the path of a license.yml, "
            "or - for stdin"
        ) from error
    except ValueError as error:
        raise typer.BadParameter(f"this is no path: {error}") from error
    if len(content) > MOST_BYTES:
        raise typer.BadParameter(
            f"{name} is longer than {MOST_BYTES // 1024} KiB, so it is no license file"
        )
    if not content:
        raise typer.BadParameter(f"{name} is empty; carry the license file again")
    return content


LicenseFileOption = Annotated[
    str | None,
    typer.Option(
        "--license-file",
        metavar="PATH",
        help="Do it offline, with this license file; - reads it from stdin.",
        callback=_text_of,
    ),
]
