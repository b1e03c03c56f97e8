"""The API keys, in memory and kept fresh by the tail."""

import hashlib
import itertools
from typing import Any

import msgspec
from psycopg import AsyncConnection

from hotslot.domain.events import KeyCreated, KeyRevoked, Recorded
from hotslot.domain.keys import Key, KeyRole, evolve
from hotslot.ledger import mapper

# Every event of every API key.
READ_KEYS = """
SELECT position, stream, version, type, state::text
  FROM ledger.events WHERE type IN ('key.created', 'key.revoked') ORDER BY position
"""


def digest(secret: str) -> str:
    """What is stored of a secret: its SHA-256, in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Keyring:
    """All keys by id, and those that are in force by the digest of their secret."""

    def __init__(self) -> None:
        self._by_id: dict[str, Key] = {}
        self._by_digest: dict[str, Key] = {}
        self._made_at: dict[str, int] = {}
        self._revoked_at: dict[str, int] = {}
        """Positions, for the keys as they were."""
        self._revoked_early: dict[str, Recorded] = {}
        """Revocations that came before word of the key itself, which another process has made."""

    async def load(self, connection: AsyncConnection[Any]) -> None:
        """Read all keys from the ledger."""
        cursor = await connection.execute(READ_KEYS)
        async for row in cursor:
            self.apply(mapper.decode(*row))

    def apply(self, recorded: Recorded) -> None:
        """Take in an event; those that are no key's, or known already, change nothing."""
        if not isinstance(recorded.event, KeyCreated | KeyRevoked):
            return
        before = self._by_id.get(recorded.event.key)
        if before is None and isinstance(recorded.event, KeyRevoked):
            self._revoked_early[recorded.event.key] = recorded
            return
        if before is not None and before.revoked_at is not None:
            return  # for good, though the tail may tell of its making once more
        key = evolve(before, recorded)
        assert key is not None
        self._note(recorded)
        if (revoked := self._revoked_early.pop(key.id, None)) is not None:
            key = evolve(key, revoked)
            assert key is not None
            self._note(revoked)
        self._by_id[key.id] = key
        if key.revoked_at is None:
            self._by_digest[key.sha256] = key
        else:
            self._by_digest.pop(key.sha256, None)

    def find(self, secret: str) -> Key | None:
        """The key with this secret, if there is one and it is in force."""
        return self._by_digest.get(digest(secret))

    def has_admin(self) -> bool:
        """Whether a key is in force that may do everything."""
        return any(
            key.role is KeyRole.ADMIN and key.customer is None for key in self._by_digest.values()
        )

    def _note(self, recorded: Recorded) -> None:
        if isinstance(recorded.event, KeyCreated):
            self._made_at[recorded.event.key] = recorded.position
        elif isinstance(recorded.event, KeyRevoked):
            self._revoked_at[recorded.event.key] = recorded.position

    def page(
        self, customer: str | None, after: str | None, limit: int, position: int | None = None
    ) -> list[Key]:
        """Keys in the order of their ids, behind one id; those of one customer, if given.

        With a position they are as they were then.
        """
        ids = sorted(id_ for id_ in self._by_id if after is None or id_ > after)
        keys = (self._by_id[id_] if position is None else self._as_of(id_, position) for id_ in ids)
        fitting = (key for key in keys if key is not None and customer in (None, key.customer))
        return list(itertools.islice(fitting, limit))

    def _as_of(self, key_id: str, position: int) -> Key | None:
        if self._made_at[key_id] > position:
            return None
        key = self._by_id[key_id]
        if self._revoked_at.get(key_id, 0) > position:
            return msgspec.structs.replace(key, revoked_at=None)
        return key

    def get(self, key_id: str) -> Key | None:
        """The key of this id, revoked ones too."""
        return self._by_id.get(key_id)
