"""How the demo tells its story: short headings, each call, and what matters of the answer."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from hotslot.cli.client import Answer, Client, Json
from hotslot.cli.demo.children import hotslot
from hotslot.cli.output import cell, table
from hotslot.client import Refused

INDENT = 3


class StoryError(Exception):
    """An answer was not what the story says; the message has both."""


@dataclass(frozen=True)
class Actor:
    """Who makes a call: a name for the reader, and the client with their credentials."""

    name: str
    client: Client


class CarriedText(str):
    """The text of a file that is carried; a call that sends it shows the file's name."""

    __slots__ = ("name",)

    def __new__(cls, name: str, text: str) -> Self:
        """Name the text."""
        carried = super().__new__(cls, text)
        carried.name = name
        return carried

    name: str


class Narrator:
    """Plays calls and prints them as it goes."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.chapters = 0

    def chapter(self, title: str, words: str = "") -> None:
        """Begin the next part of the story."""
        self.chapters += 1
        self.console.print()
        self.console.print(Rule(f"{self.chapters}  {title}", align="left", style="bold"))
        if words:
            self.say(words)

    def say(self, words: str, style: str = "", *, indent: int = INDENT) -> None:
        """Say something in plain words."""
        self.console.print(Padding(Text(words, style=style), (0, 0, 0, indent), expand=False))

    def show(self, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
        """Print a small table."""
        self.console.print(Padding(table(columns, rows), (0, 0, 0, INDENT), expand=False))

    def read(self, actor: Actor, path: str, **query: str | int | None) -> Json:
        """Make a read and print it; what matters of its answer is for the story to say."""
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        self.call(actor.name, "GET", f"{path}?{asked}" if asked else path)
        return actor.client.get(path, **query)

    def command(
        self,
        actor: Actor,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        reason: str | None = None,
    ) -> Answer:
        """Ask for a change and print it; what matters of its answer is for the story to say."""
        if reason is None or body is None:
            self.call(actor.name, method, path, body, reason)
        else:
            self.call(actor.name, method, path, {**body, "reason": reason})
        return actor.client.command(method, path, body, reason=reason)

    def file(self, actor: Actor, name: str, path: str) -> CarriedText:
        """Have a license file made and print the call."""
        self.call(actor.name, "GET", path)
        return CarriedText(name, actor.client.file(path))

    def shell(self, where: str, environment: Mapping[str, str], line: str, into: str = "") -> str:
        """Run a `hotslot` command where a server is; gives what it prints.

        Raises `StoryError` when it fails.
        """
        self.console.print()
        self.say(f"{where}$ {line}{f' > {into}' if into else ''}", "cyan")
        done = hotslot(environment, *shlex.split(line)[1:])
        if done.returncode:
            raise StoryError(
                f"The story says: `{line}` finds nothing wrong. It ended with status "
                f"{done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def refused(
        self, code: str, actor: Actor, method: str, path: str, body: Json | None = None
    ) -> None:
        """Ask for something that a rule refuses, and print why and what to do instead.

        Raises `StoryError` when it is done, or refused for another reason than `code`.
        """
        self.call(actor.name, method, path, body)
        try:
            answer = actor.client.command(method, path, body)
        except Refused as refused:
            problem = refused.problem
            if refused.code != code:
                raise StoryError(
                    f"The story says: refused with {code}. The server said: {refused}"
                ) from refused
        else:
            raise StoryError(f"The story says: refused with {code}. It was done: {answer.body}")
        self.outcome(f"{problem['status']}  {code}", "yellow")
        self.say(f"{cell(problem['detail'])}")
        if not problem.get("remedies"):
            raise StoryError(f"The story says: {code} names its remedies. It named none.")
        for number, remedy in enumerate(problem["remedies"], start=1):
            self.say(f"{number}. {cell(remedy['description'])}", indent=2 * INDENT)

    def outcome(self, words: str, style: str = "green") -> None:
        """Print the part of an answer that matters."""
        self.say(f"-> {words}", style)

    def expect(self, says: str, answer: Json, *, holds: bool) -> None:
        """Raise `StoryError` unless the answer is what the story says."""
        if not holds:
            raise StoryError(f"The story says: {says}. The server said: {json.dumps(answer)}")

    def call(
        self,
        who: str,
        method: str,
        path: str,
        body: Json | None = None,
        reason_header: str | None = None,
    ) -> None:
        """Print a call that `who` makes; a reason is in a header where there is no body."""
        named = {
            name: f"<{value.name}>" if isinstance(value, CarriedText) else value
            for name, value in (body or {}).items()
        }
        shown = f" {json.dumps(named, ensure_ascii=False)}" if named else ""
        if reason_header is not None:
            shown = f" (Hotslot-Reason: {reason_header})"
        self.console.print()
        self.console.print(
            Padding(
                Text.assemble((f"{who}: ", "dim"), (f"{method} {path}{shown}", "cyan")),
                (0, 0, 0, INDENT),
                expand=False,
            )
        )
