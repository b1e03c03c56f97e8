"""Both clients behind one face, so that one suite holds both."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hotslot.client import AsyncHotslot, Hotslot, awaiting

VARIANTS = ("blocking", "awaiting")
Connect = Callable[..., Any]


class Awaited:
    """An `AsyncHotslot`, or a room of one, whose answers are awaited here."""

    def __init__(self, target: Any, runner: asyncio.Runner):
        self._target = target
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if inspect.ismethod(found):
            return lambda *args, **kwargs: self._settled(found(*args, **kwargs))
        return self._settled(found)

    def _settled(self, given: Any) -> Any:
        if inspect.iscoroutine(given):
            return self._settled(self._runner.run(given))
        if isinstance(given, AsyncIterator):
            return self._stepped(given)
        if type(given).__module__ == awaiting.__name__:
            return Awaited(given, self._runner)
        return given

    def _stepped(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        async def step() -> Any:
            return await anext(items)

        while True:
            try:
                item = self._runner.run(step())
            except StopAsyncIteration:
                return
            yield item


@contextmanager
def connecting(variant: str) -> Iterator[Connect]:
    """Makes clients of one variant, and closes them in the end."""
    if variant == "blocking":
        clients: list[Hotslot] = []

        def connect(*args: Any, **kwargs: Any) -> Any:
            clients.append(Hotslot(*args, **kwargs))
            return clients[-1]

        try:
            yield connect
        finally:
            for client in clients:
                client.close()
        return
    others: list[AsyncHotslot] = []
    with asyncio.Runner() as runner:

        def connect_async(*args: Any, **kwargs: Any) -> Any:
            others.append(AsyncHotslot(*args, **kwargs))
            return Awaited(others[-1], runner)

        try:
            yield connect_async
        finally:
            for other in others:
                runner.run(other.aclose())
