"""What every refusal has: a code, an HTTP status, an explanation, and the ways out."""

from typing import ClassVar

import msgspec

from hotslot.domain.remedies import Remedy


class Explanation(msgspec.Struct, frozen=True):
    """A refusal as it is told to people and kept for a repeated request."""

    code: str
    status: int
    title: str
    detail: str
    remedies: tuple[Remedy, ...]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A rule turned a command down.

    The remedies of some are others when the license is `imported`: it came in a license file, and
    calls that name it without one, or that change its terms, are refused.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]

    def detail(self) -> str:
        """What was refused and why, for a person."""
        raise NotImplementedError

    def remedies(self) -> tuple[Remedy, ...]:
        """What to do instead, in the order to try."""
        return ()

    def explain(self) -> Explanation:
        """All that there is to say about it."""
        return Explanation(self.code, self.status, self.title, self.detail(), self.remedies())
