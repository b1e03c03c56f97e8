"""The ledger as a transparency log: checkpoints and tiles, as C2SP's tlog-tiles has them."""

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from hotslot.api.auth import Credential, authenticate
from hotslot.api.backend import backend_of
from hotslot.api.bulk_reads import note_bulk_read
from hotslot.api.documentation import public_text, tile_bytes
from hotslot.api.fast_route import FastRoute
from hotslot.api.problems import ProblemError, forbidden
from hotslot.checkpoints import store
from hotslot.checkpoints.keys import LogKeyError
from hotslot.checkpoints.store import Stored
from projections.proofs import queries as tree
from projections.proofs.queries import NotInTreeError
from projections.proofs.tiles import ENTRIES, TILE_BITS, TILE_WIDTH, bundle, tile_path, widths

router = APIRouter(route_class=FastRoute, prefix="/v1/log", tags=["log"])

PLAIN = "text/plain; charset=utf-8"
_NOT_TO_BE_KEPT = {"Cache-Control": "no-store"}
_NEVER_CHANGES = {"Cache-Control": "private, max-age=31536000, immutable"}

# A path of this form may still be none, with an x too few or a zero too many: it is compared with
# what it should be.
_TILE = re.compile(r"((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_LEVEL = re.compile(r"[0-9]|[1-5][0-9]|6[0-3]")

Size = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Entries, at least.")]
Level = Annotated[str, Path(description="0 to 63.")]
Tile = Annotated[
    str, Path(description="`x001/x234/067`, and `.p/<width>` for one that is not full.")
]


@router.get("/checkpoint", **public_text(PLAIN, "A signed checkpoint.", missing=True))
async def show_checkpoint(request: Request, at_least: Size = None) -> Response:
    """Show the last checkpoint, or the first of at least some size: a signed note."""
    async with backend_of(request).pool.connection() as connection:
        if at_least is None:
            found = await store.last(connection)
        else:
            found = await store.first_of(connection, at_least)
    if found is None:
        raise no_checkpoint(at_least or 1)
    return Response(found.note, headers=_NOT_TO_BE_KEPT, media_type=PLAIN)


@router.get("/key", **public_text(PLAIN, "Verifier keys, one a line, the newest first."))
async def show_keys(request: Request) -> Response:
    """Show the public keys that checkpoints are verified with, as verifier keys of signed notes."""
    backend = backend_of(request)
    try:
        keys = await backend.log_keys.verifiers(await backend.signer.origin())
    except LogKeyError:
        # Where keys lie is for whoever runs the server to know: the signer logs it.
        raise ProblemError(
            503,
            "log-keys-unreadable",
            "The log's keys can't be read",
            "The keys that checkpoints are verified with can't be read. The server's log says why.",
        ) from None
    return Response("".join(f"{key}\n" for key in keys), headers=_NOT_TO_BE_KEPT, media_type=PLAIN)


@router.get("/tile/entries/{tile:path}", **tile_bytes("Entries, each behind its length."))
async def show_entries(request: Request, tile: Tile) -> Response:
    """Show up to 256 entries, each behind its length in two bytes, the higher one first.

    Reading them is recorded, once an hour for each key.
    """
    credential = await _unlimited(request)
    index, width = await _within_checkpoint(request, ENTRIES, tile)
    await note_bulk_read(request, credential, "entries")
    async with backend_of(request).pool.connection() as connection:
        leaves = await tree.leaves(connection, index << TILE_BITS, width)
    return _never_changing(bundle(leaves))


@router.get("/tile/{level}/{tile:path}", **tile_bytes("Hashes of 32 bytes each."))
async def show_hashes(request: Request, level: Level, tile: Tile) -> Response:
    """Show up to 256 hashes of the Merkle tree; each is over 256 of the level below."""
    await _unlimited(request)
    if not _LEVEL.fullmatch(level):
        raise _no_tile()
    index, width = await _within_checkpoint(request, int(level), tile)
    async with backend_of(request).pool.connection() as connection:
        hashes = await tree.tile(connection, int(level), index, width)
    if hashes is None:
        raise NotInTreeError(f"The tree does not have this tile of level {level} yet.")
    return _never_changing(hashes)


def no_checkpoint(size: int) -> ProblemError:
    """No checkpoint is over so many entries, yet."""
    return ProblemError(
        404,
        "no-checkpoint",
        "No checkpoint yet",
        f"There is no checkpoint of {size} entries or more yet. The ledger's newest events are "
        "signed within seconds; see whether there are so many.",
    )


async def last_checkpoint(request: Request) -> Stored:
    """The newest checkpoint.

    Raises:
        ProblemError: 404 before the first.

    """
    async with backend_of(request).pool.connection() as connection:
        found = await store.last(connection)
    if found is None:
        raise no_checkpoint(1)
    return found


async def _unlimited(request: Request) -> Credential:
    """Go on only with a key that may read all of the trail: tiles have everybody's entries."""
    credential = await authenticate(request)
    credential.may("read-trail")
    if credential.asker.is_limited:
        raise forbidden("This key is limited to one customer, and the log has all of them.")
    return credential


async def _within_checkpoint(
    request: Request, level: int | Literal["entries"], path: str
) -> tuple[int, int]:
    """The index and the width of a tile that is part of what was signed.

    Raises:
        ProblemError: 404 for a path that is none, and for what is not there yet.

    """
    match = _TILE.fullmatch(path)
    # The framework passes over a line's end behind a path.
    if match is None or not request.scope["path"].endswith(path):
        raise _no_tile()
    index = int(match[1].replace("x", "").replace("/", ""))
    width = TILE_WIDTH if match[2] is None else int(match[2])
    if tile_path(level, index, width) != f"tile/{level}/{path}" or width > TILE_WIDTH:
        raise _no_tile()
    signed = (await last_checkpoint(request)).size
    full, partial = widths(0 if level == "entries" else level, signed)
    if index > full or (index == full and width > partial):
        raise _no_tile()
    return index, width


def _never_changing(content: bytes) -> Response:
    return Response(content, headers=_NEVER_CHANGES, media_type="application/octet-stream")


def _no_tile() -> ProblemError:
    return ProblemError(
        404,
        "not-found",
        "No such tile",
        "There is no such tile, or not yet: the size of the last checkpoint says which there are. "
        "Paths are written like tile/0/x001/x234/067, or tile/0/067.p/12 for 12 hashes of it.",
    )
