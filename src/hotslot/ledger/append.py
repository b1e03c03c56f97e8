"""The one way into the ledger: the call of `ledger.append`."""

from collections.abc import Mapping, Sequence

import msgspec

# Appends a batch with its checks and idempotency records: one round trip, one commit.
APPEND = "SELECT stale, repeated, head FROM ledger.append(%s, %s, %s)"


class AppendedEvent(msgspec.Struct, frozen=True):
    """An event to append; `state` are the very bytes that will be stored."""

    stream: str
    version: int
    type: str
    state: msgspec.Raw


class AnsweredRequest(msgspec.Struct, frozen=True):
    """A request with an Idempotency-Key; `last` counts the events of the batch up to its own."""

    actor: str
    key: str
    digest: str
    last: int
    answer: msgspec.Raw


_encode = msgspec.json.Encoder().encode


def append_arguments(
    checks: Mapping[str, int],
    events: Sequence[AppendedEvent],
    requests: Sequence[AnsweredRequest],
) -> tuple[str, str, str]:
    """The arguments of APPEND, as JSON: arrays of texts full of quotes are slow to send."""
    return _encode(checks).decode(), _encode(events).decode(), _encode(requests).decode()
