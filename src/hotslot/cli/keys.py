"""`hotslot keys`: the API keys, and beside them the keys that sign license files."""

from typing import Annotated

import typer
from rich.console import Console

from hotslot.cli import signing_keys
from hotslot.cli.client import Json, path
from hotslot.cli.output import card, cell, moment, say, say_as_of, show_table
from hotslot.cli.session import AsOfOption, Session, acts, checked_id, reads
from hotslot.domain.keys import KeyRole

app = typer.Typer(
    help="Create, list and revoke API keys, by the API; and the keys that sign license files, in "
    "their folder where the server is.",
    no_args_is_help=True,
)


def _show_key(console: Console, key: Json) -> None:
    console.print(
        card(
            {
                "id": key["id"],
                "role": key["role"],
                "customer": key["customer"],
                **({"deployment": key["deployment"]} if key.get("deployment") else {}),
                "created (UTC)": moment(key["created_at"]),
                "revoked (UTC)": moment(key["revoked_at"]),
            }
        )
    )
    if key.get("key"):
        console.print()
        say(console, f"Key: {cell(key['key'])}", "bold")
        say(console, "It is shown this once.")


def _show_keys(console: Console, answer: Json) -> None:
    say_as_of(console, answer)
    show_table(
        console,
        ("id", "role", "customer", "deployment", "created (UTC)", "revoked (UTC)"),
        (
            (
                key["id"],
                key["role"],
                key["customer"],
                key.get("deployment"),
                moment(key["created_at"]),
                moment(key["revoked_at"]),
            )
            for key in answer["keys"]
        ),
    )


@acts(app, "create", _show_key)
def create(
    session: Session,
    *,
    role: Annotated[
        KeyRole,
        typer.Option(
            "--role",
            help="admin (all), operator (act on deployments), auditor (read everything) or "
            "node (act for one deployment).",
        ),
    ],
    customer: Annotated[
        str | None, typer.Option("--customer", help="Limit the key to this customer.")
    ] = None,
    deployment: Annotated[
        str | None, typer.Option("--deployment", help="The one deployment of a node key.")
    ] = None,
    id_: Annotated[
        str | None, typer.Option("--id", help="The key's id; unset, the server makes one.")
    ] = None,
) -> Json:
    """Create an API key. It is shown this once."""
    body = {"id": id_, "role": role.value, "customer": customer, "deployment": deployment}
    given = {name: value for name, value in body.items() if value is not None}
    return session.command("POST", path("keys"), given)


@reads(app, "list", _show_keys)
def list_(
    session: Session,
    *,
    as_of: AsOfOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 1000,
) -> Json:
    """List the API keys, the revoked ones too; never their secrets."""
    return session.client.pages(path("keys"), "keys", limit, as_of=as_of)


@acts(app, "revoke", _show_key)
def revoke(
    session: Session,
    id_: Annotated[str, typer.Argument(metavar="KEY", help="The key's id.", callback=checked_id)],
) -> Json:
    """Revoke an API key: it stops working at once."""
    return session.command("DELETE", path("keys", id_))


signing_keys.add_to(app)
