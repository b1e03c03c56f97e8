"""Refusals about API keys."""

from hotslot.domain.refusals.refusal import Refusal
from hotslot.domain.remedies import Remedy


class KeyAlreadyExists(Refusal, frozen=True, kw_only=True):
    """An API key was to be made under an id that is in use."""

    code = "key-already-exists"
    status = 409
    title = "The key id is in use"
    key: str

    def detail(self) -> str:
        return f"A key {self.key} was made before; an id is used once."

    def remedies(self) -> tuple[Remedy, ...]:
        return (Remedy("choose-id", "Choose another id, or leave `id` out to get a fresh one."),)


class UnknownKey(Refusal, frozen=True, kw_only=True):
    """There is no such API key, or the actor may not see it."""

    code = "unknown-key"
    status = 404
    title = "Unknown API key"
    key: str

    def detail(self) -> str:
        return f"There is no API key {self.key} here that this key may see."
