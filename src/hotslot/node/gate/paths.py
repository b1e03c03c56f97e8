"""Paths, as whoever serves them will read them.

Products differ in how they read some: one takes `//file` for `/file`, another does not. The gate
must not decide about one path while the product serves another, so it passes none of these on.
"""

import re
from urllib.parse import unquote_to_bytes

from hotslot.node.gate.refusals import CallRefusedError

# RFC 3986's characters of a path, without the `;` that some servers cut a path at.
_PLAIN = re.compile(rb"/(?:[A-Za-z0-9\-._~!$&'()*+,=:@/]|%[0-9A-Fa-f]{2})*")
_ENCODED_SEPARATOR = re.compile(rb"%(?:2f|5c|3b)", re.IGNORECASE)
_ENCODED_TWICE = re.compile(rb"%25[0-9A-Fa-f]{2}")


def read_path(raw: bytes) -> str:
    """The decoded path of a request target, without its query.

    Raises:
        CallRefusedError: another program may read another path from it.

    """
    if not _PLAIN.fullmatch(raw):
        raise _ambiguous("characters that have to be percent-encoded, or a semicolon")
    if _ENCODED_SEPARATOR.search(raw):
        raise _ambiguous("an encoded slash, backslash or semicolon")
    if _ENCODED_TWICE.search(raw):
        raise _ambiguous("what was percent-encoded twice")
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise _ambiguous("bytes that are not UTF-8") from None
    if not path.isprintable():
        raise _ambiguous("characters that can't be seen")
    segments = path.split("/")[1:]
    if "" in segments[:-1]:
        raise _ambiguous("two slashes in a row")
    if any(segment.endswith((".", " ")) for segment in segments):
        # With `.` and `..`, also the names that some systems cut their end off.
        raise _ambiguous("a part that ends in a dot or a space")
    return path


def _ambiguous(what: str) -> CallRefusedError:
    return CallRefusedError(
        400,
        f"This path is not passed on, since it has {what}: programs differ in what they take it "
        "for. Write it in its plain form.",
    )
