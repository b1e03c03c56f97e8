"""The sentences of the specification, and which test holds each."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

SPECIFICATION = Path(__file__).parents[2] / "docs" / "specification.txt"

Test = TypeVar("Test", bound=Callable[..., object])

quoted: dict[str, list[str]] = {}
"""Sentences that tests hold, with the names of the tests."""

_MARKER = re.compile(r"^(?:•|\d+\.)\s+")
# A sentence ends at a full stop that is followed by a capital letter; "5.0.0" and ".yml" go on.
_END = re.compile(r"(?<=\.)\s+(?=[A-Z])")

# What needs no test here, and why.
HEADINGS = "heading"
PURPOSE = "says what it is for; the sentences after it say how"
FURNITURE = "left over from the page that the specification was taken from"

WITHOUT_TEST: dict[str, str] = {
    "Hot Swap Backup Configuration": HEADINGS,
    "MetaDefender Core version 5.0.0 or newer": HEADINGS,
    "Register a backup instance": HEADINGS,
    "Unregister a backup instance": HEADINGS,
    "Nominate a backup instance": HEADINGS,
    "With engines and configurations ready to use, that helps mitigate any down time in scanning "
    "system in case of your recovery disaster plan needs to be triggered.": PURPOSE,
    "Type to search, ESC to discard": FURNITURE,
}


def sentence(*texts: str) -> Callable[[Test], Test]:
    """Mark a test as the one that holds these sentences of the specification."""

    def mark(test: Test) -> Test:
        for text in texts:
            quoted.setdefault(text, []).append(f"{test.__module__}.{test.__name__}")
        return test

    return mark


def normalized(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def sentences(text: str) -> list[str]:
    """All sentences of a text, in order, without the markers of lists."""
    lines = (normalized(_MARKER.sub("", line.strip())) for line in text.splitlines())
    return [each for line in lines if line for each in _END.split(line)]
