"""Entity tags that requests carry: RFC 9110, sections 8.8.3 and 13.1."""

import re

from starlette.requests import Request

from hotslot.api.headers import header
from hotslot.api.problems import invalid

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')


def if_match(request: Request) -> frozenset[str] | None:
    """The tags under which a command is to be carried out, or `*`; None is unconditionally.

    Weak tags are left out: they never match.

    Raises:
        ProblemError: 422 for what is no list of tags.

    """
    given = header(request, b"if-match")
    if given is None:
        return None
    if given.strip() == "*":
        return frozenset({"*"})
    parsed = [_TAG.fullmatch(part.strip()) for part in given.split(",")]
    if not all(parsed):
        raise invalid('If-Match takes `*` or entity tags such as "12-valid", in quotes.')
    return frozenset(tag[2] for tag in parsed if tag is not None and tag[1] is None)


def is_known(request: Request, etag: str) -> bool:
    """Whether the client has what `etag` names, by its If-None-Match.

    Weak tags count too: proxies that compress an answer weaken its tag.
    """
    given = header(request, b"if-none-match") or ""
    return given.strip() == "*" or etag in {f'"{tag[2]}"' for tag in _TAG.finditer(given)}
