"""What a failover of nodes comes to: shown, and held against what must be so."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from hotslot.cli.client import Json, path
from hotslot.cli.demo.evidence import Mark, by_two, done_in, rights_of, timeline, without_right
from hotslot.cli.demo.narrator import Actor, Narrator, StoryError
from hotslot.cli.demo.traffic import Traffic
from hotslot.cli.failovers import SILENCE
from hotslot.cli.output import cell

VERDICTS = {True: "Infected", False: "No Threat Detected"}
"""What a node has to say of a file, by whether the EICAR test file is in it."""


class Proof:
    """The facts of a failover, when the client has ended: its notes, the logs and the record."""

    def __init__(
        self,
        license_: str,
        logs: Mapping[str, Path],
        traffic: Traffic,
        admin: Actor,
        narrator: Narrator,
    ) -> None:
        """`logs` are those of the nodes by name: A, that was lost, B, that took over, and C."""
        self.license = license_
        self.logs = logs
        self.traffic = traffic
        self.admin = admin
        self.tell = narrator

    def show_failover(self, settings: Mapping[str, str]) -> Json:
        """Show how long it took, and give the failover as the record has it."""
        self.tell.chapter("How long it took", "From the moment when the nomination was asked for.")
        said = self.tell.shell("", settings, f"hotslot failovers --license {self.license} --json")
        found = json.loads(said)["failovers"]
        a, b, _ = self.logs
        self.tell.expect(
            f"one failover, from {a} to {b}",
            {"failovers": found},
            holds=[(each["former"], each["nominated"]) for each in found] == [(a, b)],
        )
        failover: Json = found[0]
        silence = cell(SILENCE.get(failover["silent_by"]))
        moments = (
            ("recorded_at", "it is on record"),
            ("serving_at", f"{b} may process"),
            ("silent_at", f"{a} is known to be silent: {silence}"),
        )
        self.tell.console.print()
        self.tell.show(
            ("", "after"),
            (
                *((what, _after(failover, at)) for at, what in _in_order(failover, moments)),
                ("both could have processed for", f"{failover['overlap_seconds']:.3f} s"),
            ),
        )
        if failover["overlap_seconds"]:
            self.tell.say(
                f"Could have: the backend can't tell whether {a} is dead or only out of reach, so "
                "until its lease was over it counts."
            )
        return failover

    def show_timeline(self, failover: Json) -> None:
        """Show which node answered how, and when."""
        self.tell.chapter(
            "Which node answered when",
            "A row from each change to the next, in seconds since the first file; with the moments "
            "that the record has.",
        )
        a, b, _ = names = list(self.logs)
        marks = [
            Mark(datetime.fromisoformat(failover[at]), node, what)
            for at, node, what in (
                ("asked_at", b, "* is nominated"),
                ("silent_at", a, "* lease is over"),
                ("serving_at", b, "* may process"),
            )
        ]
        self.tell.console.print()
        self.tell.show(
            ("second", *names),
            (
                (f"{row.seconds:6.2f}", *row.cells)
                for row in timeline(self.traffic.offers, marks, names)
            ),
        )

    def hold(self, failover: Json) -> None:
        """Say what was processed where, and raise `StoryError` unless it was right."""
        self.tell.chapter(
            "Was it right?",
            "By the logs of the nodes, of each file that was processed, and by the record.",
        )
        work = [each for log in self.logs.values() for each in done_in(log)]
        took_over = self.admin.client.get(
            path("audit"), license=self.license, type="deployment.took-over"
        )["entries"]
        rights = rights_of(failover, took_over)
        results = self.traffic.results
        wrong = [each for each in results if each.verdict != VERDICTS[each.infected]]
        self._hold(f"each file was scanned: EICAR found, the others clean ({len(results)})", wrong)
        unknown = {each.sha256 for each in results} - {each.sha256 for each in work}
        self._hold("the logs have each of them", unknown)
        self._hold("no file was processed by two nodes, or twice", by_two(work))
        self._hold("no file was processed without the right to", without_right(work, rights))
        for node in self.logs:
            count = sum(each.node == node for each in work)
            terms = sorted({each.term for each in work if each.node == node})
            words = f"{count} files, in term {terms[0]}" if terms else "no file"
            self.tell.say(f"{node}: {words}")
        if doubtful := len(self.traffic.in_doubt):
            lost = "1 file" if doubtful == 1 else f"{doubtful} files"
            self.tell.say(
                f"On its way when {next(iter(self.logs))} went silent: {lost}. It may have been "
                "processed there, so the client sent it to no other."
            )

    def hold_that_nobody_overlapped(self, failover: Json) -> None:
        """Say that A was silent before B began, by the record and by the logs."""
        a, b, _ = self.logs
        begins = min(each.at for each in done_in(self.logs[b]))
        late = [each for each in done_in(self.logs[a]) if each.at >= begins]
        self._hold(f"{b} began only when {a} had stopped", late)
        self.tell.expect(
            "there was no time in which both could have processed",
            failover,
            holds=failover["overlap_seconds"] == 0 and failover["wait_for_release"],
        )
        recorded, silent, serving = (
            datetime.fromisoformat(failover[at])
            for at in ("recorded_at", "silent_at", "serving_at")
        )
        waited = f"{b} was nominated while the lease of {a} held, and waited for its end"
        self.tell.expect(
            waited,
            failover,
            holds=failover["silent_by"] == "lease-expired" and recorded < silent <= serving,
        )
        self.tell.outcome(f"yes: {waited}")

    def _hold(self, says: str, against: object) -> None:
        """Say what is so; `against` is what speaks against it."""
        if against:
            raise StoryError(f"The story says: {says}. But: {against}")
        self.tell.outcome(f"yes: {says}")


def _in_order(failover: Json, moments: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(moments, key=lambda moment: datetime.fromisoformat(failover[moment[0]]))


def _after(failover: Json, what: str) -> str:
    asked, then = (datetime.fromisoformat(failover[at]) for at in ("asked_at", what))
    return f"{(then - asked).total_seconds():.3f} s"
