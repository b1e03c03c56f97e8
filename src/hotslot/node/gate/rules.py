"""Which calls count as processing."""

import re
import unicodedata
from collections.abc import Iterable

PROCESSING_CALLS = ("POST /file*",)
"""What is held back unless told otherwise: sending files, also in the Core's other ways."""

_OWN = "/admin/license"

_RULE = re.compile(r"(\*|[A-Za-z]+) (/\S*)")


class Rules:
    """Calls, as `METHOD /path`; `*` is any method, or any part of a path, slashes with it."""

    def __init__(self, rules: Iterable[str] = PROCESSING_CALLS) -> None:
        """Read them.

        Raises:
            ValueError: one is not of that form, or there is none.

        """
        self._rules = [_read(rule) for rule in rules]
        if not self._rules:
            raise ValueError("No call would be held back: name one at least, as `POST /file*`.")

    def count(self, method: str, path: str) -> bool:
        """Whether a call is processing. Case is no difference, in doubt it is."""
        method, path = method.upper(), _folded(path)
        return any(wanted in ("*", method) and form.fullmatch(path) for wanted, form in self._rules)


def is_own(path: str) -> bool:
    """Whether a path is one of the license calls, however it is written. No product gets those."""
    return f"{_folded(path)}/".startswith(f"{_OWN}/")


def _read(rule: str) -> tuple[str, re.Pattern[str]]:
    match = _RULE.fullmatch(rule.strip())
    if match is None:
        raise ValueError(f"{rule!r} is no call: write a method and a path, as `POST /file*`.")
    parts = (re.escape(part) for part in _folded(match[2]).split("*"))
    return match[1].upper(), re.compile(".*".join(parts))


def _folded(path: str) -> str:
    # Some programs take letters that only look like `f` for one.
    return unicodedata.normalize("NFKC", path).casefold()
