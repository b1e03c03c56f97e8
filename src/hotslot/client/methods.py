"""Methods made of calls: each is written once, in `calls`, and becomes one of each client here."""

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, get_args

from hotslot.client.call import Call, Pages

T = TypeVar("T")
P = ParamSpec("P")


class Asks(Protocol):
    """What makes calls and waits for their answers."""

    def answer(self, call: Call[T]) -> T:
        """Make a call."""

    def items(self, pages: Pages[T]) -> Iterator[T]:
        """Read a list to its end, a page at a time."""


class AsksAsync(Protocol):
    """What makes calls and has their answers awaited."""

    def answer(self, call: Call[T]) -> Coroutine[Any, Any, T]:
        """Make a call."""

    def items(self, pages: Pages[T]) -> AsyncIterator[T]:
        """Read a list to its end, a page at a time."""


def answered(make: Callable[P, Call[T]]) -> Callable[Concatenate[Asks, P], T]:
    """Make a method that gives the answer."""

    @wraps(make)
    def method(self: Asks, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.answer(make(*args, **kwargs))

    return _signed(method, make)


def listed(make: Callable[P, Pages[T]]) -> Callable[Concatenate[Asks, P], Iterator[T]]:
    """Make a method that iterates over a list."""

    @wraps(make)
    def method(self: Asks, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self.items(make(*args, **kwargs))

    return _signed(method, make, Iterator[T])


def awaited(
    make: Callable[P, Call[T]],
) -> Callable[Concatenate[AsksAsync, P], Coroutine[Any, Any, T]]:
    """Make a method whose answer is awaited."""

    @wraps(make)
    def method(self: AsksAsync, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        return self.answer(make(*args, **kwargs))

    return _signed(method, make, Coroutine[Any, Any, T])


def listed_async(
    make: Callable[P, Pages[T]],
) -> Callable[Concatenate[AsksAsync, P], AsyncIterator[T]]:
    """Make a method that iterates over a list with `async for`."""

    @wraps(make)
    def method(self: AsksAsync, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return self.items(make(*args, **kwargs))

    return _signed(method, make, AsyncIterator[T])


Method = TypeVar("Method", bound=Callable[..., Any])


def _signed(method: Method, make: Callable[..., Any], gives: Any = None) -> Method:
    """Have `help` show what the method gives, and not the call that it makes."""
    made = inspect.signature(make)
    (result,) = get_args(made.return_annotation)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    method.__signature__ = made.replace(  # type: ignore[attr-defined]
        parameters=[own, *made.parameters.values()],
        return_annotation=result if gives is None else gives[result],
    )
    return method
