"""The story of nodes: one that processes is lost, in two ways, and a backup takes its place."""

import json
import secrets
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hotslot.cli.client import Client, path
from hotslot.cli.demo.children import writing_to
from hotslot.cli.demo.narrator import Actor, Narrator, StoryError
from hotslot.cli.demo.nodes import Node, nodes
from hotslot.cli.demo.proof import Proof
from hotslot.cli.demo.relay import Relay, relaying
from hotslot.cli.demo.scenes import check, issue, make_signing_key
from hotslot.cli.demo.server import Server
from hotslot.cli.demo.traffic import SILENT, Traffic, posting, refused
from hotslot.cli.output import cell

LEASE_S = 4
WAITED_FOR_S = 12
"""A lease that still holds when a backup is nominated, also on a slow machine."""
CUT_OFF = "A is cut off; B takes over"
ENOUGH = 30
"""So many files show that a node processes."""
SEVERAL = 3
LIMIT_S = 90.0
POLL_S = 0.02


@dataclass(frozen=True)
class Scene:
    """Three nodes under a license of their own, and what A's calls to the backend go through."""

    license: str
    nodes: list[Node]
    way_of_a: Relay

    @property
    def a(self) -> Node:
        """The one that is lost."""
        return self.nodes[0]

    @property
    def b(self) -> Node:
        """The one that is nominated."""
        return self.nodes[1]

    @property
    def c(self) -> Node:
        """The one that stands by all the time."""
        return self.nodes[2]

    @contextmanager
    def traffic(self) -> Iterator[Traffic]:
        """Have a client post files to them for the length of a block."""
        with posting({node.name: node.url for node in self.nodes}, self.license) as traffic:
            yield traffic


class FailoverStory:
    """One telling, with ids of its own: it can be told any number of times on the same ledger."""

    def __init__(self, server: Server, admin: Client, folder: Path, narrator: Narrator) -> None:
        """`folder` is the story's own: what is in it from an earlier telling is removed."""
        self.server = server
        self.admin = Actor("admin", admin)
        self.folder = folder
        self.tell = narrator
        self.as_admin = {
            **server.environment,
            "HOTSLOT_URL": server.url,
            "HOTSLOT_KEY": server.key,
        }

    def play(self) -> None:
        """Play it all.

        Raises `StoryError`, `DemoServerError`, and `HotslotError` where a call that
        must work does not.
        """
        published = self._publish()
        for name, lose_a, lease_s in (
            ("killed", self._kill, LEASE_S),
            ("cut-off", self._cut_off, WAITED_FOR_S),
        ):
            with self._scene(name, published, lease_s) as scene:
                with scene.traffic() as traffic:
                    lose_a(scene, traffic)
                    self._await_end(scene)
                logs = {node.name: node.child.log for node in scene.nodes}
                proof = Proof(scene.license, logs, traffic, self.admin, self.tell)
                failover = proof.show_failover(self.as_admin)
                proof.show_timeline(failover)
                proof.hold(failover)
                if name == "cut-off":
                    proof.hold_that_nobody_overlapped(failover)
        check(self.tell, "", self.server.environment)

    def _publish(self) -> Path:
        self.tell.chapter(
            "An update source",
            "Nodes scan with engines. This one finds the EICAR test file, which is harmless. "
            "Leases and engines are signed with the same key.",
        )
        sample, published = self.folder / "engines", self.folder / "published"
        with writing_to(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(mode=0o700)
        make_signing_key(self.tell, "", self.server.environment)
        engines, out = shlex.quote(str(sample)), shlex.quote(str(published))
        for line in (
            f"hotslot engines sample {engines}",
            f"hotslot engines publish {engines} --out {out}",
        ):
            self.tell.shell("", self.server.environment, line)
        return published

    @contextmanager
    def _scene(self, name: str, published: Path, lease_s: int) -> Iterator[Scene]:
        tag = secrets.token_hex(2)
        license_ = f"license-{tag}"
        a, b, c = (f"{letter}-{tag}" for letter in "ABC")
        self.tell.chapter(
            f"Three nodes: {a} is active, {b} and {c} stand by",
            f"Each is a process, and may do what its lease says. Here a lease lasts {lease_s} s; "
            "60 s is usual.",
        )
        issued = issue(self.tell, self.admin, license_)
        self._as_admin(f"hotslot license lease {license_} {lease_s}")
        url = urlsplit(self.server.url)
        with relaying((str(url.hostname), int(url.port or 0))) as way_of_a:
            backends = {a: way_of_a.url, b: self.server.url, c: self.server.url}
            with nodes(self.folder / name, backends, published) as running:
                scene = Scene(license_, running, way_of_a)
                self._take_roles(scene, issued["activation_key"])
                yield scene

    def _take_roles(self, scene: Scene, activation_key: str) -> None:
        done = scene.a.ask(
            self.tell, "POST", "/admin/license/activation", {"activationKey": activation_key}
        )
        self.tell.outcome(f"200  success: {cell(done['success'])}")
        for backup in (scene.b, scene.c):
            done = backup.ask(
                self.tell,
                "POST",
                "/admin/license/backup",
                activation_key=activation_key,
                active_deployment_id=scene.a.name,
            )
            self.tell.outcome(f"200  {done['success']}")
        self._until(
            "all nodes, the backups too, have the engine",
            lambda: all(node.has_engines() for node in scene.nodes),
        )
        self.tell.console.print()
        self.tell.say("All three have loaded the engine, the backups too.")

    def _kill(self, scene: Scene, traffic: Traffic) -> None:
        self._begin(
            scene,
            traffic,
            f"{scene.a.name} is killed",
            "A client that knows nothing of licenses posts files to the three in turn, without "
            "pause. Every second file has the EICAR test file in it.",
        )
        self.tell.console.print()
        self.tell.say(f"$ kill -KILL {scene.a.child.process.pid}", "cyan")
        scene.a.child.kill()
        self._until(
            f"{scene.a.name} is silent",
            lambda: traffic.met(scene.a.name, SILENT) >= SEVERAL,
        )
        self.tell.outcome(f"{scene.a.name} does not answer, and nobody takes files", "yellow")
        done = scene.b.ask(self.tell, "POST", "/admin/license/backup/nomination")
        self.tell.outcome(f"200  {done['success']}")
        self._until_b_processes(scene, traffic)

    def _cut_off(self, scene: Scene, traffic: Traffic) -> None:
        self._begin(
            scene,
            traffic,
            f"{scene.a.name} is cut off from the backend, and lives on",
            "Nobody can tell it to stop, and clients still reach it. So the nomination says that "
            f"{scene.b.name} has to wait until the lease of {scene.a.name} is over.",
        )
        scene.way_of_a.cut()
        self.tell.console.print()
        self.tell.say(f"(the way from {scene.a.name} to the backend is cut)", "cyan")
        said = self._as_admin(
            f"hotslot nominate {scene.b.name} --wait-for-release --reason {shlex.quote(CUT_OFF)} "
            "--json"
        )
        nominated = json.loads(said)["deployment"]
        waits = f"{scene.b.name} is active, and waits"
        self.tell.expect(
            waits,
            nominated,
            holds=nominated["role"] == "active" and not nominated["capabilities"]["process"],
        )
        self.tell.outcome(waits)
        self._until(
            f"{scene.a.name} stops by itself when its lease ends",
            lambda: traffic.met(scene.a.name, refused("unlicensed")) > 0,
        )
        self.tell.console.print()
        self.tell.say(f"{scene.a.name} refuses files now, and tells why at /readyz?verbose:")
        self.tell.outcome(str(scene.a.standing()["detail"]), "yellow")
        self._until_b_processes(scene, traffic)
        if not scene.a.child.runs:
            raise StoryError(f"The story says: {scene.a.name} lives on. It has ended.")

    def _begin(self, scene: Scene, traffic: Traffic, title: str, words: str) -> None:
        self.tell.chapter(title, words)
        self._until(f"{scene.a.name} processes", lambda: traffic.taken_by(scene.a.name) >= ENOUGH)
        self.tell.outcome(f"{scene.a.name} processes, {scene.b.name} and {scene.c.name} refuse")

    def _until_b_processes(self, scene: Scene, traffic: Traffic) -> None:
        self._until(f"{scene.b.name} processes", lambda: traffic.taken_by(scene.b.name) >= ENOUGH)
        self.tell.outcome(f"{scene.b.name} processes")

    def _await_end(self, scene: Scene) -> None:
        """Wait until the lease of A is over, so that the record has all of the failover."""

        def is_over() -> bool:
            found = self.admin.client.get(path("failovers"), license=scene.license)
            return all(each["overlap_seconds"] is not None for each in found["failovers"])

        self._until(f"the lease of {scene.a.name} ends", is_over)

    def _as_admin(self, line: str) -> str:
        return self.tell.shell("", self.as_admin, line)

    def _until(self, says: str, holds: Callable[[], bool]) -> None:
        """Wait until something is so. Raises `StoryError` when it takes too long."""
        give_up = time.monotonic() + LIMIT_S
        while not holds():
            if time.monotonic() > give_up:
                raise StoryError(
                    f"The story says: {says}. It did not come to that in {LIMIT_S:.0f} s; "
                    f"the logs are in {self.folder}"
                )
            time.sleep(POLL_S)
