"""How the commands talk to a server: by the client that programs use, with the API's JSON kept.

`--json` prints an answer as it came, and tables show fields that no release of this client knows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypedDict

from hotslot.client import Hotslot, HotslotError, OutOfReach
from hotslot.client.call import (
    Asked,
    Json,
    as_object,
    command,
    fits_a_header,
    license_file_text,
    path,
    reading,
)

__all__ = ["Answer", "Client", "Json", "Who", "connect", "credentials", "exit_status", "path"]

PAGE = 1000


def exit_status(failure: HotslotError) -> int:
    """Give what the process ends with."""
    return 3 if isinstance(failure, OutOfReach) else 1


class Who(TypedDict, total=False):
    """Who asks: one of the two, or nobody."""

    key: str
    activation_key: str


@dataclass(frozen=True)
class Answer:
    """What the server said to a command."""

    body: Json


@dataclass(frozen=True)
class Client:
    """Calls to one server under one key. `connect` makes it; `acting_as` changes the key.

    Every method raises `Refused`, `OutOfReach` and `Unreadable`.
    """

    hotslot: Hotslot

    def acting_as(self, *, key: str | None = None, activation_key: str | None = None) -> "Client":
        """Give the same connection with other credentials; positions seen are shared."""
        return Client(self.hotslot.acting_as(key=key, activation_key=activation_key))

    def get(self, path: str, **query: Asked) -> Json:
        """Read `path`, at least as new as everything this process has seen."""
        return self.hotslot.answer(reading(path, as_object, **query))

    def pages(self, path: str, items: str, limit: int | None, **query: Asked) -> Json:
        """Read a list page by page until it ends or holds `limit` items, if there is a limit."""
        found: list[Any] = []
        cursor: str | None = None
        while True:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            page = self.get(path, **query, limit=size, cursor=cursor)
            found += page[items]
            cursor = page.get("next")
            if cursor is None or len(found) == limit:
                return {**page, items: found}

    def command(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Ask for a change. The reason goes in the body, or in a header where there is none."""
        call = command(
            method, path, as_object, body, reason=reason, idempotency_key=idempotency_key
        )
        return Answer(self.hotslot.answer(call))

    def file(
        self,
        path: str,
        deployment: str | None = None,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Have a license file made; gives its text as the server wrote it."""
        call = command(
            "GET",
            path,
            license_file_text,
            query={} if deployment is None else {"deployment": deployment},
            reason=reason,
            idempotency_key=idempotency_key,
        )
        return self.hotslot.answer(call)


def credentials(*, key: str | None = None, activation_key: str | None = None) -> Who:
    """Give what `connect` takes to say who asks: an API key, or an activation key instead.

    Raises `ValueError` for one that no header can carry.
    """
    if activation_key is not None:
        return {"activation_key": fits_a_header(activation_key)}
    return {} if key is None else {"key": fits_a_header(key)}


@contextmanager
def connect(url: str, who: Who) -> Iterator[Client]:
    """Open a client for the server at `url`; nothing is sent until the first call."""
    with Hotslot(url, **who) as hotslot:
        yield Client(hotslot)
