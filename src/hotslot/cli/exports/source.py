"""The log of a server, as exports read it: C2SP's tlog-tiles under /v1/log, and two calls more."""

import base64
from collections.abc import Mapping, Sequence

import httpx

from hotslot.checkpoints.note import Verifier
from hotslot.cli.exports.errors import WrongLogError
from hotslot.cli.exports.growing import Tile
from hotslot.cli.exports.signed import Signed
from hotslot.client import Hotslot, OutOfReach, Refused
from hotslot.client.call import Asked, Call, Reader, T, as_object, path
from projections.proofs.merkle import HASH_BYTES
from projections.proofs.tiles import ENTRIES, LENGTH_BYTES, TILE_WIDTH, tile_path

_TILE = "application/octet-stream"
_NOT_FOUND = 404
_NOT_THERE = "not-found"
_LOST = "log-incomplete"
"""Answered for hashes while the tree is being made, and for entries when the ledger lacks them."""


class Log:
    """The log of one server. All methods raise what the client does."""

    def __init__(self, server: Hotslot) -> None:
        self._server = server

    def keys(self) -> tuple[Verifier, ...]:
        """The keys that the server says are the log's, newest first."""
        return self._get("key", _verifiers)

    def checkpoint(self, keys: Sequence[Verifier], at_least: int | None) -> Signed | None:
        """The newest checkpoint, or the first that covers so many events; None when none does.

        Raises:
            NoteError: none of the keys has signed it.

        """
        try:
            text = self._get("checkpoint", _text, at_least=at_least)
        except Refused as refused:
            if refused.status != _NOT_FOUND:
                raise
            return None
        return Signed.read(text, keys)

    def tile(self, level: int, index: int, width: int) -> tuple[bytes, ...]:
        """The hashes of a tile.

        Raises:
            WrongLogError: there are more or fewer than there must be, or none.

        """
        where = tile_path(level, index, width)
        content = self._signed(where, Tile(level, index, ()).first_leaf(0), (_NOT_THERE,))
        if len(content) != width * HASH_BYTES:
            raise WrongLogError(
                f"{where} has {len(content)} bytes instead of {width * HASH_BYTES}.",
                Tile(level, index, ()).first_leaf(0),
            )
        return tuple(content[i : i + HASH_BYTES] for i in range(0, len(content), HASH_BYTES))

    def entries(self, index: int, width: int) -> list[bytes]:
        """The leaves of a bundle.

        Raises:
            WrongLogError: there are more or fewer than there must be, or none.

        """
        where = tile_path(ENTRIES, index, width)
        content = self._signed(where, index * TILE_WIDTH, (_NOT_THERE, _LOST))
        leaves: list[bytes] = []
        begin = 0
        while begin < len(content) and len(leaves) < width:
            end = begin + LENGTH_BYTES + int.from_bytes(content[begin : begin + LENGTH_BYTES])
            leaves.append(content[begin + LENGTH_BYTES : end])
            begin = end
        if begin != len(content) or len(leaves) != width:
            raise WrongLogError(
                f"{where} does not hold {width} whole entries.", index * TILE_WIDTH + len(leaves)
            )
        return leaves

    def consistency(self, older: int, size: int) -> list[bytes]:
        """What proves that the log of a size began as an older one."""
        return self._ask(path("audit", "consistency"), _hashes, {"from": older, "to": size})

    def position_at(self, time: str) -> int:
        """The position of the last event that had happened at a time; 0 when none had."""
        return self._ask(path("audit"), _as_of, {"as_of": time, "limit": 1})

    def _signed(self, where: str, first: int, gone: tuple[str, ...]) -> bytes:
        """A tile that must be there: a checkpoint was signed over it."""
        try:
            return self._get(where, _bytes)
        except (Refused, OutOfReach) as error:
            if error.problem is None or error.problem.get("code") not in gone:
                raise
            raise WrongLogError(
                f"The server has signed a checkpoint over {where}, and does not give it: entries "
                f"from {first} on are gone. ({error.problem.get('detail')})",
                first,
            ) from None

    def _get(self, where: str, read: Reader[T], **query: Asked) -> T:
        return self._ask(path("log") + f"/{where}", read, query)

    def _ask(self, where: str, read: Reader[T], query: Mapping[str, Asked]) -> T:
        asked = {name: value for name, value in query.items() if value is not None}
        return self._server.answer(Call(method="GET", path=where, read=read, query=asked))


def _text(answer: httpx.Response) -> str:
    if not answer.headers.get("Content-Type", "").startswith("text/plain"):
        raise ValueError("no text")
    return answer.content.decode()


def _bytes(answer: httpx.Response) -> bytes:
    if not answer.headers.get("Content-Type", "").startswith(_TILE):
        raise ValueError("no tile")
    return answer.content


def _verifiers(answer: httpx.Response) -> tuple[Verifier, ...]:
    keys = tuple(Verifier.parse(line) for line in _text(answer).splitlines())
    if not keys:
        raise ValueError("no key")
    return keys


def _as_of(answer: httpx.Response) -> int:
    return int(as_object(answer)["as_of"])


def _hashes(answer: httpx.Response) -> list[bytes]:
    return [base64.b64decode(each, validate=True) for each in as_object(answer)["hashes"]]
