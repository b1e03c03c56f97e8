"""Calls as data: what is to be asked, and how an answer to it is read. Nothing here sends anything.

Every method of both clients makes one of these; `exchange` says what becomes of it.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from hotslot.client.results import Page

T = TypeVar("T")
Json = dict[str, Any]
Reader = Callable[[httpx.Response], T]
"""Makes a result of an answer. Raises `ValueError` for one that can't be it."""
Asked = str | int | None

PAGE_SIZE = 200
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:@-]{0,127}")
_YAML = "application/yaml"


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One call. A client's `answer` makes it, and gives what `read` makes of the answer."""

    method: str
    path: str
    read: Reader[T]
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    once: str | None = None
    """The idempotency key; None for what changes nothing."""
    follows: bool = False
    """Whether the answer has to be as new as everything that the client has seen."""


@dataclass(frozen=True, kw_only=True)
class Pages(Generic[T]):
    """A list, which is read page by page. A client's `items` gives all that is on them."""

    path: str
    name: str
    of: type[T]
    query: Mapping[str, Asked]

    def page(self, cursor: str | None) -> Call[Page[T]]:
        """Ask for the page at a cursor; None for the first."""
        return reading(self.path, self._page, **self.query, limit=PAGE_SIZE, cursor=cursor)

    def _page(self, response: httpx.Response) -> Page[T]:
        body = msgspec.json.decode(response.content, type=dict[str, msgspec.Raw])
        if self.name not in body:
            raise msgspec.ValidationError(f"Object missing required field `{self.name}`")
        items = msgspec.json.decode(body[self.name], type=tuple[self.of, ...])  # type: ignore[name-defined]
        cursor = msgspec.json.decode(body.get("next", b"null"), type=str | None)
        return Page(items, cursor)


def reading(path: str, read: Reader[T], **query: Asked) -> Call[T]:
    """Make a read that follows the client's own writes; what is None is not asked."""
    given = {name: value for name, value in query.items() if value is not None}
    return Call(method="GET", path=path, read=read, query=given, follows=True)


def command(
    method: str,
    path: str,
    read: Reader[T],
    body: Json | None = None,
    *,
    reason: str | None,
    idempotency_key: str | None,
    query: Mapping[str, str | int] | None = None,
) -> Call[T]:
    """Make a call with one effect. The reason goes in the body, or in a header without one.

    Raises `ValueError` for an idempotency key that no header can carry.
    """
    once = idempotency_key or secrets.token_urlsafe(18)
    headers = {"Idempotency-Key": fits_a_header(once)}
    if reason is not None:
        line = " ".join(reason.split())
        if body is None:
            headers["Hotslot-Reason"] = quote(line, safe=" ,;:'()/")
        else:
            body = {**body, "reason": line}
    return Call(
        method=method,
        path=path,
        read=read,
        query=query or {},
        body=body,
        headers=headers,
        once=once,
    )


def path(*parts: str) -> str:
    """Build a path of the API, with each part escaped: `path("licenses", "x")`."""
    return "/v1/" + "/".join(quote(part, safe=":@~") for part in parts)


def path_of(room: str, id_: str, *more: str) -> str:
    """Build the path of one thing. Raises `ValueError` for what is no id."""
    return path(room, checked_id(id_), *more)


def checked_id(value: str) -> str:
    """Raise `ValueError` for an id that would make a path that of another resource."""
    if not _ID.fullmatch(value):
        raise ValueError(
            "an id has 1 to 128 letters, digits and . _ ~ - : @, and begins with a letter or digit"
        )
    return value


def fits_a_header(value: str) -> str:
    """Strip a key or a secret. Raises `ValueError` for one that no header can carry."""
    # The value may be secret, so the message doesn't repeat it.
    value = value.strip()
    if not (value and value.isascii() and value.isprintable()):
        raise ValueError("a key is empty or holds other than printable ASCII characters")
    return value


def credentials(key: str | None, activation_key: str | None) -> dict[str, str]:
    """Give the headers that say who asks. Raises `ValueError` for two keys, or an unfit one."""
    if key is not None and activation_key is not None:
        raise ValueError("give an API key or an activation key, not both")
    if activation_key is not None:
        return {"activation-key": fits_a_header(activation_key)}
    if key is not None:
        return {"Authorization": f"Bearer {fits_a_header(key)}"}
    return {}


def given(**fields: Any) -> Json:
    """Give the fields of a body that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def written(at: datetime | None) -> str | None:
    """Write a time as RFC 3339. Raises `ValueError` for one without a time zone."""
    if at is not None and at.tzinfo is None:
        raise ValueError(
            "give times with their time zone, such as datetime(2027, 1, 31, tzinfo=UTC)"
        )
    return None if at is None else at.isoformat()


def moment(as_of: int | datetime | None) -> Asked:
    """Write what a read is asked as of. Raises `ValueError` as `written` does."""
    return written(as_of) if isinstance(as_of, datetime) else as_of


def as_object(response: httpx.Response) -> Json:
    """Read an answer as the JSON object that it is, unnamed fields and all."""
    return msgspec.json.decode(response.content, type=Json)


def shaped(kind: type[T]) -> Reader[T]:
    """Make a reader of answers in one shape."""
    decode = msgspec.json.Decoder(kind).decode
    return lambda response: decode(response.content)


def license_file_text(response: httpx.Response) -> str:
    """Read an answer as the text of a license file, just as the server wrote it."""
    if not response.headers.get("Content-Type", "").startswith(_YAML):
        raise ValueError("no license file")
    # Not `response.text`: that guesses at the encoding.
    return response.content.decode()
