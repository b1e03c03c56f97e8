"""The processes that the demo starts, each a `hotslot` command, and ends again."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

READY_WITHIN_S = 90.0
ENDS_WITHIN_S = 30.0
POLL_S = 0.05
LOG_TAIL_LINES = 15


class DemoServerError(Exception):
    """A process of the demo did not start, or ended by itself; the message says why, what to do."""


class Child:
    """A command that runs until it is ended, with what it prints in a log."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Start it. Raises `OSError` when its log can't be written."""
        self.command = f"hotslot {arguments[0]}"
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - the demo's own commands
                [sys.executable, "-m", "hotslot", *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def await_address(self, ready: re.Pattern[str]) -> str:
        """Wait until it prints where it listens, the first group of `ready`.

        Raises `DemoServerError` when it ends before, or takes too long.
        """
        give_up = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < give_up:
            ended = not self.runs
            if found := ready.search(self.log.read_text("utf-8", errors="replace")):
                return found[1]
            if ended:
                raise DemoServerError(
                    f"`{self.command}` ended with status {self.process.returncode}:\n"
                    f"{last_lines(self.log)}"
                )
            time.sleep(POLL_S)
        raise DemoServerError(
            f"`{self.command}` was not ready within {READY_WITHIN_S:.0f} s:\n{last_lines(self.log)}"
        )

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """End it as an operator would, and the hard way when that does not help."""
        self.process.terminate()
        try:
            self.process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def running(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[Child]:
    """Start a command, and end it on leaving. Raises `DemoServerError`."""
    with writing_to(log):
        child = Child(arguments, environment, log)
    try:
        yield child
    finally:
        child.end()


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Explain what can't be written in a block. Raises `DemoServerError`."""
    try:
        yield
    except OSError as error:
        raise DemoServerError(
            f"The demo can't write to {place} ({error.strerror}). "
            "Give it another folder with --data-dir."
        ) from error


def environment() -> dict[str, str]:
    """Give a child's environment: no setting of the person's reaches it but the programs'."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("HOTSLOT_") or name.upper() == "HOTSLOT_PG_BIN"
    } | {"PYTHONUNBUFFERED": "1"}


def hotslot(settings: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end under these settings."""
    return subprocess.run(  # noqa: S603 - the stories' own commands
        [sys.executable, "-m", "hotslot", *arguments],
        env=settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def last_lines(log: Path) -> str:
    """Give the end of what a process printed, to explain why it failed."""
    lines = log.read_text("utf-8", errors="replace").splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:])
