"""Commands on API keys."""

from collections.abc import Iterator
from datetime import datetime

from hotslot.domain import keys, refusals
from hotslot.domain.asker import Asker
from hotslot.domain.commands.command import Command, States
from hotslot.domain.events import KeyCreated, key_stream
from hotslot.domain.license import Decision, License


class CreateKey(Command, frozen=True, kw_only=True):
    """Make an API key."""

    name = "create-key"
    created: KeyCreated

    def reads(self, known: States) -> Iterator[str]:
        yield key_stream(self.created.key)

    def license_of(self, states: States) -> License | None:
        return None

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        return keys.create(states.key(self.created.key), self.created)


class RevokeKey(Command, frozen=True, kw_only=True):
    """Revoke an API key."""

    name = "revoke-key"
    key: str

    def reads(self, known: States) -> Iterator[str]:
        yield key_stream(self.key)

    def license_of(self, states: States) -> License | None:
        return None

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        key = states.key(self.key)
        if key is None or asker.customer not in (None, key.customer):
            return refusals.UnknownKey(key=self.key)
        return keys.revoke(key)
