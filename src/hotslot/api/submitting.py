"""From an HTTP request to a submission."""

import hashlib
import re
from urllib.parse import unquote

from starlette.requests import Request

from hotslot.api import entity_tags, sealing
from hotslot.api.answers import note_receipt, position_of
from hotslot.api.auth import Credential
from hotslot.api.backend import backend_of
from hotslot.api.bodies import MAX_REASON, REASON_PATTERN
from hotslot.api.headers import header
from hotslot.api.metrics import REFUSALS, count_command
from hotslot.api.problems import invalid, request_id_of
from hotslot.domain.commands import Command
from hotslot.ledger.submission import (
    Done,
    IdempotencyKey,
    Outcome,
    Refused,
    Repeated,
    Submission,
)

# The Idempotency-Key draft has a quoted string; plain tokens are what clients send.
_IDEMPOTENCY_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?')
_REASON = re.compile(REASON_PATTERN)


async def submit(
    request: Request,
    credential: Credential,
    command: Command,
    reason: str | None = None,
    *,
    secret: str | None = None,
    dry_run: bool = False,
    once: bool = True,
) -> Outcome:
    """Have a command carried out for whoever sent the request, or only foreseen, as a dry run.

    `secret` is shown in the answer and kept sealed for a repeat of the request. `once` is for
    requests that are one command: the Idempotency-Key keeps the answer of one.
    """
    idempotency = await _idempotency_key(request, credential) if once else None
    header_reason = reason_of(request)  # looked at in any case: a bad one is an error
    sealed = None
    if secret is not None and idempotency is not None:
        sealed = sealing.seal(secret, credential.secret, idempotency.key)
    submission = Submission(
        command=command,
        asker=credential.asker,
        request_id=request_id_of(request),
        trace_id=request.scope["hotslot.trace_id"],
        source=_source(request),
        reason=reason if reason is not None else header_reason,
        if_match=entity_tags.if_match(request),
        idempotency=idempotency,
        sealed_secret=sealed,
    )
    writer = backend_of(request).writer
    if dry_run:
        return await writer.foresee(submission)
    outcome = await writer.submit(submission)
    note_receipt(request, outcome)
    _count(command, outcome)
    return outcome


async def submit_unasked(request: Request, credential: Credential, command: Command) -> int:
    """Have something recorded that a request brought about without asking for it.

    Returns the last position of the ledger. The request's conditions and its Idempotency-Key are
    not for this.
    """
    submission = Submission(
        command=command,
        asker=credential.asker,
        request_id=request_id_of(request),
        trace_id=request.scope["hotslot.trace_id"],
        source=_source(request),
    )
    outcome = await backend_of(request).writer.submit(submission)
    note_receipt(request, outcome)
    _count(command, outcome)
    return position_of(outcome)


def unsealed(request: Request, credential: Credential, sealed: bytes) -> str:
    """The secret of the first answer, for a repeated request."""
    key = idempotency_key_of(request)
    assert key is not None
    return sealing.unseal(sealed, credential.secret, key)


def reason_of(request: Request) -> str | None:
    """The reason in the header, for commands without a body; percent-encoding is undone.

    Raises:
        ProblemError: 422 for one that is too long or has control characters.

    """
    given = header(request, b"hotslot-reason")
    if given is None:
        return None
    reason = unquote(given)
    if len(reason) > MAX_REASON or not _REASON.fullmatch(reason):
        raise invalid(
            f"Hotslot-Reason may have {MAX_REASON} characters and no control characters. "
            "Percent-encode what is not ASCII."
        )
    return reason


def idempotency_key_of(request: Request) -> str | None:
    """The Idempotency-Key of a request, if it has one.

    Raises:
        ProblemError: 422 for one that is empty, too long or not visible ASCII.

    """
    given = header(request, b"idempotency-key")
    if given is None:
        return None
    match = _IDEMPOTENCY_KEY.fullmatch(given)
    if match is None:
        raise invalid("An Idempotency-Key has 1 to 255 visible ASCII characters.")
    return match[1]


async def _idempotency_key(request: Request, credential: Credential) -> IdempotencyKey | None:
    key = idempotency_key_of(request)
    if key is None:
        return None
    asked = hashlib.sha256()
    for part in (
        request.method.encode(),
        _target(request).encode(),
        (header(request, b"hotslot-reason") or "").encode(),
        await request.body(),
    ):
        asked.update(b"%d:" % len(part))
        asked.update(part)
    actor = credential.asker.actor
    return IdempotencyKey(f"{actor.kind}:{actor.id}", key, asked.hexdigest())


def _source(request: Request) -> str | None:
    return request.client.host if request.client else None


def _target(request: Request) -> str:
    url = request.url
    return f"{url.path}?{url.query}" if url.query else url.path


def _count(command: Command, outcome: Outcome) -> None:
    match outcome:
        case Done():
            became = "done" if outcome.recorded else "unchanged"
        case Refused():
            became = "refused"
            recorded = "true" if outcome.recorded else "false"
            REFUSALS.labels(outcome.explanation.code, recorded).inc()
        case Repeated():
            became = "repeated"
    count_command(command.name, became)
