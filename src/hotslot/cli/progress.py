"""A bar for commands that take their time, on a terminal."""

from collections.abc import Callable
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from hotslot.cli.output import screen

Result = TypeVar("Result")


def with_bar(what: str, work: Callable[[Callable[[int, int], None]], Result]) -> Result:
    """Do something that tells how far it has come, which a terminal shows as a bar."""
    console = screen(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(what, total=None)
        return work(lambda done, total: bar.update(task, completed=done, total=total))
