"""The settings of the commands that work on the server's database, and of the node."""

from typing import Any, TypeVar

import typer
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from hotslot.settings import Settings

S = TypeVar("S", bound=BaseSettings)


def server_settings(**given: Any) -> Settings:
    """The settings by the environment, and by the options that were given (None is not given)."""
    return checked_settings(Settings, given)


def checked_settings(kind: type[S], given: dict[str, Any]) -> S:
    """The settings of this kind, in the same way.

    Ends the command with status 2, and says which setting is wrong and why, never what it was: it
    may hold a password.
    """
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        for each in error.errors(include_input=False):
            message = each["msg"].removeprefix("Value error, ")
            typer.echo(f"{prefix}{str(each['loc'][0]).upper()}: {message}", err=True)
        raise typer.Exit(2) from None
