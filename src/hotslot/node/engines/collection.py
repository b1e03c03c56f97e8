"""The engines of this instance: which are there, in which state, and which are in use."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from hotslot.domain.times import write_time
from hotslot.licensefiles import Keys
from hotslot.node.engines.book import Book, Note
from hotslot.node.engines.errors import (
    ContentInvalidError,
    EngineError,
    NotAllowedError,
    UnknownEngineError,
)
from hotslot.node.engines.forms import Limits, Listed, Manifest
from hotslot.node.engines.shelf import Deployed, Shelf
from hotslot.node.engines.signature_set import Signatures

State = Literal[
    "downloading",
    "downloaded",
    "staging",
    "production",
    "removed",
    "download failed",
    "content invalid",
]
"""How far the newest package of an engine has come. An earlier one may be in use all the while."""

COMPLETE = 100


@dataclass
class Row:
    """Where an engine is, for whoever asks."""

    name: str
    version: str
    """Of what is in use, or else of what is coming."""
    state: State
    progress: int = 0
    """Percent of the newest package that was downloaded."""
    reason: str | None = None
    """For a person: why it is not in production, or not the newest."""


class Collection:
    """All engines of this instance. Used from one event loop."""

    def __init__(self, folder: Path, may: Callable[[str], bool], limits: Limits) -> None:
        self._may = may
        self._shelf = Shelf(folder / "deployed", limits)
        self.book = Book(folder / "known.json")
        # Scans read it in threads of their own: it is replaced, and never changed.
        self._deployed: Mapping[str, Deployed] = {}
        self._rows: dict[str, Row] = {}
        self._deploying = asyncio.Lock()
        for engine, loaded in self._shelf.load().items():
            state: State = "production" if loaded.complaint is None else "content invalid"
            self._rows[engine] = Row(engine, "", state, COMPLETE, loaded.complaint)
            if loaded.deployed is not None:
                self._use(loaded.deployed, state, loaded.complaint)

    def listing(self) -> list[dict[str, Any]]:
        """Every engine by id, in the shape of `GET /stat/engines`."""
        return [self._listed(engine, row) for engine, row in sorted(self._rows.items())]

    def in_use(self) -> list[tuple[Manifest, Signatures]]:
        """The engines to scan with, by id. May be called in any thread."""
        return [
            (each.manifest, each.signatures)
            for engine, each in sorted(self._deployed.items())
            if self.book.note(engine).enabled
        ]

    def package_of(self, engine: str) -> str | None:
        """SHA-256 of the package whose version is in use."""
        deployed = self._deployed.get(engine)
        return None if deployed is None else deployed.package

    def ids(self) -> list[str]:
        """Every engine that is deployed."""
        return sorted(self._deployed)

    def show(
        self,
        engine: Listed | Manifest,
        state: State,
        *,
        progress: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Say where an engine's newest package is now."""
        row = self._rows.setdefault(engine.engine, Row(engine.name, engine.version, state))
        if engine.engine not in self._deployed:
            row.name, row.version = engine.name, engine.version
        row.state, row.reason = state, reason
        row.progress = row.progress if progress is None else progress

    def change(self, engine: str, **to: bool) -> None:
        """Enable, disable, pin or unpin an engine.

        Raises:
            UnknownEngineError: there is none of this id.
            EngineError: it can't be pinned, for no version is in use; or can't be written down.

        """
        if engine not in self._rows:
            raise UnknownEngineError(engine)
        if to.get("pinned") and engine not in self._deployed:
            raise EngineError(
                f"{engine} can't be pinned: no version of it is in use yet. Wait until it is."
            )
        self.book.change(engine, msgspec.structs.replace(self.book.note(engine), **to))

    async def deploy(
        self,
        package: Path,
        digest: str,
        keys: Keys,
        *,
        expected: Listed | None,
        at: datetime,
    ) -> str:
        """Put a package to use, and return its engine's id. `expected` is how an index lists it.

        Raises:
            NotAllowedError: the instance may not deploy engines now.
            ContentInvalidError: the package is not good.
            NotDeployedError: the disk is full, or alike.
            EngineError: the engine is pinned.

        """

        def approve(manifest: Manifest) -> None:
            NotAllowedError.unless(self._may, "engines.deploy")
            if self.book.note(manifest.engine).pinned:
                raise EngineError(
                    f"{manifest.engine} is pinned to its version. Unpin it first (POST "
                    f"/admin/engine/{manifest.engine}/unpin)."
                )
            _compare(manifest, expected)

        async with self._deploying:
            NotAllowedError.unless(self._may, "engines.deploy")
            if expected is not None:
                self.show(expected, "staging", progress=COMPLETE)
            deployed = await asyncio.to_thread(self._shelf.deploy, package, digest, keys, approve)
            self._use(deployed, "production", None)
            engine = deployed.manifest.engine
            note = self.book.note(engine)
            note = Note(note.enabled, note.pinned, expected is None, at)
            self.book.change(engine, note)
            return engine

    async def remove(self, engine: str) -> None:
        """Take an engine out of use, and its files away.

        Raises:
            NotAllowedError: the instance may not deploy engines now.
            NotDeployedError: its files can't be taken away; it is still in use.

        """
        async with self._deploying:
            NotAllowedError.unless(self._may, "engines.deploy")
            await asyncio.to_thread(self._shelf.remove, engine)
            self._deployed = {
                id_: deployed for id_, deployed in self._deployed.items() if id_ != engine
            }
            row = self._rows[engine]
            row.state, row.reason = "removed", "The publisher does not offer it anymore."

    def _use(self, deployed: Deployed, state: State, reason: str | None) -> None:
        manifest = deployed.manifest
        self._deployed = {**self._deployed, manifest.engine: deployed}
        row = Row(manifest.name, manifest.version, state, COMPLETE, reason)
        self._rows[manifest.engine] = row

    def _listed(self, engine: str, row: Row) -> dict[str, Any]:
        note, deployed = self.book.note(engine), self._deployed.get(engine)
        return {
            "active": deployed is not None and note.enabled,
            "def_time": None if deployed is None else write_time(deployed.manifest.made_at),
            "download_progress": row.progress,
            "download_time": None if note.downloaded_at is None else write_time(note.downloaded_at),
            "eng_id": engine,
            "eng_name": row.name,
            "eng_type": "Bundled engine",
            "eng_ver": row.version,
            "engine_type": "av",
            "pinned": note.pinned,
            "reason": row.reason,
            "state": row.state,
        }


def _compare(manifest: Manifest, expected: Listed | None) -> None:
    if expected is None:
        return
    for field in ("engine", "name", "type", "version"):
        if getattr(manifest, field) != getattr(expected, field):
            raise ContentInvalidError(
                f"The package is not the one that the index lists: its {field} is another. Have "
                "it published anew."
            )
