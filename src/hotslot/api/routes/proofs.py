"""Proofs: that an entry is in the record, and that the record has only grown."""

import base64
import re
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from hotslot.api import shapes
from hotslot.api.answers import answer
from hotslot.api.auth import authenticate
from hotslot.api.backend import backend_of
from hotslot.api.bulk_reads import note_trail_read
from hotslot.api.documentation import READ_ERRORS, proving, reading
from hotslot.api.fast_route import FastRoute
from hotslot.api.freshness import ProjectionBehindError
from hotslot.api.headers import header
from hotslot.api.problems import ProblemError, invalid
from hotslot.api.routes.log import last_checkpoint, no_checkpoint
from hotslot.checkpoints import store
from hotslot.checkpoints.store import Stored
from projections.proofs import queries as tree
from projections.proofs.merkle import leaf_hash
from projections.trail import queries as trail

router = APIRouter(route_class=FastRoute, prefix="/v1/audit", tags=["audit"])

TLOG_PROOF = "text/x-tlog-proof"

_INDEX_PATTERN = "^(0|[1-9][0-9]{0,17})$"
_INDEX = re.compile(_INDEX_PATTERN)

Index = Annotated[
    str, Path(pattern=_INDEX_PATTERN, description="Of the entry, as the trail has it.")
]
Format = Annotated[
    Literal["json", "tlog-proof"] | None,
    Query(description="Unset, it is as the Accept header asks for."),
]
# Read as text: as a number, more than one spelling would do, such as 1_0 and 01.
_SIZE_PATTERN = "^[1-9][0-9]{0,17}$"
_SIZE = re.compile(_SIZE_PATTERN)

Size = Annotated[
    str, Query(pattern=_SIZE_PATTERN, description="Of a checkpoint, in entries: a plain number.")
]


@router.get("/proof/{index}", **proving(shapes.InclusionProof, TLOG_PROOF))
async def prove_inclusion(request: Request, index: Index, format: Format = None) -> Response:  # noqa: A002 - the parameter's name
    """Prove that an entry is in the record, by the last checkpoint.

    An entry that is too new for it is waited for, for 3 s.
    """
    credential = await authenticate(request)
    credential.may("read-trail")
    position = _position(index)
    checkpoint = await _covering(request, position)
    asker = credential.asker
    if asker.is_limited:
        await backend_of(request).trail.wait_until(position)
    async with backend_of(request).pool.connection() as connection:
        if asker.is_limited:
            own = await trail.entries(connection, customer=asker.customer, cursor=index, limit=1)
            if [entry.position for entry in own.rows] != [position]:
                raise _no_entry()
        leaf = await tree.proven_leaf(connection, position - 1)
        hashes = await tree.inclusion_proof(connection, position - 1, checkpoint.size)
    await note_trail_read(request, credential, 1)
    wanted = format or ("tlog-proof" if TLOG_PROOF in (header(request, b"accept") or "") else None)
    if wanted == "tlog-proof":
        text = _tlog_proof(position - 1, leaf, hashes, checkpoint)
        return Response(text, media_type=TLOG_PROOF)
    proof = shapes.InclusionProof(
        index=position - 1,
        leaf_hash=_base64(leaf_hash(leaf)),
        size=checkpoint.size,
        hashes=[_base64(each) for each in hashes],
        checkpoint=checkpoint.note,
        entry=leaf.decode(),
    )
    return answer(request, proof, position=checkpoint.size)


@router.get("/consistency", **reading(shapes.ConsistencyProof, (*READ_ERRORS, 404)))
async def prove_consistency(
    request: Request,
    from_: Annotated[Size, Query(alias="from")],
    to: Size,
) -> Response:
    """Prove that the record of one size began as that of a smaller one: both are checkpoints'."""
    credential = await authenticate(request)
    credential.may("read-trail")
    older, newer = _size("from", from_), _size("to", to)
    if older > newer:
        raise invalid(f"from {older} is above to {newer}: the older and smaller size comes first.")
    checkpoint = await last_checkpoint(request)
    if newer > checkpoint.size:
        raise no_checkpoint(newer)
    await _grown(request, newer)
    async with backend_of(request).pool.connection() as connection:
        hashes = await tree.consistency_proof(connection, older, newer)
    proof = shapes.ConsistencyProof(
        from_=older, to=newer, hashes=[_base64(each) for each in hashes]
    )
    return answer(request, proof, position=checkpoint.size)


def _position(index: str) -> int:
    """The position of the entry at an index: positions count from 1, and indexes from 0."""
    if not _INDEX.fullmatch(index):
        raise invalid("index: it has to be a number, without zeros before it.")
    return int(index) + 1


def _size(name: str, size: str) -> int:
    if not _SIZE.fullmatch(size):
        raise invalid(f"{name}: it has to be a number from 1 on, without zeros before it.")
    return int(size)


async def _covering(request: Request, position: int) -> Stored:
    """The last checkpoint, once it is over the event at a position.

    Raises:
        ProblemError: 404 when there is no such event; 503 when no checkpoint comes in time.
        ProjectionBehindError: the tables of the tree are behind what was signed.

    """
    backend = backend_of(request)
    async with backend.pool.connection() as connection:
        found = await store.last(connection)
        if found is None or found.size < position:
            if position > await store.head(connection):
                raise _no_entry()
            found = None
    if found is None:
        try:
            await backend.checkpoints.wait_until(position)
        except ProjectionBehindError as error:
            raise ProblemError(
                503,
                "checkpoint-behind",
                "No checkpoint covers this yet",
                f"The last checkpoint is over {error.reached} entries, and the entry asked for is "
                "newer. Try again in a moment. If it stays so, the server's log says why.",
                Retry_After="2",
            ) from None
        found = await last_checkpoint(request)
    await _grown(request, found.size)
    return found


async def _grown(request: Request, size: int) -> None:
    """Wait for a tree that is behind what was signed: it is being built anew."""
    await backend_of(request).tree.wait_until(size)


def _tlog_proof(index: int, leaf: bytes, hashes: Sequence[bytes], checkpoint: Stored) -> str:
    """The proof in the form of C2SP's tlog-proof, with the entry itself as its extra data."""
    lines = [
        "c2sp.org/tlog-proof@v1",
        f"extra {_base64(leaf)}",
        f"index {index}",
        *map(_base64, hashes),
    ]
    return "".join(f"{line}\n" for line in lines) + f"\n{checkpoint.note}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _no_entry() -> ProblemError:
    return ProblemError(
        404, "not-found", "No such entry", "There is no entry at this index, or none to be seen."
    )
