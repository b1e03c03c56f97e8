"""Brings an export up to a checkpoint, and proves on the way that it is what that says."""

import base64
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, NoReturn

import msgspec

from hotslot.checkpoints.note import NoteError, Verifier
from hotslot.cli.exports.errors import ExportError, WrongLogError
from hotslot.cli.exports.folder import CHECKPOINT, ENTRIES, KEYS, README, TAIL, TARGET, Folder
from hotslot.cli.exports.growing import GrowingTree, Tile
from hotslot.cli.exports.readme import readme
from hotslot.cli.exports.signed import Signed
from hotslot.cli.exports.source import Log
from hotslot.ledger.leaf import MAX_LEAF_BYTES
from projections.proofs.merkle import ProofError, leaf_hash, verify_consistency
from projections.proofs.tiles import ENTRIES as BUNDLES
from projections.proofs.tiles import TILE_WIDTH, bundle, tile_path

Progress = Callable[[int, int], None]
"""Told how many events are there and verified, and how many there will be."""

_NEWLINE = b"\n"


@dataclass(frozen=True)
class Exported:
    """A finished export."""

    checkpoint: Signed
    last_event_at: datetime | None
    """By the clock of whoever recorded it; None where the last entry doesn't say."""
    fetched: int
    """So many events were not there before."""


class _Context(msgspec.Struct):
    at: datetime


class _Event(msgspec.Struct):
    context: _Context


class _Leaf(msgspec.Struct):
    event: _Event


class Export:
    """One export under way.

    Every leaf is hashed, and compared with the hashes that the log's tiles hold; their root must be
    the one that the checkpoint was signed for. That goes for what an earlier export left, too.
    """

    def __init__(self, log: Log, folder: Folder, progress: Progress) -> None:
        self._log = log
        self._folder = folder
        self._told = progress
        self._tree = GrowingTree()
        self._chunk: list[bytes] = []
        """The leaves of the bundle that is not full yet."""
        self._last: bytes | None = None
        self.total = 0
        """So many there will be, once that is known."""

    @property
    def done(self) -> int:
        """So many events are there and verified."""
        return self._tree.size

    def run(self, at_least: int | None) -> Exported:
        """Export all that the newest checkpoint covers, or the first one over so many events.

        Raises:
            ExportError: it can't be done here.
            WrongLogError: the log contradicts itself, or the export that is there already.
            OSError: a file can't be written or read.

        """
        keys = self._log.keys()
        self._refuse_other_keys(keys)
        base = self._known(CHECKPOINT, keys)
        target = self._target(keys, at_least)
        for known in (base, self._known(TARGET, keys)):
            if known is not None:
                self._refuse_other_log(known, target, at_least)
        if base is not None and at_least is not None and base.size >= target.size:
            target = base  # it covers what is asked for
        self._folder.keep(KEYS, "".join(f"{key}\n" for key in keys).encode())
        self._folder.keep(TARGET, target.text.encode())
        self._folder.recover_entries()
        self.total = target.size
        with (self._folder.path / TAIL).open("a+b") as tail:
            if base is not None:
                self._take_base(base)
            self._take_tail(tail, target.size)
            before = self.done
            self._fetch(tail, target.size)
        self._finish(target)
        return Exported(target, _time_of(self._last), target.size - before)

    def _target(self, keys: tuple[Verifier, ...], at_least: int | None) -> Signed:
        try:
            target = self._log.checkpoint(keys, at_least)
        except NoteError as error:
            what = f"The server's checkpoint is not signed by its keys: {error}"
            raise WrongLogError(what) from None
        if target is None:
            covers = "" if at_least is None else f" over {at_least} events"
            raise ExportError(
                f"There is no checkpoint{covers} yet. One is signed within seconds of an event: "
                "try again then."
            )
        return target

    def _known(self, name: str, keys: tuple[Verifier, ...]) -> Signed | None:
        """The checkpoint that an earlier export has left."""
        content = self._folder.read(name)
        try:
            return None if content is None else Signed.read(content.decode(), keys)
        except (NoteError, UnicodeDecodeError) as error:
            if name == TARGET:
                return None  # nothing was ever verified by it
            raise ExportError(
                f"{self._folder.path / name} was signed by none of this server's keys ({error}). "
                "The export is of another log, or the log's keys were exchanged. Keep it, and "
                "export into another folder to compare."
            ) from None

    def _refuse_other_keys(self, keys: tuple[Verifier, ...]) -> None:
        known = self._folder.read(KEYS)
        if known is not None and not {str(key).encode() for key in keys} & set(known.splitlines()):
            raise ExportError(
                f"The export in {self._folder.path} is of a log with other keys. Name another "
                "folder; or if it should be the same log, ask who exchanged its keys, and why."
            )

    def _refuse_other_log(self, known: Signed, target: Signed, at_least: int | None) -> None:
        """Go on only if the target's log began as what is known of it."""
        where = self._folder.path
        if known.origin != target.origin:
            raise ExportError(
                f"The export in {where} is of the log {known.origin}, and this is {target.origin}. "
                "Name another folder."
            )
        if known.size > target.size:
            if at_least is not None:
                return
            raise WrongLogError(
                f"The export in {where} has a checkpoint over {known.size} events, and the server "
                f"has signed none over more than {target.size}. Its log was rolled back, or cut "
                "off. Keep the export: it is the evidence."
            )
        try:
            proof = []
            if known.size < target.size:
                proof = self._log.consistency(known.size, target.size)
            verify_consistency(known.size, target.size, known.root, target.root, proof)
        except ProofError as error:
            raise WrongLogError(
                f"The server's log over {target.size} events did not begin as the one over "
                f"{known.size} whose checkpoint is in {where}: its history was changed or forked. "
                f"({error}) Keep the export: it is the evidence."
            ) from None

    def _take_base(self, base: Signed) -> None:
        """Verify a finished export, which must be just as its checkpoint says."""
        with (self._folder.path / ENTRIES).open("rb") as entries:
            for leaves in _chunks(entries, base.size):
                if not self._is_kept(leaves):
                    self._refuse_changed(self.done)
                self._add(leaves)
            end = entries.tell()
        if (self.done, self._tree.root()) != (base.size, base.root):
            self._refuse_changed(self.done)
        # An update that was cut short in its last step has left more.
        os.truncate(self._folder.path / ENTRIES, end)

    def _take_tail(self, tail: BinaryIO, size: int) -> None:
        """Take over what an interrupted export has fetched, as far as whole bundles are good."""
        tail.seek(0)
        good = 0
        for leaves in _chunks(tail, size - self.done, begun=len(self._chunk)):
            whole = [*self._chunk, *leaves]
            if len(whole) < TILE_WIDTH or not self._is_kept(whole):
                break
            self._add(leaves)
            good += sum(len(leaf) + len(_NEWLINE) for leaf in leaves)
        tail.truncate(good)

    def _fetch(self, tail: BinaryIO, size: int) -> None:
        while self.done < size:
            begun = len(self._chunk)
            first = self.done - begun
            leaves = self._log.entries(first // TILE_WIDTH, min(TILE_WIDTH, size - first))
            for index, leaf in enumerate(leaves, first):
                if index < self.done and leaf != self._chunk[index - first]:
                    raise WrongLogError(f"Entry {index} is not what it was at first.", index)
                if _NEWLINE in leaf or len(leaf) > MAX_LEAF_BYTES:
                    raise WrongLogError(
                        f"Entry {index} is not one line: Hotslot has not written it.", index
                    )
            self._add(leaves[begun:])
            tail.writelines(leaf + _NEWLINE for leaf in leaves[begun:])

    def _add(self, leaves: list[bytes]) -> None:
        """Add the next leaves, which reach to the end of a bundle, or of the export."""
        self._chunk += leaves
        self._last = leaves[-1]
        for tile in self._tree.add([leaf_hash(leaf) for leaf in leaves]):
            self._settle(tile)
        if len(self._chunk) == TILE_WIDTH:
            self._keep_bundle()
            self._chunk = []
        self._told(self.done, self.total)

    def _settle(self, tile: Tile) -> None:
        """See to it that a tile is here, and that the log has the same."""
        content = b"".join(tile.hashes)
        if self._folder.read(tile.path) == content:
            return
        told = self._log.tile(tile.level, tile.number, len(tile.hashes))
        for place, (ours, theirs) in enumerate(zip(tile.hashes, told, strict=True)):
            if ours != theirs:
                index = tile.first_leaf(place)
                what = f"Entry {index} is" if tile.level == 0 else f"Entries from {index} are"
                raise WrongLogError(
                    f"{what} not what the log's tree was made of: the hash is {ours.hex()}, and "
                    f"{tile.path} says {theirs.hex()}.",
                    index,
                )
        self._folder.keep(tile.path, content)

    def _finish(self, target: Signed) -> None:
        partial_tiles = self._tree.partial_tiles()
        for tile in partial_tiles:
            self._settle(tile)
        wanted = {tile.path for tile in partial_tiles}
        if self._chunk:
            wanted.add(self._keep_bundle())
        if self._tree.root() != target.root:
            raise WrongLogError(
                f"The log's {target.size} entries agree with its tiles, but not with the "
                f"checkpoint that was signed over them: the root is {_base64(self._tree.root())} "
                f"instead of {_base64(target.root)}. The log was changed after that."
            )
        self._folder.keep(README, readme(target).encode())
        self._folder.finish(target.text.encode(), wanted)

    def _keep_bundle(self) -> str:
        index = (self.done - 1) // TILE_WIDTH
        where = tile_path(BUNDLES, index, len(self._chunk))
        self._folder.keep(where, bundle(self._chunk))
        return where

    def _is_kept(self, leaves: list[bytes]) -> bool:
        """Whether the tile over a bundle's leaves, those of the present chunk, is in the folder."""
        hashes = [leaf_hash(leaf) for leaf in leaves]
        tile = Tile(0, self.done // TILE_WIDTH, tuple(hashes))
        return self._folder.read(tile.path) == b"".join(hashes)

    def _refuse_changed(self, index: int) -> NoReturn:
        raise ExportError(
            f"The export in {self._folder.path} was changed since it was made, or is damaged, at "
            f"entry {index} or within the {TILE_WIDTH} from there. Keep it, and export into "
            "another folder."
        )


def _chunks(entries: BinaryIO, count: int, begun: int = 0) -> Iterator[list[bytes]]:
    """Read that many leaves, or those that there are, a bundle at a time.

    So many of the first bundle were read `begun` before. An end in the middle of a line is none.
    """
    while count > 0:
        leaves = []
        for _ in range(min(TILE_WIDTH - begun, count)):
            line = entries.readline(MAX_LEAF_BYTES + len(_NEWLINE))
            if not line.endswith(_NEWLINE):
                break
            leaves.append(line[: -len(_NEWLINE)])
        if not leaves:
            return
        yield leaves
        count -= len(leaves)
        begun = (begun + len(leaves)) % TILE_WIDTH


def _time_of(leaf: bytes | None) -> datetime | None:
    try:
        return None if leaf is None else msgspec.json.decode(leaf, type=_Leaf).event.context.at
    except msgspec.DecodeError:  # and what is none of Hotslot's: ValidationError
        return None


def _base64(hash_: bytes) -> str:
    return base64.b64encode(hash_).decode()
