"""What the stories have in common: a license is issued, the record is read, and it adds up."""

from collections.abc import Mapping

from hotslot.cli.client import Json, path
from hotslot.cli.demo.narrator import INDENT, Actor, Narrator
from hotslot.cli.output import cell, moment
from hotslot.cli.reading import what_happened

REASON = "A lost power; B takes over"
SHOWN_OF_SECRETS = 4


def make_signing_key(tell: Narrator, where: str, environment: Mapping[str, str]) -> None:
    """Make the key that license files, leases and engines are signed with."""
    _, _, key, *_ = tell.shell(where, environment, "hotslot keys generate-signing").split()
    tell.outcome(f"the signing key {key}")


def issue(tell: Narrator, vendor: Actor, license_: str) -> Json:
    """Issue a license with one slot."""
    body = {"id": license_, "product": "scanner", "customer": "example", "slots": 1}
    issued = tell.command(vendor, "POST", path("licenses"), body).body
    tell.outcome(
        f"201  {issued['status']}, {slots(issued)}, "
        f"activation key {shortened(issued['activation_key'])} (shown this once)"
    )
    tell.expect(
        "one slot, and it is free",
        issued,
        holds=issued["slots"] == {"total": 1, "used": 0, "free": 1},
    )
    return issued


def tell_entry(tell: Narrator, entry: Json) -> None:
    """Tell an entry of the trail: when, on what, what, by whom and why."""
    tell.say(
        f"{moment(entry['at'])}  {cell(entry['deployment'] or entry['license'])}  "
        f"{cell(what_happened(entry))}",
        "yellow" if entry["outcome"] == "refused" else "green",
    )
    because = f": {cell(entry['reason'])}" if entry["reason"] else ""
    who = f"{entry['actor']['kind']} {cell(entry['actor']['id'])}"
    tell.say(
        f"position {entry['position']}, {entry['outcome']}, by {who}{because}",
        indent=2 * INDENT,
    )


def check(tell: Narrator, where: str, environment: Mapping[str, str] | None) -> None:
    """Compare the projections with the ledger of the server that has these settings.

    None says that it can't be done from here.
    """
    tell.chapter(
        "Does it add up?",
        "What was read comes from projections. This folds the whole ledger from nothing and "
        "compares the result with them, row by row.",
    )
    line = "hotslot projections check"
    if environment is None:
        tell.say(f"To be run where the database is: {line}", "cyan")
        return
    for said in tell.shell(where, environment, line).splitlines():
        tell.say(said.rstrip(), "green")


def slots(license_: Json) -> str:
    """Say how many slots are used and free."""
    return f"{license_['slots']['used']} used, {license_['slots']['free']} free"


def shortened(secret: str) -> str:
    """Show enough of a secret to tell it from another, and no more."""
    return f"{secret[:SHOWN_OF_SECRETS]}...{secret[-SHOWN_OF_SECRETS:]}"
