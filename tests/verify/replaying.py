"""Leaves through the replay alone.

The logs here are signed as they stand: nothing but the rules of the product is wrong with them.
"""

import json
from collections.abc import Callable
from typing import Any

from hotslot.domain import commands
from hotslot.domain.license_file import LicenseFile, Presented
from hotslot_verify.verify import Bad, Replay
from tests.verify.logs import (
    START,
    History,
    changed,
)

Change = Callable[[dict[str, Any]], object]


def replay(leaves: list[bytes]) -> Replay:
    replayed = Replay()
    for each in leaves:
        replayed.entry(each)
    return replayed


def broken(leaves: list[bytes]) -> tuple[str, int]:
    """The rule that the leaves break, and where."""
    replayed = Replay()
    try:
        for each in leaves:
            replayed.entry(each)
    except Bad as bad:
        return bad.rule, replayed.size - 1
    raise AssertionError("no rule is broken")


def types(leaves: list[bytes]) -> list[str]:
    return [json.loads(each)["type"] for each in leaves]


def with_data(history: History, type_: str, **data: Any) -> list[bytes]:
    """The history's leaves with other data in the last event of a type."""
    index = len(history.leaves) - 1 - types(history.leaves)[::-1].index(type_)
    leaves = list(history.leaves)
    leaves[index] = changed(leaves[index], lambda entry: entry["event"]["data"].update(data))
    return leaves


def offline(license_id: str = "l", **more: Any) -> Presented:
    file = LicenseFile(
        license=license_id,
        product="scanner",
        customer="acme",
        slots=more.get("slots", 1),
        issued_at=more.get("issued_at", START),
        expires_at=None,
    )
    return Presented(file, "vendor-key", own=more.get("own", False))


def imported(**more: Any) -> History:
    """A license that came in a file, and one that is active by it."""
    return History().do(commands.Activate(deployment="a", license="l", file=offline(**more)))
