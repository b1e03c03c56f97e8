"""From bytes to a tree of texts: the part of YAML that a license file may use, under limits.

No scalar becomes a number, a date or a truth value: YAML's own guesses (`yes`, `012`, `~`) stay the
text that they are. PyYAML's pure parser hands out one event at a time, so that a document that is
too deep or too big is left at the first limit.
"""

import contextlib
import re
from collections.abc import Generator, Iterator
from typing import TypeAlias

import yaml

from hotslot.licensefiles.errors import UnreadableLicenseFileError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 8
MAX_NODES = 500
MAX_BRACKETS = 500

Tree: TypeAlias = str | list["Tree"] | dict[str, "Tree"]

# Besides control characters, those that some versions of YAML take for the end of a line, and
# those that YAML has in escapes only: all readers see the same lines.
_UNWELCOME = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_QUOTED = 100

_WORDS = {
    "\r": ("it has carriage returns", "Convert it to LF line ends (dos2unix)."),
    "\x00": ("it has a NUL character in it", None),
    "\ufeff": ("it has a byte order mark in it", "Save it as UTF-8 without a BOM."),
    "\t": ("it has a tab in it", "Use spaces."),
}


def read_tree(source: str | bytes) -> dict[str, Tree]:
    """The mapping that the document is.

    Raises:
        UnreadableLicenseFileError: it is not, or uses what a license file may not use.

    """
    text = _text(source)
    with contextlib.closing(_events(text)) as events:
        builder = _Builder(text, events)
        return builder.document()


def _text(source: str | bytes) -> str:
    # Counted first: nobody's megabytes are decoded. A character takes at least a byte.
    if len(source) > MAX_BYTES:
        raise _too_large()
    if isinstance(source, bytes):
        try:
            text = source.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UnreadableLicenseFileError(
                f"it is not UTF-8 from byte {error.start} on", advice="Save it as UTF-8."
            ) from None
    else:
        text = source
        if _SURROGATE.search(text):
            raise UnreadableLicenseFileError("it has half a surrogate pair in it")
        if len(text.encode()) > MAX_BYTES:
            raise _too_large()
    unwelcome = _UNWELCOME.search(text)
    if unwelcome is not None:
        what, advice = _WORDS.get(
            unwelcome[0], (f"it has the character U+{ord(unwelcome[0]):04X} in it", None)
        )
        line = text.count("\n", 0, unwelcome.start()) + 1
        raise UnreadableLicenseFileError(what, line=line, advice=advice)
    # The parser reads far ahead, in quadratic time, before it hands out the first of many.
    if text.count("[") + text.count("{") > MAX_BRACKETS:
        raise UnreadableLicenseFileError(f"it has more than {MAX_BRACKETS} opening brackets")
    return text


def _too_large() -> UnreadableLicenseFileError:
    return UnreadableLicenseFileError(f"it is larger than {MAX_BYTES // 1024} KiB")


def _events(text: str) -> Generator[yaml.Event, None, None]:
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableLicenseFileError(
            f"it is not YAML: {_cut(error.problem or error.context or 'nothing is known')}",
            line=mark.line + 1 if mark else None,
        ) from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # Escapes and versions whose numbers are beyond what Python's own functions take.
        raise UnreadableLicenseFileError(
            "it is not YAML: there is a number in it that is too large"
        ) from None


class _Builder:
    """Makes the tree of the parser's events, and counts."""

    def __init__(self, text: str, events: Iterator[yaml.Event]) -> None:
        self._text = text
        self._events = events
        self._nodes = 0

    def document(self) -> dict[str, Tree]:
        """The one document, which is a mapping."""
        next(self._events)  # the stream's start
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            raise UnreadableLicenseFileError("there is nothing in it")
        # An unknown directive leaves no trace but the place where the document begins.
        assert start.start_mark is not None
        if self._text.startswith("%", start.start_mark.index):
            raise _refused(start, "it has a YAML directive (a line with %)")
        root = next(self._events)
        tree = self._node(root, depth=1)
        next(self._events)  # the document's end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _refused(after, "there is a second document in it")
        if not isinstance(tree, dict):
            raise _refused(root, "it does not consist of named fields")
        return tree

    def _node(self, event: yaml.Event, depth: int) -> Tree:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _refused(event, f"it has more than {MAX_NODES} values")
        if depth > MAX_DEPTH:
            raise _refused(event, f"it is nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            raise _refused(event, "it has a YAML alias (*)")
        assert isinstance(event, yaml.NodeEvent)
        if event.anchor is not None:
            raise _refused(event, "it has a YAML anchor (&)")
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.tag is not None:
            raise _refused(event, "it has a YAML tag (!)")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(depth)
        return self._mapping(depth)

    def _sequence(self, depth: int) -> list[Tree]:
        items: list[Tree] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return items

    def _mapping(self, depth: int) -> dict[str, Tree]:
        fields: dict[str, Tree] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name = self._node(event, depth + 1)
            if not isinstance(name, str):
                raise _refused(event, "a field's name is not plain text")
            if name in fields:
                raise _refused(event, f"the field {_cut(name)!r} is there twice")
            fields[name] = self._node(next(self._events), depth + 1)
        return fields


def _scalar(event: yaml.ScalarEvent) -> str:
    if _SURROGATE.search(event.value):
        raise _refused(event, "it has half a surrogate pair in it")
    return event.value


def _refused(event: yaml.Event, what: str) -> UnreadableLicenseFileError:
    assert event.start_mark is not None
    return UnreadableLicenseFileError(what, line=event.start_mark.line + 1)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}..."
