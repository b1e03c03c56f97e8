"""The story of a site without a connection: a file is carried, and a backup takes over there."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from rich.padding import Padding
from rich.text import Text

from hotslot.cli.client import Client, Json, path
from hotslot.cli.demo.children import writing_to
from hotslot.cli.demo.narrator import INDENT, Actor, CarriedText, Narrator
from hotslot.cli.demo.scenes import REASON, check, issue, make_signing_key, slots, tell_entry
from hotslot.cli.demo.server import Server
from hotslot.cli.output import cell

PUBLIC_KEY = "vendor.pem"


def carry(folder: Path, name: str, text: str) -> Path:
    """Put a file where it is carried from the vendor to the site. Raises `DemoServerError`."""
    carried = folder / name
    with writing_to(carried):
        folder.mkdir(parents=True, exist_ok=True)
        carried.write_text(text, "utf-8")
        # Public, but not for everybody to change.
        carried.chmod(0o644)
    return carried


def tell_of_keys(tell: Narrator, vendor: Server, stick: Path) -> Path:
    """Make the vendor's signing key, and give its public half as it is carried to the site."""
    tell.chapter(
        "The vendor's key",
        "License files are signed. The private key stays where it was made; with the public one "
        "anybody can tell a real file from a forged one. It is carried to the site once.",
    )
    make_signing_key(tell, "vendor", vendor.environment)
    public = tell.shell("vendor", vendor.environment, "hotslot keys export-signing", PUBLIC_KEY)
    return carry(stick, PUBLIC_KEY, public)


def tell_of_site(tell: Narrator) -> None:
    """Say what the site is, before its server starts."""
    tell.chapter(
        "A site without a connection",
        f"It runs a server of its own, and has nothing of the vendor's but {PUBLIC_KEY}.",
    )
    tell.console.print()
    tell.say(f"site$ HOTSLOT_TRUSTED_KEYS={PUBLIC_KEY} hotslot serve", "cyan")


class OfflineStory:
    """One telling, with ids of its own: it can be told any number of times on the same ledgers."""

    def __init__(self, vendor: Client, site: Client, stick: Path, narrator: Narrator) -> None:
        tag = secrets.token_hex(2)
        self.vendor, self.site = Actor("vendor", vendor), Actor("site", site)
        self.stick = stick
        self.tell = narrator
        self.license = f"license-{tag}"
        self.a, self.b, self.c = (f"{name}-{tag}" for name in "ABC")

    def play(self, site: Mapping[str, str]) -> None:
        """Play it all; `site` is the settings of the site's server.

        Raises `StoryError`, and `HotslotError` where a call that must work does not.
        """
        self._issue()
        file = self._make_file("license.yml")
        self._show_file(file)
        self._carried(file)
        self._nomination_refused()
        self._three_steps(file)
        self._forged(file)
        newer = self._resized()
        self._newer(newer, file)
        self._record()
        check(self.tell, "site", site)

    def _issue(self) -> None:
        self.tell.chapter(
            "A license with one slot, and its file", "One deployment may be active at a time."
        )
        issue(self.tell, self.vendor, self.license)

    def _make_file(self, name: str) -> CarriedText:
        file = self.tell.file(self.vendor, name, path("licenses", self.license, "file"))
        carry(self.stick, name, file)
        self.tell.outcome(f"200  {name}")
        return file

    def _show_file(self, file: CarriedText) -> None:
        self.tell.console.print()
        for line in file.splitlines():
            # A long line is cut, and not folded: it would look like two.
            shown = Text(cell(line), no_wrap=True, overflow="ellipsis")
            self.tell.console.print(Padding(shown, (0, 0, 0, 2 * INDENT), expand=False))

    def _carried(self, file: CarriedText) -> None:
        self.tell.chapter(
            f"The file is carried: {self.a} is activated, {self.b} stands by",
            "The site has never heard of this license: the file brings it. A backup is registered "
            "with the file of the active one.",
        )
        self._activate(self.a, file, "first installation")
        made = self.tell.command(
            self.site,
            "PUT",
            path("deployments", self.b, "backup"),
            {"license_file": file, "standby_for": self.a},
        ).body
        self._told(self.b, made, "backup")
        self._slots(1)

    def _nomination_refused(self) -> None:
        self.tell.chapter(
            f"{self.a} is lost, and {self.b} can't be nominated",
            "That would change what the vendor has on record, and the vendor can't be reached. "
            "The refusal names the three steps that are taken instead.",
        )
        self.tell.refused(
            "offline-backup-cannot-be-nominated",
            self.site,
            "POST",
            path("deployments", self.b, "nomination"),
            {},
        )

    def _three_steps(self, file: CarriedText) -> None:
        self.tell.chapter(
            "The three steps", "All with the same reason: so the record knows them as one."
        )
        for deployment, role in ((self.a, "activation"), (self.b, "backup")):
            done = self.tell.command(
                self.site, "DELETE", path("deployments", deployment, role), reason=REASON
            ).body
            self._told(deployment, done, "unlicensed")
        self._activate(self.b, file, REASON)

    def _forged(self, file: CarriedText) -> None:
        self.tell.chapter(
            "A forged file", "Somebody writes another number of slots into it: 50 in place of 1."
        )
        forged = file.replace('slots: "1"', 'slots: "50"')
        self.tell.expect("the file says slots", {"license_file": file}, holds=forged != file)
        self.tell.refused(
            "license-file-signature-invalid",
            self.site,
            "PUT",
            path("deployments", self.c, "activation"),
            {"license_file": CarriedText("forged.yml", forged)},
        )

    def _resized(self) -> CarriedText:
        self.tell.chapter(
            "A newer file", "The customer buys a second slot; the vendor makes another file."
        )
        resized = self.tell.command(
            self.vendor, "POST", path("licenses", self.license, "resize"), {"slots": 2}
        ).body
        self.tell.outcome(f"200  {resized['slots']['total']} slots")
        return self._make_file("license-2.yml")

    def _newer(self, newer: CarriedText, older: CarriedText) -> None:
        self.tell.console.print()
        self.tell.say(f"It is carried too, and {self.a}, repaired by now, comes back with it.")
        self._activate(self.a, newer, "repaired")
        self._slots(2)
        self.tell.console.print()
        self.tell.say("The older file is of no use anymore.")
        self.tell.refused(
            "license-file-superseded",
            self.site,
            "PUT",
            path("deployments", self.c, "backup"),
            {"license_file": older},
        )

    def _record(self) -> None:
        self.tell.chapter(
            "What the record says",
            "Everything is in the trail, as ever, and the three steps are found as one procedure.",
        )
        found = self.tell.read(self.site, path("audit", "procedures"), license=self.license)
        procedures = found["procedures"]
        self.tell.expect(
            f"one procedure, by which {self.b} took over from {self.a} for the reason given",
            found,
            holds=[(each["former"], each["deployment"], each["reason"]) for each in procedures]
            == [(self.a, self.b, REASON)],
        )
        (procedure,) = procedures
        self.tell.outcome(
            f"200  {procedure['kind']}: {cell(procedure['deployment'])} took over from "
            f"{cell(procedure['former'])}"
        )
        self.tell.console.print()
        for entry in procedure["entries"]:
            tell_entry(self.tell, entry)

    def _activate(self, deployment: str, file: CarriedText, reason: str) -> None:
        made = self.tell.command(
            self.site,
            "PUT",
            path("deployments", deployment, "activation"),
            {"license_file": file},
            reason=reason,
        ).body
        self._told(deployment, made, "active")

    def _told(self, deployment: str, answer: Json, role: str) -> None:
        """Tell what a deployment is now, which has to be `role`, and offline if it has one."""
        mode = None if role == "unlicensed" else "offline"
        how = "" if mode is None else f", {answer['mode']}, term {answer['term']}"
        self.tell.outcome(f"200  {answer['role']}{how}")
        self.tell.expect(
            f"{deployment} is {role}",
            answer,
            holds=(answer["id"], answer["role"], answer["mode"]) == (deployment, role, mode),
        )

    def _slots(self, total: int) -> None:
        found = self.tell.read(self.site, path("licenses", self.license))
        self.tell.outcome(f"200  {found['status']}, {slots(found)}, for {cell(found['customer'])}")
        self.tell.expect(
            f"{total} slots, all of them used",
            found,
            holds=found["slots"] == {"total": total, "used": total, "free": 0},
        )
