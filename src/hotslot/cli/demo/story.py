"""The story: one slot, a hot swap, and the record that shows it happened."""

import secrets
from collections.abc import Mapping

from hotslot.cli.client import Client, Json, path
from hotslot.cli.demo.narrator import Actor, Narrator
from hotslot.cli.demo.scenes import REASON, check, issue, shortened, slots, tell_entry
from hotslot.cli.output import cell

ENOUGH = 200


class Story:
    """One telling, with ids of its own: it can be told any number of times on the same ledger."""

    def __init__(self, admin: Client, narrator: Narrator) -> None:
        tag = secrets.token_hex(2)
        self.admin = Actor("admin", admin)
        self.tell = narrator
        self.license = f"license-{tag}"
        self.a, self.b, self.c, self.d = (f"{name}-{tag}" for name in "ABCD")
        self.operator_id, self.auditor_id = f"operator-{tag}", f"auditor-{tag}"

    def play(self, database: Mapping[str, str] | None) -> None:
        """Play it all; `database` is the settings that name it, where it can be reached.

        Raises `StoryError`, and `HotslotError` where a call that must work does not.
        """
        operator, auditor = self._cast()
        activation_key = self._issue()
        self._activate(activation_key)
        before = self._stand_by(operator)
        self._refusals(operator)
        self._who_may_scan(operator)
        self._nominate(operator)
        self._released(operator)
        self._now_and_before(operator, before)
        self._record(auditor)
        check(self.tell, "", database)

    def _cast(self) -> tuple[Actor, Actor]:
        self.tell.chapter(
            "Who acts",
            "Everything is done under a name. An operator may act on deployments, an auditor may "
            "read everything and change nothing. Keys are shown once; the server keeps a hash.",
        )
        actors = []
        for role, id_ in (("operator", self.operator_id), ("auditor", self.auditor_id)):
            made = self.tell.command(
                self.admin, "POST", path("keys"), {"id": id_, "role": role}
            ).body
            self.tell.outcome(f"201  key {id_}: {shortened(made['key'])}")
            actors.append(Actor(role, self.admin.client.acting_as(key=made["key"])))
        return actors[0], actors[1]

    def _issue(self) -> str:
        self.tell.chapter("A license with one slot", "One deployment may be active at a time.")
        license_ = issue(self.tell, self.admin, self.license)
        return str(license_["activation_key"])

    def _activate(self, activation_key: str) -> None:
        self.tell.chapter(
            f"{self.a} is activated", "It does so itself, with the license's activation key."
        )
        made = self.tell.command(
            Actor(self.a, self.admin.client.acting_as(activation_key=activation_key)),
            "PUT",
            path("deployments", self.a, "activation"),
            {"license": self.license},
            reason="first installation",
        ).body
        self.tell.outcome(f"200  {made['role']}, {made['mode']}, term {made['term']}")
        self.tell.expect(f"{self.a} is active", made, holds=made["role"] == "active")

    def _stand_by(self, operator: Actor) -> int:
        self.tell.chapter(
            f"{self.b} and {self.c} stand by",
            "Hot backups, as many as one likes: they load engines and settings, and use no slot.",
        )
        position = 0
        for backup, standby_for in ((self.b, self.a), (self.c, None)):
            body: Json = {"license": self.license}
            if standby_for:
                body["standby_for"] = standby_for
            made = self.tell.command(
                operator, "PUT", path("deployments", backup, "backup"), body
            ).body
            whom = cell(standby_for or "whoever is active")
            self.tell.outcome(f"200  {made['role']}, standing by for {whom}")
            self.tell.expect(f"{backup} is a backup", made, holds=made["role"] == "backup")
            position = made["position"]
        license_ = self.tell.read(operator, path("licenses", self.license))
        self.tell.outcome(f"200  {slots(license_)}, {license_['backup_count']} backups")
        self.tell.expect(
            "A alone uses the slot, and there are two backups",
            license_,
            holds=license_["slots"]["used"] == 1 and license_["backup_count"] == 2,  # noqa: PLR2004
        )
        return position

    def _refusals(self, operator: Actor) -> None:
        self.tell.chapter(
            "What the rules refuse",
            "A backup can't be activated, and an active deployment can't be registered as a "
            "backup. Each refusal says what to do instead, and is recorded.",
        )
        body = {"license": self.license}
        self.tell.refused(
            "backup-cannot-activate",
            operator,
            "PUT",
            path("deployments", self.b, "activation"),
            body,
        )
        self.tell.refused(
            "active-cannot-be-backup",
            operator,
            "PUT",
            path("deployments", self.a, "backup"),
            body,
        )

    def _who_may_scan(self, operator: Actor) -> None:
        self.tell.chapter(
            "Who may scan?",
            f"Scanning is the capability `process`. {self.d} was never heard of before.",
        )
        rows = []
        for deployment, role, scans in (
            (self.a, "active", True),
            (self.b, "backup", False),
            (self.d, "unlicensed", False),
        ):
            found = self.tell.read(operator, path("deployments", deployment))
            may = found["capabilities"]
            rows.append((deployment, found["role"], may["process"], may["engines.download"]))
            self.tell.outcome(f"200  {found['role']}, process: {cell(may['process'])}")
            self.tell.expect(
                f"{deployment} is {role}, and may {'' if scans else 'not '}scan",
                found,
                holds=found["role"] == role and may["process"] is scans,
            )
        self.tell.console.print()
        self.tell.show(("deployment", "role", "may scan", "may load engines"), rows)

    def _nominate(self, operator: Actor) -> None:
        self.tell.chapter(
            f"The hot swap: {self.b} is nominated",
            f"{self.b} becomes active and {self.a} is released, in a single step.",
        )
        done = self.tell.command(
            operator, "POST", path("deployments", self.b, "nomination"), {}, reason=REASON
        ).body
        now, replaced = done["deployment"], done["replaced"] or {}
        self.tell.outcome(
            f"200  {now['id']} is {now['role']}, {cell(replaced.get('id'))} is "
            f"{cell(replaced.get('role'))}, term {done['license']['term']}"
        )
        self.tell.expect(
            f"{self.b} is active and has replaced {self.a}",
            done,
            holds=now["role"] == "active"
            and (replaced.get("id"), replaced.get("role")) == (self.a, "unlicensed"),
        )

    def _released(self, operator: Actor) -> None:
        self.tell.chapter(
            f"{self.a} is released, {self.b} scans",
            "The term rose with the swap: whoever comes with a lower one is of the past.",
        )
        for deployment, role, scans in ((self.a, "unlicensed", False), (self.b, "active", True)):
            found = self.tell.read(operator, path("deployments", deployment))
            may_scan = found["capabilities"]["process"]
            term = "" if found["term"] is None else f", term {found['term']}"
            self.tell.outcome(f"200  {found['role']}, process: {cell(may_scan)}{term}")
            self.tell.expect(
                f"{deployment} is {role}, and may {'' if scans else 'not '}scan",
                found,
                holds=found["role"] == role and may_scan is scans,
            )

    def _now_and_before(self, operator: Actor, before: int) -> None:
        self.tell.chapter(
            "The slots now, and as of before the swap",
            "Nothing is overwritten: every read can be asked as of an earlier position or time.",
        )
        rows = []
        for as_of, holder, backups in (
            (None, self.b, [self.c]),
            (before, self.a, [self.b, self.c]),
        ):
            query = {} if as_of is None else {"as_of": as_of}
            found = self.tell.read(operator, path("licenses", self.license), **query)
            active = [held["deployment"] for held in found["active"]]
            standing_by = sorted(held["deployment"] for held in found["backups"])
            when = "now" if as_of is None else f"as of position {found['as_of']}"
            rows.append((when, slots(found), ", ".join(active), ", ".join(standing_by)))
            self.tell.expect(
                f"{when}, {holder} holds the slot and {', '.join(backups)} stand by",
                found,
                holds=active == [holder] and standing_by == backups,
            )
        self.tell.console.print()
        self.tell.show(("when", "slots", "active", "backups"), rows)

    def _record(self, auditor: Actor) -> None:
        self.tell.chapter(
            "What the record says", "Who did what, when and why, with what was refused."
        )
        found = self.tell.read(auditor, path("audit"), license=self.license, limit=ENOUGH)
        self.tell.console.print()
        for entry in found["entries"]:
            # Each also stands on the stream of its deployment, which says the same again.
            if entry["stream"] == f"license:{self.license}":
                tell_entry(self.tell, entry)
        self._expect_in_record(found)

    def _expect_in_record(self, found: Json) -> None:
        entries = found["entries"]
        refusals = [entry["data"]["code"] for entry in entries if entry["outcome"] == "refused"]
        nominations = [
            (entry["deployment"], entry["actor"], entry["reason"])
            for entry in entries
            if entry["type"] == "license.backup-nominated"
        ]
        itself = {"kind": "activation-key", "id": self.license}
        self.tell.expect(
            "both refusals are in the record",
            found,
            holds=refusals == ["backup-cannot-activate", "active-cannot-be-backup"],
        )
        self.tell.expect(
            "the nomination is in the record, with its actor and reason",
            found,
            holds=nominations == [(self.b, {"kind": "key", "id": self.operator_id}, REASON)],
        )
        self.tell.expect(
            "the activation is in the record, by the activation key",
            found,
            holds=any(
                entry["type"] == "license.deployment-activated" and entry["actor"] == itself
                for entry in entries
            ),
        )
