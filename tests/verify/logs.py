"""Logs for the verifier: histories that the domain decided on, as leaves, trees and exports.

The tree and the note are made here by hand, in the plainest way: nothing of the verifier, nor of
the part of Hotslot that makes them in the product, has a say in what is right.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hotslot.domain import commands
from hotslot.domain.asker import Asker
from hotslot.domain.commands import Command, States
from hotslot.domain.events import Actor, Context, Event, Recorded
from hotslot.domain.refusals import Refusal
from hotslot.domain.streams import State, evolve, stream_of
from hotslot.ledger import mapper

ORIGIN = "hotslot/a-log"
START = datetime(2026, 1, 1, tzinfo=UTC)
SIGNED_AT = datetime(2026, 6, 1, tzinfo=UTC)
ASKER = Asker(Actor("key", "operator"))


class History:
    """Events in the order of the ledger, each command a second after the one before."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.states: dict[str, State] = {}
        self.versions: dict[str, int] = {}
        self.now = START

    def do(self, command: Command) -> "History":
        """Carry out a command; a refusal is recorded as the product does."""
        decision = command.decide(States(self.states), ASKER, self.now + timedelta(seconds=1))
        if isinstance(decision, Refusal):
            refused = command.refused(States(self.states), ASKER, decision)
            decision = () if refused is None else (refused,)
        return self.record(*decision)

    def record(self, *events: Event) -> "History":
        """Add events as one command does."""
        self.now += timedelta(seconds=1)
        request = f"request-{len(self.leaves)}"
        context = Context(at=self.now, actor=ASKER.actor, request_id=request, reason="a test")
        for event in events:
            stream = stream_of(event)
            version = self.versions[stream] = self.versions.get(stream, 0) + 1
            position = len(self.leaves) + 1
            recorded = Recorded(position, stream, version, context, event)
            self.states[stream] = evolve(self.states.get(stream), recorded)
            state = mapper.encode(context, event)
            self.leaves.append(leaf(position, stream, version, event.type, state))
        return self


def leaf(position: int, stream: str, version: int, type_: str, state: bytes) -> bytes:
    """A leaf's bytes."""
    head = (
        f'{{"position":{position},"stream":"{stream}","version":{version},"type":"{type_}","event":'
    )
    return head.encode() + state + b"}"


def issue(license_id: str, slots: int = 2, expires_at: datetime | None = None) -> Command:
    return commands.IssueLicense(
        license=license_id,
        product="scanner",
        customer="acme",
        slots=slots,
        expires_at=expires_at,
        activation_key_sha256="0" * 64,
    )


def activate(deployment: str, license_id: str = "l") -> Command:
    return commands.Activate(deployment=deployment, license=license_id)


def register(deployment: str, license_id: str = "l", standby_for: str | None = None) -> Command:
    return commands.RegisterBackup(
        deployment=deployment, license=license_id, standby_for=standby_for
    )


def nominate(deployment: str, replaces: str | None = None, *, wait: bool = False) -> Command:
    return commands.NominateBackup(
        deployment=deployment, replaces=replaces, wait_for_release=wait, asked_at=START
    )


def story() -> History:
    """A failover: the shortest history that has nearly everything."""
    history = History()
    for command in (
        issue("l"),
        activate("a"),
        register("b", standby_for="a"),
        nominate("b", wait=True),
        register("a"),
        nominate("a", replaces="b"),
        activate("a"),  # quiet
        activate("c"),
        register("c"),  # refused
        commands.Deactivate(deployment="c"),
        register("d"),
        commands.UnregisterBackup(deployment="d"),
        commands.ResizeLicense(license="l", slots=1),
    ):
        history.do(command)
    return history


# --- Tree and notes -------------------------------------------------------------------------------


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """The root as RFC 6962, section 2.1, defines it."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\0" + leaves[0] if leaves else b"").digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


class Signer:
    """A log's key."""

    def __init__(self, origin: str = ORIGIN) -> None:
        self.origin = origin
        self._private = Ed25519PrivateKey.generate()
        self._public = self._private.public_key().public_bytes_raw()

    def id(self, algorithm: bytes = b"\1") -> bytes:
        named = self.origin.encode() + b"\n" + algorithm + self._public
        return hashlib.sha256(named).digest()[:4]

    @property
    def vkey(self) -> str:
        key = base64_of(b"\1" + self._public)
        return f"{self.origin}+{self.id().hex()}+{key}"

    def line(self, body: str) -> str:
        return self._line(self.id() + self._private.sign(body.encode()))

    def timed_line(self, body: str, at: datetime | int) -> str:
        time = at if isinstance(at, int) else int(at.timestamp())
        signature = self._private.sign(f"cosignature/v1\ntime {time}\n{body}".encode())
        return self._line(self.id(b"\4") + time.to_bytes(8, "big") + signature)

    def note(self, leaves: Sequence[bytes], at: datetime = SIGNED_AT) -> str:
        """A checkpoint of these leaves, signed as the product does."""
        body = f"{self.origin}\n{len(leaves)}\n{base64_of(naive_root(leaves))}\n"
        return f"{body}\n{self.line(body)}{self.timed_line(body, at)}"

    def _line(self, blob: bytes) -> str:
        return f"\N{EM DASH} {self.origin} {base64_of(blob)}\n"


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def tiles(leaves: Sequence[bytes]) -> dict[str, bytes]:
    """All hash tiles of a tree, by their paths."""
    found, level = {}, 0
    hashes = [hashlib.sha256(b"\0" + leaf_).digest() for leaf_ in leaves]
    while hashes:
        for start in range(0, len(hashes), 256):
            tile = hashes[start : start + 256]
            partial = f".p/{len(tile)}" if len(tile) < 256 else ""
            found[f"tile/{level}/{start // 256:03}{partial}"] = b"".join(tile)
        hashes = [
            subtree(hashes[start : start + 256])
            for start in range(0, len(hashes) // 256 * 256, 256)
        ]
        level += 1
    return found


def subtree(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    half = len(hashes) // 2
    return hashlib.sha256(b"\1" + subtree(hashes[:half]) + subtree(hashes[half:])).digest()


# --- Exports, and what is done to them ------------------------------------------------------------


def export(folder: Path, leaves: Sequence[bytes], note: str, *, with_tiles: bool = True) -> Path:
    """Write an export; the tiles are those of the leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "entries.ndjson").write_bytes(b"".join(each + b"\n" for each in leaves))
    (folder / "checkpoint").write_text(note, "utf-8")
    for path, tile in tiles(leaves).items() if with_tiles else ():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(tile)
    return folder


def changed(leaf_: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A leaf after a change to what it says, in the same layout."""
    entry = json.loads(leaf_)
    change(entry)
    return json.dumps(entry, separators=(",", ":")).encode()


def renumbered(leaves: Iterable[bytes]) -> list[bytes]:
    """Leaves whose positions and versions are dense: only rules of the product can be broken."""
    versions: dict[str, int] = {}
    done = []
    for position, each in enumerate(leaves, 1):
        entry = json.loads(each)
        versions[entry["stream"]] = versions.get(entry["stream"], 0) + 1
        entry |= {"position": position, "version": versions[entry["stream"]]}
        done.append(json.dumps(entry, separators=(",", ":")).encode())
    return done
