"""States of long streams, kept so that loading one reads its last few events only."""

import msgspec

from hotslot.domain.deployment import Deployment
from hotslot.domain.keys import Key
from hotslot.domain.license import License
from hotslot.domain.reads import Reader
from hotslot.domain.streams import State

FORMAT = 5
"""Raise it when the shape of a state changes: older snapshots are then passed over."""

EVERY = 200
"""Events on a stream after which a new snapshot of it is taken."""

# Keeps a snapshot, unless a newer one is there.
SAVE = """
INSERT INTO ledger.snapshots (stream, version, format, state)
VALUES (%s, %s, %s, %s)
ON CONFLICT (stream) DO UPDATE
   SET version = excluded.version, format = excluded.format, state = excluded.state
 WHERE snapshots.version < excluded.version OR snapshots.format <> excluded.format
"""

_KINDS: dict[str, type[License | Deployment | Key | Reader]] = {
    "license": License,
    "deployment": Deployment,
    "key": Key,
    "audit": Reader,
}


def encode(state: State) -> str:
    """The state as JSON."""
    return msgspec.json.encode(state).decode()


def decode(stream: str, state: str) -> State:
    """The state that was kept for a stream."""
    return msgspec.json.decode(state, type=_KINDS[stream.partition(":")[0]])
