"""The settings of the commands that work on the server's database."""

from typing import Any

import typer
from pydantic import ValidationError

from hotslot.settings import Settings


def server_settings(**given: Any) -> Settings:
    """The settings by the environment, and by the options that were given (None is not given).

    Ends the command with status 2, and says which setting is wrong and why, never what it was: it
    may hold a password.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        for each in error.errors(include_input=False):
            message = each["msg"].removeprefix("Value error, ")
            typer.echo(f"HOTSLOT_{str(each['loc'][0]).upper()}: {message}", err=True)
        raise typer.Exit(2) from None
