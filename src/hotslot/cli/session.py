"""What the client commands share: the options they all take, and what becomes of the answer.

A command is a plain function from a session and its own arguments to the API's answer. `reads` and
`acts` register it with typer, add the shared options, connect, show the answer, and turn a failure
into its exit status.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from hotslot.cli.client import Client, Json, Who, connect, credentials, exit_status
from hotslot.cli.output import screen, show_failure, write_json, write_json_line
from hotslot.client import HotslotError
from hotslot.client import call as calls
from hotslot.settings import ClientSettings


@dataclass(frozen=True)
class Session:
    """The connection of one command, and what its caller said about it."""

    client: Client
    reason: str | None = None
    idempotency_key: str | None = None
    activation_key: str | None = None

    def command(self, method: str, path: str, body: Json | None = None) -> Json:
        """Ask for a change with the caller's reason and idempotency key.

        Raises `Refused`, `OutOfReach` and `Unreadable`.
        """
        return self.client.command(
            method, path, body, reason=self.reason, idempotency_key=self.idempotency_key
        ).body

    def file(self, path: str, deployment: str | None) -> str:
        """Have a license file made, with the caller's reason and idempotency key.

        Raises `Refused`, `OutOfReach` and `Unreadable`.
        """
        return self.client.file(
            path, deployment, reason=self.reason, idempotency_key=self.idempotency_key
        )


Show = Callable[[Console, Json], None]
ShowPages = Callable[[Console, Iterator[Json]], None]
Command = Callable[..., Any]
Tell = Callable[[Any, bool], None]
"""Takes what a command gave, and whether it is wanted as JSON."""


def checked_id(value: str | None) -> str | None:
    """Raise `typer.BadParameter` for an id that would make a path that of another resource."""
    try:
        return None if value is None else calls.checked_id(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def checked_time(value: str | None) -> str | None:
    """Give a time as RFC 3339; a day is its first moment, and UTC unless it says otherwise.

    Raises `typer.BadParameter`.
    """
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise typer.BadParameter(
            "give a day (2027-01-31) or a time (2027-01-31T12:00:00Z)"
        ) from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def checked_moment(value: str | None) -> str | None:
    """Give a position as it is, and a time as `checked_time` does. Raises `typer.BadParameter`."""
    return value if value is None or value.isdecimal() else checked_time(value)


AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of", help="As it was: a position, a time or a day.", callback=checked_moment
    ),
]
LicenseArgument = Annotated[
    str, typer.Argument(metavar="LICENSE", help="The license's id.", callback=checked_id)
]
DeploymentArgument = Annotated[
    str, typer.Argument(metavar="DEPLOYMENT", help="The deployment's id.", callback=checked_id)
]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="The server; else HOTSLOT_URL, else http://127.0.0.1:8000."),
]
KeyOption = Annotated[str | None, typer.Option("--key", help="The API key; else HOTSLOT_KEY.")]


def _shared_by_all(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the API's answer as it is.")
    ] = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Hold the options of every client command, for their signature."""


def _shared_by_acts(
    *,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why; it is kept in the audit trail.")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            "--idempotency-key",
            help="Asking twice with the same one has one effect. Unset, a random one is sent.",
        ),
    ] = None,
) -> None:
    """Hold the options of every command that changes something, for their signature."""


def _shared_by_deployments(
    *,
    activation_key: Annotated[
        str | None,
        typer.Option(
            "--activation-key",
            help="Act as the deployment itself under the license of this key, with no API key.",
        ),
    ] = None,
) -> None:
    """Hold the options of the commands on a deployment, for their signature."""


_ALL = list(inspect.signature(_shared_by_all).parameters.values())
_ACTS = [*inspect.signature(_shared_by_acts).parameters.values(), *_ALL]
_DEPLOYMENTS = [*inspect.signature(_shared_by_deployments).parameters.values(), *_ACTS]


def reads(app: typer.Typer, name: str, show: Show) -> Callable[[Command], Command]:
    """Register a command that only reads; `show` prints its answer for people."""
    return _registered(app, name, _telling(show), _ALL)


def acts(app: typer.Typer, name: str, show: Show) -> Callable[[Command], Command]:
    """Register a command that changes something; `show` prints its answer for people."""
    return _registered(app, name, _telling(show), _ACTS)


def acts_on_deployment(app: typer.Typer, name: str, show: Show) -> Callable[[Command], Command]:
    """Register a command that a deployment may also give for itself, by an activation key."""
    return _registered(app, name, _telling(show), _DEPLOYMENTS)


def streams(
    app: typer.Typer, name: str, show: ShowPages, items: str
) -> Callable[[Command], Command]:
    """Register a command that reads page by page, and prints each page as soon as it is there.

    `show` prints the pages for people; as JSON, each of a page's `items` is a line of its own.
    """

    def tell(pages: Iterator[Json], as_json: bool) -> None:  # noqa: FBT001 - as `Tell` has it
        if not as_json:
            show(screen(), pages)
            return
        for page in pages:
            for item in page[items]:
                write_json_line(item)

    return _registered(app, name, tell, _ALL)


def _telling(show: Show) -> Tell:
    def tell(answer: Json, as_json: bool) -> None:  # noqa: FBT001 - as `Tell` has it
        if as_json:
            write_json(answer)
        else:
            show(screen(), answer)

    return tell


def _registered(
    app: typer.Typer, name: str, tell: Tell, shared: list[inspect.Parameter]
) -> Callable[[Command], Command]:
    def register(command: Command) -> Command:
        _, *own = inspect.signature(command).parameters.values()

        def run(
            *,
            as_json: bool,
            url: str | None,
            key: str | None,
            reason: str | None = None,
            idempotency_key: str | None = None,
            activation_key: str | None = None,
            **arguments: Any,
        ) -> None:
            server = address(url)
            try:
                who = _who(key, activation_key)
                once = None if idempotency_key is None else calls.fits_a_header(idempotency_key)
            except ValueError as error:
                raise typer.BadParameter(str(error)) from error
            try:
                with connect(server, who) as client:
                    session = Session(client, reason, once, activation_key)
                    tell(command(session, **arguments), as_json)
            except HotslotError as failure:
                show_failure(failure, as_json=as_json)
                raise typer.Exit(exit_status(failure)) from failure

        # typer reads the options from the signature, and the help from the docstring.
        run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        run.__doc__ = command.__doc__
        app.command(name)(run)
        return command

    return register


def address(url: str | None) -> str:
    """Give the server to talk to: `url`, else the setting. Raises `typer.BadParameter`."""
    chosen = url or ClientSettings().url
    try:
        parsed = httpx.URL(chosen)
    except httpx.InvalidURL as error:
        raise typer.BadParameter(f"--url or HOTSLOT_URL: {error}") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise typer.BadParameter("--url or HOTSLOT_URL: give http://host:port or https://host")
    return chosen


def _who(key: str | None, activation_key: str | None) -> Who:
    if key is None and activation_key is None:
        secret = ClientSettings().key
        key = None if secret is None else secret.get_secret_value()
    return credentials(key=key, activation_key=activation_key)
