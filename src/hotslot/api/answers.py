"""What every route needs to answer: JSON, positions, tags, refusals."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hotslot.api import problems, shapes
from hotslot.domain.license import tag
from hotslot.domain.refusals import Explanation
from hotslot.ledger.submission import Done, Outcome, Refused, Repeated

_encode = msgspec.json.Encoder().encode


def answer(request: Request, body: Any, *, position: int, status: int = 200) -> Response:
    """A JSON answer that shows the ledger as of `position`."""
    request.scope["hotslot.position"] = position
    headers = None
    if isinstance(body, shapes.License):
        headers = {"ETag": etag(body)}
    return Response(_encode(body), status, headers, "application/json")


def answer_to(request: Request, outcome: Outcome, body: Any, status: int = 200) -> Response:
    """The JSON answer to a command that was carried out, now or when it came first."""
    response = answer(request, body, position=position_of(outcome), status=status)
    return mark_repeated(response) if isinstance(outcome, Repeated) else response


def etag(license_: shapes.License) -> str:
    """The entity tag of a license: it changes with every change of the license, and only then."""
    return f'"{tag(license_.position, license_.status)}"'


def refusal_of(outcome: Outcome) -> Explanation | None:
    """The refusal, when the command was turned down, now or when it came first."""
    match outcome:
        case Refused():
            return outcome.explanation
        case Repeated():
            return outcome.answer.refusal
        case Done():
            return None


def position_of(outcome: Outcome) -> int:
    """The ledger position that the answer shows."""
    return outcome.position if isinstance(outcome, Repeated) else outcome.head


def note_receipt(request: Request, outcome: Outcome) -> None:
    """Have the answer say which entry of the log the request made, if it made any: the last one.

    The log has no gaps: an event's index is its position less one.
    """
    match outcome:
        case Repeated():
            position = outcome.position if outcome.answer.recorded else None
        case _:
            position = outcome.recorded[-1].position if outcome.recorded else None
    if position is not None:
        request.scope["hotslot.log_index"] = position - 1


def refuse(request: Request, outcome: Outcome, explanation: Explanation) -> Response:
    """Tell of a refusal."""
    request.scope["hotslot.position"] = position_of(outcome)
    response = problems.refusal(problems.request_id_of(request), explanation)
    return mark_repeated(response) if isinstance(outcome, Repeated) else response


def mark_repeated(response: Response) -> Response:
    """Say that this is the first answer over again."""
    response.headers["Idempotent-Replayed"] = "true"
    return response
