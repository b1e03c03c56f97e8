"""The commands on the keys that sign license files: `hotslot keys generate-signing` and so on.

They work on the folder of keys, where the server is, and not through the API: a private key never
leaves the folder that it was made in.
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hotslot.cli.client import Json
from hotslot.cli.output import card, moment, say, screen, show_table, write_json
from hotslot.cli.server_settings import server_settings
from hotslot.domain.times import write_time
from hotslot.settings import Settings

if TYPE_CHECKING:
    from hotslot.licensefiles import KeyFolder, Keys, ListedKey

FAILED = 1

DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="The server's data directory; else HOTSLOT_DATA_DIR."),
]
SigningKeysOption = Annotated[
    Path | None,
    typer.Option("--signing-keys", help=Settings.model_fields["signing_keys"].description),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

# A key's id may begin with "-", as any base64url text may.
TAKES_IDS = {"ignore_unknown_options": True}


def add_to(app: typer.Typer) -> None:
    """Put the commands of this file among those on API keys: `hotslot keys list-signing`."""
    app.command("generate-signing")(generate)
    app.command("list-signing")(list_)
    app.command("export-signing", context_settings=TAKES_IDS)(export)
    app.command("revoke-signing", context_settings=TAKES_IDS)(revoke)


@dataclass(frozen=True)
class Place:
    """The folder of keys that a command works on, and how the caller named it."""

    folder: "KeyFolder"
    path: Path
    flags: str

    def command(self, name: str, *words: str) -> str:
        """Give what to type for another command on the same folder."""
        return " ".join(("hotslot keys", name, *words)) + self.flags

    def carry_revoked(self, id_: str) -> str:
        """Give what to type for the file that has a site refuse this key."""
        return f"{self.command('export-signing', '--revoked', id_)} > {id_}.pem.revoked"


@contextmanager
def _place(data_dir: Path | None, signing_keys: Path | None) -> Iterator[Place]:
    """Give the folder of keys; end the command with a sentence where it can't be worked with."""
    # Only these commands need cryptography: the others start without it.
    from hotslot.licensefiles import KeyFolder, KeyFolderError

    given = {"--data-dir": data_dir, "--signing-keys": signing_keys}
    flags = [f" {name} {shlex.quote(str(path))}" for name, path in given.items() if path]
    settings = server_settings(data_dir=data_dir, signing_keys=signing_keys)
    path = settings.signing_keys_path.absolute()
    try:
        yield Place(KeyFolder(path), path, "".join(flags))
    except KeyFolderError as error:
        raise _failed(str(error)) from None


def _failed(sentence: str) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(FAILED)


def _row(key: "ListedKey") -> Json:
    """Give a key in the API's shape."""
    created_at = None if key.created_at is None else write_time(key.created_at)
    return {
        "id": key.id,
        "algorithm": "ed25519",
        "created_at": created_at,
        "status": key.status,
        "public_key": key.pem,
    }


def _found(keys: "Keys", id_: str, place: Place) -> "ListedKey":
    found = keys.find(id_)
    if found is None:
        raise _failed(
            f"There is no signing key {id_} in {place.path}. See which there are: "
            f"{place.command('list-signing')}"
        )
    return found


def generate(
    *,
    data_dir: DataDirOption = None,
    signing_keys: SigningKeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key that signs license files from now on; earlier ones still verify.

    The private key stays in the folder of signing keys, where only this user can read it.
    A running server uses it at once.
    """
    with _place(data_dir, signing_keys) as place:
        earlier = [key.id for key in place.folder.read().listed if key.status != "revoked"]
        made = _row(place.folder.generate(datetime.now(UTC)))
    if as_json:
        write_json(made)
        return
    console = screen()
    shown = {"signing key": made["id"], "created (UTC)": moment(made["created_at"])}
    console.print(card({**shown, "in": str(place.path)}))
    console.print()
    say(console, "It signs license files from now on; a running server needs no restart.")
    console.print()
    say(console, "To each site without a connection, carry the public keys in use:")
    say(console, f"  {place.command('export-signing')} > vendor.pem")
    say(console, "and put them there into the folder that HOTSLOT_TRUSTED_KEYS names.")
    if earlier:
        console.print()
        say(console, "What was signed before still holds. Once every site has the new public key")
        say(console, "and nobody needs a file of an earlier key, retire it: take its file away.")
        say(console, "(Revoking is for a key that was stolen.) Earlier keys:")
        for id_ in earlier:
            say(console, f"  {id_}")


def list_(
    *,
    data_dir: DataDirOption = None,
    signing_keys: SigningKeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the signing keys, the oldest first: which one signs, and which only verify."""
    with _place(data_dir, signing_keys) as place:
        rows = [_row(key) for key in place.folder.read().listed]
    if as_json:
        write_json({"keys": rows})
    elif rows:
        show_table(
            screen(),
            ("signing key", "status", "created (UTC)"),
            ((row["id"], row["status"], moment(row["created_at"])) for row in rows),
        )
    else:
        say(screen(), f"No signing keys in {place.path}.")
        say(screen(), f"Make one: {place.command('generate-signing')}")


def export(
    id_: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="The key's id; unset, all that are not revoked."),
    ] = None,
    *,
    revoked: Annotated[
        bool, typer.Option("--revoked", help="Revoked keys in place of those that are not.")
    ] = False,
    data_dir: DataDirOption = None,
    signing_keys: SigningKeysOption = None,
) -> None:
    """Print public keys as PEM, for sites without a connection: > vendor.pem keeps them.

    A site with this file among its HOTSLOT_TRUSTED_KEYS accepts license files from here. What
    --revoked prints goes into a file whose name ends in .pem.revoked, and is refused there.
    """
    with _place(data_dir, signing_keys) as place:
        keys = place.folder.read()
    chosen = keys.listed if id_ is None else (_found(keys, id_, place),)
    wanted = [key for key in chosen if (key.status == "revoked") == revoked]
    if not wanted:
        raise _failed(_why_none(id_, place, revoked=revoked))
    typer.echo("".join(key.pem for key in wanted), nl=False)


def _why_none(id_: str | None, place: Place, *, revoked: bool) -> str:
    """Say why there is no public key to export."""
    if revoked and id_ is not None:
        return (
            f"The signing key {id_} is not revoked. If it was stolen: "
            f"{place.command('revoke-signing', id_)}"
        )
    if revoked:
        return f"There is no revoked signing key in {place.path}."
    if id_ is not None:
        return (
            f"The signing key {id_} is revoked: no site should accept what it signed. To have it "
            f"refused there, carry: {place.carry_revoked(id_)}"
        )
    return (
        f"There is no signing key in use in {place.path}. "
        f"Make one: {place.command('generate-signing')}"
    )


def revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
    *,
    data_dir: DataDirOption = None,
    signing_keys: SigningKeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a signing key that was stolen: what it signed is not accepted here anymore.

    Sites that hold its public key accept its files until they are told of it by a file. To retire
    a key that nobody needs, take its file out of the folder instead.
    """
    with _place(data_dir, signing_keys) as place:
        before = _found(place.folder.read(), id_, place)
        if before.status != "revoked":
            place.folder.revoke(id_)
        keys = place.folder.read()
    if as_json:
        write_json(_row(_found(keys, id_, place)))
        return
    console = screen()
    if before.status == "revoked":
        say(console, f"The signing key {id_} was revoked already; nothing has changed.")
        return
    say(console, f"The signing key {id_} is revoked.")
    say(console, "License files that it signed are not accepted here anymore.")
    if keys.signing is None:
        say(console, f"No key signs now. Make one: {place.command('generate-signing')}")
    elif before.status == "signing":
        say(console, f"License files are signed by {keys.signing.id} from now on.")
    say(console, "Sites without a connection go on trusting it until you carry this to each:")
    say(console, f"  {place.carry_revoked(id_)}")
    say(console, "It goes beside the key, into the folder that HOTSLOT_TRUSTED_KEYS names.")
