"""Headers that pass the gate."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hotslot.node.gate.refusals import CallRefusedError

Headers = list[tuple[bytes, bytes]]

# Between two neighbors only (RFC 9110, 7.6.1), and what the gate says anew.
_NOT_PASSED = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
_SAID_ANEW = {
    b"expect",
    b"forwarded",
    b"host",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
}
# With these a product may serve another call than the one that the gate has decided about.
_OVERRIDES = {
    b"x-http-method",
    b"x-http-method-override",
    b"x-method-override",
    b"x-forwarded-prefix",
    b"x-forwarded-uri",
    b"x-original-uri",
    b"x-original-url",
    b"x-rewrite-url",
}
# In the variables of CGI and WSGI `_` is `-`, and to some every other mark is, too: a name with one
# may be another header to the product.
_PLAIN_NAME = re.compile(rb"[A-Za-z0-9-]+")
# MetaDefender Core's own: a client says with it which rule it wants.
_PLAIN_ENOUGH = {b"user_agent"}


def to_upstream(scope: Mapping[str, Any], host: bytes) -> Headers:
    """The headers of a request as the product gets them.

    Raises:
        CallRefusedError: one of them makes another call of it, or is one that programs read in
            two ways.

    """
    received: Headers = scope["headers"]
    for name, _ in received:
        _check_name(name)
    passed = _without(received, _NOT_PASSED | _SAID_ANEW)
    client = scope.get("client")
    hops = [value for name, value in received if name.lower() == b"x-forwarded-for"]
    hops += [client[0].encode("latin-1")] if client else []
    passed.append((b"host", host))
    passed += [(b"x-forwarded-host", value) for name, value in received if name.lower() == b"host"]
    passed.append((b"x-forwarded-proto", scope["scheme"].encode("ascii")))
    if hops:
        passed.append((b"x-forwarded-for", b", ".join(hops)))
    return passed


def _check_name(name: bytes) -> None:
    shown = name.decode("latin-1")
    if name.lower() in _OVERRIDES:
        raise CallRefusedError(
            400,
            f"The header {shown} is not passed on: it makes another call of this one. Make that "
            "call itself.",
        )
    if not _PLAIN_NAME.fullmatch(name) and name.lower() not in _PLAIN_ENOUGH:
        raise CallRefusedError(
            400,
            f"The header {shown} is not passed on: programs differ in what they take its name "
            "for. Names may have letters, digits and hyphens. Leave it out.",
        )


def to_client(received: Headers) -> Headers:
    """The headers of a response as the client gets them."""
    return _without(received, _NOT_PASSED)


def _without(headers: Headers, names: Iterable[bytes]) -> Headers:
    dropped = set(names)
    for name, value in headers:
        if name.lower() == b"connection":
            dropped.update(token.strip().lower() for token in value.split(b","))
    return [(name, value) for name, value in headers if name.lower() not in dropped]
