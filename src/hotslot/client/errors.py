"""What a call raises when it doesn't give what was asked, by what one can do then."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hotslot.client.results import Remedy


class HotslotError(Exception):
    """A call that did not give what was asked.

    `problem` is the answer as the server wrote it (RFC 9457: `type`, `title`, `status`, `detail`,
    `code`, `request_id` and what else there is); None when there was no answer.
    """

    problem: Mapping[str, Any] | None


class Refused(HotslotError):  # noqa: N818 - not a fault: an answer like any other
    """The server said no. Asking again in the same way gives the same answer."""

    problem: Mapping[str, Any]
    log_index: int | None
    """The receipt of a refusal that was recorded: its index in the log."""

    def __init__(self, problem: Mapping[str, Any], log_index: int | None = None) -> None:
        super().__init__(problem, log_index)
        self.problem = problem
        self.log_index = log_index

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"

    @property
    def code(self) -> str:
        """The stable name of the reason, such as `no-free-slot`; docs/refusals.md has them all."""
        return str(self.problem.get("code", ""))

    @property
    def detail(self) -> str:
        """What stands in the way, in a sentence or two for people."""
        return str(self.problem.get("detail") or self.problem.get("title") or "")

    @property
    def status(self) -> int:
        """The HTTP status of the answer, such as 409."""
        return int(self.problem.get("status", 0))

    @property
    def request_id(self) -> str | None:
        """The id under which the server's log has the request."""
        found = self.problem.get("request_id")
        return None if found is None else str(found)

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """What to do instead, in the order to try it; empty where there is nothing."""
        try:
            return msgspec.convert(self.problem.get("remedies") or (), tuple[Remedy, ...])
        except msgspec.ValidationError:
            return ()


class OutOfReach(HotslotError):  # noqa: N818
    """No server answered, or one did that can't serve just now: then `problem` is its answer.

    `repeat_with` is the idempotency key of a command that may or may not have been carried out:
    given as `idempotency_key`, repeating the command carries it out once at most. None for reads.
    """

    def __init__(
        self,
        what: str,
        problem: Mapping[str, Any] | None = None,
        repeat_with: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.problem = problem
        self.repeat_with = repeat_with


class Unreadable(HotslotError):  # noqa: N818
    """Something answered that this client does not understand, such as another server's page.

    `problem` tells of it as an answer would, with the code `unexpected-answer`; `repeat_with` is as
    in `OutOfReach`.
    """

    problem: Mapping[str, Any]

    def __init__(self, status: int, detail: str, repeat_with: str | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.repeat_with = repeat_with
        self.problem = {
            "title": "Unexpected answer",
            "status": status,
            "code": "unexpected-answer",
            "detail": detail,
        }

    def __str__(self) -> str:
        return self.detail
