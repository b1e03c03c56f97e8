"""The command line, run in the process of the tests: most of a process is spent on its start."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Ended:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


Hotslot = Callable[..., Ended]
"""Runs a command, under the variables that are given beside its arguments."""
