"""Calls on the ledger as a log: what was signed, and what proves that something is in it.

What they give is proof only once it is verified, with a key that came another way: docs/audit.md.
"""

import httpx

from hotslot.client.call import Call, path, shaped
from hotslot.client.results import ConsistencyProof, InclusionProof

_TEXT = "text/plain"
_INCLUSION = shaped(InclusionProof)
_CONSISTENCY = shaped(ConsistencyProof)


def _text(response: httpx.Response) -> str:
    if not response.headers.get("Content-Type", "").startswith(_TEXT):
        raise ValueError("no plain text")
    # Not `response.text`: that guesses at the encoding.
    return response.content.decode()


def _lines(response: httpx.Response) -> tuple[str, ...]:
    return tuple(_text(response).split())


def checkpoint(*, at_least: int | None = None) -> Call[str]:
    """Give the last checkpoint, a signed note; or the first of at least that many entries.

    Raises `Refused` with code no-checkpoint where there is none yet.
    """
    query = {} if at_least is None else {"at_least": at_least}
    return Call(method="GET", path=path("log", "checkpoint"), read=_text, query=query)


def keys() -> Call[tuple[str, ...]]:
    """Give the verifier keys of checkpoints, the newest first, as a tuple."""
    return Call(method="GET", path=path("log", "key"), read=_lines)


def proof(index: int) -> Call[InclusionProof]:
    """Give the `InclusionProof` of the entry at an index of the audit trail.

    A new entry's checkpoint is waited for, 3 s at most: `OutOfReach` with code checkpoint-behind is
    raised then, and it can be tried again.
    """
    return Call(method="GET", path=path("audit", "proof", str(index)), read=_INCLUSION)


def consistency(older: int, newer: int) -> Call[ConsistencyProof]:
    """Give the `ConsistencyProof` that the log of a size began as that of an older one."""
    query = {"from": older, "to": newer}
    return Call(method="GET", path=path("audit", "consistency"), read=_CONSISTENCY, query=query)
