"""A server that must fail: it answers each batch of commands before it appends it.

It is always a few batches behind with its appending. So whenever it is killed, it has answered
something that is nowhere.
"""

from collections import deque
from typing import Any

from psycopg import AsyncConnection

import hotslot.api.backend
from hotslot.cli.main import run
from hotslot.ledger.plan import Plan
from hotslot.ledger.tail import head
from hotslot.ledger.writer import Writer

BEHIND = 10


class HastyWriter(Writer):
    """A writer that acknowledges before it appends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._owed: deque[Plan] = deque()

    async def _append(self, connection: AsyncConnection[Any], batch: list[Any]) -> list[Any]:
        plan, rest = await self._decide(connection, batch, fresh=False)
        self._settle(plan, batch, await head(connection))
        self._owed.append(plan)
        if len(self._owed) > BEHIND:
            await self._send(connection, self._owed.popleft())
        return rest


if __name__ == "__main__":
    hotslot.api.backend.Writer = HastyWriter  # type: ignore[attr-defined]
    run()
