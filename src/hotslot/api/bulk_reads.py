"""Reads of the record in bulk: each stands in the record itself, before anything is handed out."""

import time
from typing import Literal

from starlette.requests import Request

from hotslot.api.auth import Credential
from hotslot.api.backend import backend_of, utc_now
from hotslot.api.submitting import submit_unasked
from hotslot.domain.commands import NoteExport
from hotslot.domain.events import AuditExported, audit_stream
from hotslot.domain.reads import Reader, is_noted

Via = Literal["entries", "trail"]


async def note_bulk_read(request: Request, credential: Credential, via: Via) -> None:
    """Record that the credential's key reads in bulk, unless that was recorded within the hour.

    To be awaited before the answer: what can't be recorded is not to be handed out. While it is
    recorded already this costs nothing.

    Raises:
        LedgerUnavailableError: the database is out of reach: 503.

    """
    backend = backend_of(request)
    key = credential.asker.actor.id
    reader = (await backend.writer.load(audit_stream(key))).state
    assert reader is None or isinstance(reader, Reader)
    if not is_noted(reader, utc_now()):
        exported = AuditExported(key=key, via=via, position=backend.known_position)
        await submit_unasked(request, credential, NoteExport(exported=exported))


async def note_trail_read(request: Request, credential: Credential, entries: int) -> None:
    """Count entries of the trail that are to be handed out; many within an hour are noted.

    Raises:
        LedgerUnavailableError: the database is out of reach: 503.

    """
    reads = backend_of(request).trail_reads
    if reads.add(credential.asker.actor.id, entries, time.monotonic()):
        await note_bulk_read(request, credential, "trail")
