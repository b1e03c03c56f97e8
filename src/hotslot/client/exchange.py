"""What becomes of a call: which requests are sent, and what each answer or failure means.

This is one generator that sends nothing itself. A client sends what it yields and hands back what
came of it, so that the blocking and the asynchronous one can't differ in anything that matters.
"""

import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
import msgspec

from hotslot.client.call import Call, Json, as_object
from hotslot.client.errors import HotslotError, OutOfReach, Refused, Unreadable
from hotslot.client.results import Answered

T = TypeVar("T")
Received = httpx.Response | httpx.RequestError

# The connection was lost under a call that had been sent, or on its way.
_DROPPED = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
# Answered 503 too, but by a server that is well: someone has to act, not to wait.
_WELL = ("no-signing-key", "license-file-keys-unreadable", "log-keys-unreadable")
_BEHIND = "projection-behind"
_TRIES_WHEN_BEHIND = 10
_SERVER_AT_FAULT = 500


@dataclass(frozen=True)
class Request:
    """What is to be sent."""

    method: str
    path: str
    query: Mapping[str, str | int]
    body: Json | None
    headers: Mapping[str, str] = field(repr=False)


class Seen:
    """The highest position that any answer to a client has shown. Threads may share it."""

    def __init__(self) -> None:
        self.position = 0
        self._one_at_a_time = threading.Lock()

    def note(self, header: str | None) -> None:
        """Take in the `Hotslot-Position` of an answer, if it has one."""
        if header is not None and header.isdecimal():
            with self._one_at_a_time:
                self.position = max(self.position, int(header))


def exchange(
    call: Call[T], headers: Mapping[str, str], seen: Seen, address: str
) -> Generator[Request, Received, T]:
    """Yield the requests that a call takes; give what its answer is read as.

    Raises `Refused`, `OutOfReach` and `Unreadable`.
    """
    query = dict(call.query)
    if call.follows and seen.position:
        query["min_position"] = seen.position
    request = Request(call.method, call.path, query, call.body, {**headers, **call.headers})
    tries = 1
    while True:
        received = yield request
        if isinstance(received, _DROPPED):
            # Once more: reads change nothing, and commands carry an idempotency key.
            received = yield request
        if isinstance(received, httpx.RequestError):
            raise _no_answer(call, received, address) from received
        seen.note(received.headers.get("Hotslot-Position"))
        if received.is_success:
            return _read(call, received, address)
        failure = _failure(call, received, address)
        # The server has waited for a second before it gave up, so this need not wait.
        if not _is_behind(failure) or not call.follows or tries == _TRIES_WHEN_BEHIND:
            raise failure
        tries += 1


def _read(call: Call[T], response: httpx.Response, address: str) -> T:
    try:
        result = call.read(response)
    except msgspec.ValidationError as error:
        what = f"{_told(call, response, address)}, but with a body of another shape: {error}."
        raise Unreadable(response.status_code, what, call.once) from error
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise _not_hotslots(call, response, address) from error
    index = _log_index(response)
    if index is not None and isinstance(result, Answered):
        return msgspec.structs.replace(result, log_index=index)
    return result


def _log_index(response: httpx.Response) -> int | None:
    header = response.headers.get("Hotslot-Log-Index", "")
    return int(header) if header.isdecimal() else None


def _failure(call: Call[T], response: httpx.Response, address: str) -> HotslotError:
    """Say why an answer doesn't give what was asked."""
    status = response.status_code
    try:
        problem = as_object(response)
    except (ValueError, msgspec.DecodeError, RecursionError):
        problem = {}
    if "code" not in problem:
        failure = _not_hotslots(call, response, address)
        if status < _SERVER_AT_FAULT:
            return failure
        # Most likely the page of a proxy in front of it.
        problem = dict(failure.problem)
    if status >= _SERVER_AT_FAULT and problem["code"] not in _WELL:
        what = problem.get("detail") or problem.get("title") or problem["code"]
        return OutOfReach(str(what), problem, call.once)
    return Refused({**problem, "status": status}, _log_index(response))


def _no_answer(call: Call[T], error: httpx.RequestError, address: str) -> HotslotError:
    if isinstance(error, httpx.TimeoutException):
        return OutOfReach(f"{address} gave no answer in time.", None, call.once)
    return OutOfReach(f"No server answers at {address} ({error}).", None, call.once)


def _not_hotslots(call: Call[T], response: httpx.Response, address: str) -> Unreadable:
    """Describe an answer of a proxy, or of another server altogether."""
    what = (
        f"{_told(call, response, address)} without a Hotslot body. "
        "Is this the address of a Hotslot server?"
    )
    return Unreadable(response.status_code, what, call.once)


def _told(call: Call[T], response: httpx.Response, address: str) -> str:
    status = f"{response.status_code} {response.reason_phrase}".strip()
    return f"{call.method} {call.path} at {address} was answered {status}"


def _is_behind(failure: HotslotError) -> bool:
    return (
        isinstance(failure, OutOfReach)
        and failure.problem is not None
        and failure.problem.get("code") == _BEHIND
    )
