"""The commands on one deployment: activate, deactivate, register, unregister, nominate."""

from typing import Annotated

import typer
from rich.console import Console

from hotslot.cli.carried_files import LicenseFileOption
from hotslot.cli.client import Json, path
from hotslot.cli.output import as_of_field, card, cell, moment, say
from hotslot.cli.session import DeploymentArgument, Session, acts_on_deployment

LicenseOption = Annotated[str | None, typer.Option("--license", help="The license to do it under.")]


def show_deployment(console: Console, deployment: Json) -> None:
    """Print a deployment, its role, and what that role lets it do."""
    capabilities: dict[str, bool] = deployment["capabilities"]
    may = ", ".join(name for name, allowed in capabilities.items() if allowed)
    may_not = ", ".join(name for name, allowed in capabilities.items() if not allowed)
    console.print(
        card(
            {
                "deployment": deployment["id"],
                "role": deployment["role"],
                "license": deployment["license"],
                "mode": deployment["mode"],
                "standby for": deployment["standby_for"],
                "since (UTC)": moment(deployment["since"]),
                "term": deployment["term"],
                "position": deployment["position"],
                "may": may,
                "may not": may_not,
                **_lease(deployment.get("lease")),
                **as_of_field(deployment),
            }
        )
    )


def _lease(lease: Json | None) -> Json:
    """Say when it was last seen, and until when it may go on by itself."""
    if lease is None:
        return {}
    until = moment(lease["expires_at"])
    return {
        "seen (UTC)": moment(lease["seen_at"]),
        "lease until (UTC)": f"{until}, stale: it ran out" if lease["stale"] else until,
    }


def _show_nomination(console: Console, nomination: Json) -> None:
    deployment, replaced = nomination["deployment"], nomination["replaced"]
    license_ = nomination["license"]
    if nomination["dry_run"]:
        say(console, "Dry run: what follows would be so; nothing has changed.", "bold")
    now = f"{cell(deployment['id'])} is {deployment['role']} on {cell(license_['id'])}"
    say(console, f"{now}, term {license_['term']}.")
    if replaced is None:
        say(console, "It took a free slot; nothing was replaced.")
    else:
        say(console, f"{cell(replaced['id'])} was released by it and is {replaced['role']}.")
    if not deployment["capabilities"]["process"]:
        say(console, "It may not process yet: a lease of the former one holds still.", "yellow")
    console.print()
    show_deployment(console, deployment)


def _under(session: Session, license_: str | None, license_file: str | None) -> Json:
    """Give the body that says which license. Raises `typer.BadParameter` unless one thing does."""
    ways = {
        "license": license_,
        "activation_key": session.activation_key,
        "license_file": license_file,
    }
    body: Json = {name: value for name, value in ways.items() if value is not None}
    if len(body) != 1:
        raise typer.BadParameter("give one of --license, --activation-key and --license-file")
    return body


def add_to(app: typer.Typer) -> None:
    """Put the commands of this file on the app itself: `hotslot activate DEPLOYMENT`."""
    acts_on_deployment(app, "activate", show_deployment)(activate)
    acts_on_deployment(app, "deactivate", show_deployment)(deactivate)
    acts_on_deployment(app, "register", show_deployment)(register)
    acts_on_deployment(app, "unregister", show_deployment)(unregister)
    acts_on_deployment(app, "nominate", _show_nomination)(nominate)


def activate(
    session: Session,
    deployment: DeploymentArgument,
    *,
    license_: LicenseOption = None,
    license_file: LicenseFileOption = None,
) -> Json:
    """Give a deployment a slot of a license: it becomes active and may process."""
    return session.command(
        "PUT",
        path("deployments", deployment, "activation"),
        _under(session, license_, license_file),
    )


def deactivate(
    session: Session,
    deployment: DeploymentArgument,
) -> Json:
    """Take an active deployment's slot away: it is unlicensed then, as a fresh installation."""
    return session.command("DELETE", path("deployments", deployment, "activation"))


def register(
    session: Session,
    deployment: DeploymentArgument,
    *,
    license_: LicenseOption = None,
    license_file: LicenseFileOption = None,
    standby_for: Annotated[
        str | None,
        typer.Option("--standby-for", help="The active deployment that it is to replace."),
    ] = None,
) -> Json:
    """Make a deployment a hot backup of a license; backups use no slot.

    Offline, it is the license file of the active deployment that registers a backup too.
    """
    body = _under(session, license_, license_file)
    if standby_for is not None:
        body["standby_for"] = standby_for
    return session.command("PUT", path("deployments", deployment, "backup"), body)


def unregister(
    session: Session,
    deployment: DeploymentArgument,
) -> Json:
    """End a backup's registration: it is unlicensed then, as a fresh installation."""
    return session.command("DELETE", path("deployments", deployment, "backup"))


def nominate(
    session: Session,
    deployment: DeploymentArgument,
    *,
    replaces: Annotated[
        str | None,
        typer.Option("--replaces", help="The active deployment that must give its place."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be, and change nothing.")
    ] = False,
    wait_for_release: Annotated[
        bool,
        typer.Option(
            "--wait-for-release",
            help="Have it process only when the former one can't any more.",
        ),
    ] = False,
) -> Json:
    """Make a backup the active one; the former active one is released in the same step."""
    body: Json = {"dry_run": dry_run}
    if wait_for_release:
        body["wait_for_release"] = True
    if replaces is not None:
        body["replaces"] = replaces
    return session.command("POST", path("deployments", deployment, "nomination"), body)
