"""What is handed to the writer, and what comes of it."""

from datetime import datetime

import msgspec

from hotslot.domain.asker import Asker
from hotslot.domain.commands import Command, States
from hotslot.domain.events import Recorded
from hotslot.domain.refusals import Explanation
from hotslot.ledger.leaf import MAX_LEAF_BYTES


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A client's name for one request: `digest` is the SHA-256 of what it asked, in hex."""

    actor: str
    key: str
    digest: str


class Submission(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A command with who asked it and how."""

    command: Command
    asker: Asker
    request_id: str
    trace_id: str | None = None
    source: str | None = None
    reason: str | None = None
    if_match: frozenset[str] | None = None
    """Tags of the license under which the command is to be carried out; None is any."""
    idempotency: IdempotencyKey | None = None
    sealed_secret: bytes | None = None
    """A secret of the answer, closed with something only the client has; see api.sealing."""


class Done(msgspec.Struct, frozen=True):
    """Carried out, or already so (then nothing is recorded)."""

    recorded: tuple[Recorded, ...]
    states: States
    """The streams that the decision rested on, after it."""
    head: int
    """The ledger's last position at this time."""
    at: datetime
    """When it was decided: what the answer shows is as of then."""
    license_before: int
    """Position of the last event that had changed the license before; 0 without a license."""


class Refused(msgspec.Struct, frozen=True):
    """Turned down by a rule."""

    explanation: Explanation
    recorded: tuple[Recorded, ...]
    head: int


class Repeated(msgspec.Struct, frozen=True):
    """The Idempotency-Key was used before, for the same request."""

    answer: "Answer"
    position: int


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of an answer: the rest is read from the projections as of its position."""

    at: datetime
    """When it was decided. A license that has expired since had not then."""
    refusal: Explanation | None = None
    replaced: str | None = None
    sealed_secret: bytes | None = None
    recorded: bool = False
    """Whether the event at its position is the last of its own."""


Outcome = Done | Refused | Repeated


class PreconditionFailedError(Exception):
    """The license has changed since the tag in `If-Match` was read. Holds the present tag."""

    def __init__(self, tag: str | None) -> None:
        super().__init__("The license has changed since the ETag in If-Match was read.")
        self.tag = tag


class EventTooLargeError(Exception):
    """What is to be recorded is larger than an event may be. Nothing was recorded."""

    def __init__(self, type_: str, size: int) -> None:
        """`size` is in bytes, that of the event's leaf."""
        super().__init__(
            f"The command's {type_} would take {size} bytes in the ledger, and an event may take "
            f"{MAX_LEAF_BYTES}."
        )
        self.type = type_
        self.size = size


NothingDone = PreconditionFailedError | EventTooLargeError
"""Why a submission was neither carried out nor refused by a rule, and left nothing behind."""


class IdempotencyKeyReusedError(Exception):
    """The Idempotency-Key was used for another request."""


class LedgerUnavailableError(Exception):
    """The ledger can't be reached. What was submitted may or may not have been recorded."""
