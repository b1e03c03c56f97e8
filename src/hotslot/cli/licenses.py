"""`hotslot license`: issue licenses and change them."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

from hotslot.cli import differences
from hotslot.cli.client import Client, Json, path
from hotslot.cli.output import (
    NEVER,
    as_of_field,
    card,
    cell,
    expiry,
    moment,
    say,
    say_as_of,
    show_table,
)
from hotslot.cli.session import (
    AsOfOption,
    LicenseArgument,
    Session,
    acts,
    checked_id,
    checked_time,
    reads,
)
from hotslot.client import Refused
from hotslot.domain.license import Status

app = typer.Typer(help="Issue licenses, look at them and change them.", no_args_is_help=True)

LEASE_COLUMNS = ("last seen (UTC)", "lease ends (UTC)", "stale")

# A key that may read its own license only, such as a node's, gets no list of who holds what.
NO_LIST = (403, 404)


def read_license(client: Client, id_: str, as_of: str | None = None) -> Json:
    """Read a license; of now, with the lease of each holder in it that ever took one.

    Raises `Refused`, `OutOfReach` and `Unreadable`.
    """
    license_ = client.get(path("licenses", id_), as_of=as_of)
    held = [*license_["active"], *license_["backups"]]
    if as_of is not None or not held:
        return license_
    try:
        found = client.pages(path("licenses", id_, "deployments"), "deployments", len(held))
    except Refused as refused:
        if refused.status not in NO_LIST:
            raise
        return license_
    leases = {each["deployment"]: each["lease"] for each in found["deployments"] if "lease" in each}
    for holder in held:
        if holder["deployment"] in leases:
            holder["lease"] = leases[holder["deployment"]]
    return license_


def show_license(console: Console, license_: Json) -> None:
    """Print a license and who holds what on it."""
    slots = license_["slots"]
    console.print(
        card(
            {
                "license": license_["id"],
                "product": license_["product"],
                "customer": license_["customer"],
                "status": license_["status"],
                "expires (UTC)": expiry(license_["expires_at"]),
                "slots": f"{slots['used']} used, {slots['free']} free, {slots['total']} in total",
                "backups": f"{license_['backup_count']} (they use no slot)",
                "term": license_["term"],
                "position": license_["position"],
                **as_of_field(license_),
            }
        )
    )
    has_leases = any("lease" in held for held in (*license_["active"], *license_["backups"]))
    columns = LEASE_COLUMNS if has_leases else ()
    if license_["active"]:
        console.print()
        show_table(
            console,
            ("active", "mode", "since (UTC)", "position", *columns),
            (
                (
                    held["deployment"],
                    held["mode"],
                    moment(held["since"]),
                    held["position"],
                    *_lease(held, columns),
                )
                for held in license_["active"]
            ),
        )
    if license_["backups"]:
        console.print()
        show_table(
            console,
            ("backup", "mode", "standby for", "since (UTC)", "position", *columns),
            (
                (
                    held["deployment"],
                    held["mode"],
                    held["standby_for"],
                    moment(held["since"]),
                    held["position"],
                    *_lease(held, columns),
                )
                for held in license_["backups"]
            ),
        )
        if license_["backup_count"] > len(license_["backups"]):
            more = license_["backup_count"] - len(license_["backups"])
            say(console, f"and {more} more backups")


def _lease(held: Json, columns: Sequence[str]) -> Sequence[str | bool | None]:
    """Give a holder's cells for the columns on leases, if there are such columns."""
    lease = held.get("lease")
    if lease is None:
        return [None] * len(columns)
    return moment(lease["seen_at"]), moment(lease["expires_at"]), lease["stale"]


def show_licenses(console: Console, answer: Json) -> None:
    """Print a list of licenses, one a line."""
    say_as_of(console, answer)
    if not answer["licenses"]:
        say(console, "No licenses.")
        return
    show_table(
        console,
        (
            "license",
            "customer",
            "product",
            "status",
            "used",
            "slots",
            "backups",
            "expires (UTC)",
        ),
        (
            (
                found["id"],
                found["customer"],
                found["product"],
                found["status"],
                found["slots"]["used"],
                found["slots"]["total"],
                found["backup_count"],
                expiry(found["expires_at"]),
            )
            for found in answer["licenses"]
        ),
    )
    if answer.get("next"):
        say(console, "There are more: raise --limit.")


def _show_issued(console: Console, license_: Json) -> None:
    show_license(console, license_)
    if license_.get("activation_key"):
        console.print()
        say(console, f"Activation key: {cell(license_['activation_key'])}", "bold")
        say(console, "It is shown this once. Deployments activate themselves with it.")


def _time_or_never(value: str | None) -> str | None:
    return value if value == NEVER else checked_time(value)


SlotsOption = Annotated[
    int, typer.Option("--slots", min=1, help="How many deployments may be active at once.")
]
EXPIRES_AT = typer.Option(
    "--expires-at",
    metavar="WHEN",
    callback=_time_or_never,
    help="A day (2027-01-31), a time (2027-01-31T12:00:00Z), or never. UTC unless it says.",
)


@acts(app, "issue", _show_issued)
def issue(
    session: Session,
    *,
    product: Annotated[str, typer.Option("--product", help="What is licensed.")],
    customer: Annotated[str, typer.Option("--customer", help="Who it is licensed to.")],
    slots: SlotsOption,
    id_: Annotated[
        str | None, typer.Option("--id", help="The license's id; unset, the server makes one.")
    ] = None,
    expires_at: Annotated[str, EXPIRES_AT] = NEVER,
) -> Json:
    """Issue a license. Its activation key is shown this once."""
    body: Json = {
        "product": product,
        "customer": customer,
        "slots": slots,
        "expires_at": None if expires_at == NEVER else expires_at,
    }
    return session.command("POST", path("licenses"), body if id_ is None else {"id": id_, **body})


@reads(app, "list", show_licenses)
def list_(
    session: Session,
    *,
    customer: Annotated[
        str | None, typer.Option("--customer", help="Only those of this customer.")
    ] = None,
    status: Annotated[
        Status | None, typer.Option("--status", help="Only those of this status.")
    ] = None,
    as_of: AsOfOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 1000,
) -> Json:
    """List the licenses, now or as of an earlier moment."""
    return session.client.pages(
        path("licenses"), "licenses", limit, customer=customer, status=status, as_of=as_of
    )


@reads(app, "show", show_license)
def show(
    session: Session,
    license_: LicenseArgument,
    *,
    as_of: AsOfOption = None,
) -> Json:
    """Show a license and who holds its slots, now or as of an earlier moment."""
    return read_license(session.client, license_, as_of)


@acts(app, "renew", show_license)
def renew(
    session: Session,
    license_: LicenseArgument,
    *,
    expires_at: Annotated[str, EXPIRES_AT],
) -> Json:
    """Set a license's expiry, later or earlier."""
    body = {"expires_at": None if expires_at == NEVER else expires_at}
    return session.command("POST", path("licenses", license_, "renewal"), body)


@acts(app, "resize", show_license)
def resize(session: Session, license_: LicenseArgument, *, slots: SlotsOption) -> Json:
    """Change a license's number of slots; never below what is used."""
    return session.command("POST", path("licenses", license_, "resize"), {"slots": slots})


@acts(app, "lease", show_license)
def lease(
    session: Session,
    license_: LicenseArgument,
    seconds: Annotated[
        int, typer.Argument(metavar="SECONDS", min=1, max=3600, help="From 1 to 3600.")
    ],
) -> Json:
    """Set how long the leases of a license's deployments last.

    So long a deployment goes on by itself, and so long a failover waits for one that is silent.
    Leases that were given last as long as they did.
    """
    return session.command(
        "POST", path("licenses", license_, "lease-duration"), {"seconds": seconds}
    )


@acts(app, "suspend", show_license)
def suspend(session: Session, license_: LicenseArgument) -> Json:
    """Take a license's rights away until it is reinstated."""
    return session.command("POST", path("licenses", license_, "suspension"), {})


@acts(app, "reinstate", show_license)
def reinstate(session: Session, license_: LicenseArgument) -> Json:
    """Give a suspended license its rights back."""
    return session.command("POST", path("licenses", license_, "reinstatement"), {})


@acts(app, "revoke", show_license)
def revoke(session: Session, license_: LicenseArgument) -> Json:
    """Take a license's rights away for good."""
    return session.command("POST", path("licenses", license_, "revocation"), {})


def _write_file(_console: Console, answer: Json) -> None:
    # Bytes, so that no terminal setting or platform changes them on their way into a file.
    typer.echo(answer["license_file"].encode(), nl=False)


@acts(app, "file", _write_file)
def file(
    session: Session,
    license_: LicenseArgument,
    *,
    deployment: Annotated[
        str | None,
        typer.Option(
            "--deployment",
            help="The one deployment that the file may activate; any other it registers as a "
            "backup. Unset, it activates any.",
            callback=checked_id,
        ),
    ] = None,
) -> Json:
    """Print a license file for sites without a connection: > license.yml keeps it.

    The server signs it, with a key that `hotslot keys generate-signing` makes.
    The last one comes again while it says all that a new one would.
    """
    return {"license_file": session.file(path("licenses", license_, "file"), deployment)}


differences.add_to(app)
