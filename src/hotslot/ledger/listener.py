"""Hears PostgreSQL's notifications as they come, at the cost of a socket read each.

psycopg's own generator of notifications is built anew for every wait, which costs more than all
else that the tail does.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection


class Listener:
    """Calls `heard` with channel and payload, while the event loop runs and the block lasts.

    The connection is for listening only: nothing else may be executed on it meanwhile.
    """

    def __init__(self, connection: AsyncConnection[Any], heard: Callable[[str, str], None]) -> None:
        self._connection = connection
        self._heard = heard
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails when the connection is lost."""

    def __enter__(self) -> Self:
        self._file = self._connection.fileno()
        asyncio.get_running_loop().add_reader(self._file, self._read)
        # What came while LISTEN was executed waits in the connection already.
        self._hand_out()
        return self

    def __exit__(self, *_: object) -> None:
        if self.lost.done():
            self.lost.exception()  # it has been looked at
        else:
            asyncio.get_running_loop().remove_reader(self._file)

    def _read(self) -> None:
        try:
            self._connection.pgconn.consume_input()
        except psycopg.OperationalError as error:
            # Now or never: the file is closed with this, and its number may be another one's next.
            asyncio.get_running_loop().remove_reader(self._file)
            self.lost.set_exception(error)
            return
        self._hand_out()

    def _hand_out(self) -> None:
        while (notify := self._connection.pgconn.notifies()) is not None:
            self._heard(notify.relname.decode(), notify.extra.decode())
