"""What people read: tables on a terminal, the same without color or wrapping on a pipe.

Everything shown passes through `cell`, so that text from the ledger can't steer the terminal.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from hotslot.cli.client import Json
from hotslot.client import HotslotError, OutOfReach, Refused, Unreadable

# On a pipe nobody wraps: a line is as long as its content, so that ids stay whole for grep.
PIPE_WIDTH = 10_000
NOTHING = "-"
NEVER = "never"


def screen(*, stderr: bool = False) -> Console:
    """Give the console to print on, made anew so that it follows the present stdout."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream,
        width=None if stream.isatty() else PIPE_WIDTH,
        markup=False,
        emoji=False,
        highlight=False,
    )


def cell(value: Any) -> str:
    """Show one value of an answer as text for people, with control characters made visible."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(
        repr(character)[1:-1] if unicodedata.category(character) in {"Cc", "Cf"} else character
        for character in text
    )


def moment(value: str | None) -> str:
    """Show a time of the API in UTC to the millisecond; the columns' heads say UTC."""
    if value is None:
        return NOTHING
    try:
        at = datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        return cell(value)
    return at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d}"


def expiry(value: str | None) -> str:
    """Show the end of a license's validity, as `moment` does; it may have none."""
    return NEVER if value is None else moment(value)


def show_table(console: Console, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Print a table, or where it is too wide for the terminal, each row as a paragraph."""
    cells = [[cell(value) for value in row] for row in rows]
    built = table(columns, cells)
    unbound = console.options.update(max_width=PIPE_WIDTH)
    if console.measure(built, options=unbound).maximum <= console.width:
        console.print(built)
        return
    for row in cells:
        named = zip(columns, row, strict=True)
        told = ", ".join(f"{name}: {value}" for name, value in named if value != NOTHING)
        console.print(Padding(told, (0, 0, 1, 0)))


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Table:
    """Build a table; a cell too long for the terminal is folded, never cut."""
    built = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        built.add_column(column, overflow="fold")
    for row in rows:
        built.add_row(*(cell(value) for value in row))
    return built


def card(fields: Mapping[str, Any]) -> Table:
    """Build a two-column table of one thing's fields."""
    built = Table(box=None, show_header=False, pad_edge=False)
    built.add_column(style="dim", no_wrap=True)
    built.add_column(overflow="fold")
    for name, value in fields.items():
        built.add_row(name, cell(value))
    return built


def say(console: Console, sentence: str, style: str = "") -> None:
    """Print a sentence; the terminal may fold it between words."""
    console.print(sentence, style=style)


def as_of_field(answer: Json) -> Mapping[str, str]:
    """Give the line of a card that says what position it is as of; none for now."""
    as_of = answer.get("as_of")
    return {} if as_of is None else {"as of": f"position {as_of}"}


def say_as_of(console: Console, answer: Json) -> None:
    """Say the position that an answer is as of, unless it is of now."""
    if answer.get("as_of") is not None:
        say(console, f"As of position {answer['as_of']}.", "dim")


def fail(exit_status: int, sentence: str) -> NoReturn:
    """Say why it can't be done, and end the command."""
    say(screen(stderr=True), cell(sentence))
    raise typer.Exit(exit_status)


def write_json(body: Json, *, stderr: bool = False) -> None:
    """Write an answer of the API as it is."""
    typer.echo(json.dumps(body, indent=2, ensure_ascii=False), err=stderr)


def write_json_line(item: Json) -> None:
    """Write one thing of a long answer, on a line of its own."""
    typer.echo(json.dumps(item, ensure_ascii=False))


def show_failure(failure: HotslotError, *, as_json: bool = False) -> None:
    """Say on stderr what happened, why, and what to do next."""
    console = screen(stderr=True)
    match failure:
        case HotslotError(problem=dict(problem)) if as_json:
            write_json(problem, stderr=True)
        case Refused():
            _show_refusal(console, failure)
        case Unreadable():
            say(console, f"Not understood: {cell(failure.detail)}", "bold red")
            _say_how_to_repeat(console, failure.repeat_with)
        case OutOfReach():
            _show_out_of_reach(console, failure)


def _show_out_of_reach(console: Console, failure: OutOfReach) -> None:
    say(console, f"Out of reach: {cell(failure.what)}", "bold red")
    if failure.problem is None:
        say(console, "Is the server up (`hotslot serve`), and is --url or HOTSLOT_URL right?")
    _say_how_to_repeat(console, failure.repeat_with)


def _say_how_to_repeat(console: Console, once: str | None) -> None:
    if once is not None:
        say(console, "The command may or may not have been carried out. Repeating it with")
        say(console, f"--idempotency-key {once} carries it out once at most.")


def _show_refusal(console: Console, refused: Refused) -> None:
    say(console, f"Refused: {cell(refused.code)} ({refused.status})", "bold red")
    say(console, cell(refused.detail))
    remedies = refused.remedies
    if remedies:
        say(console, "What to do:" if len(remedies) == 1 else "What to do, in this order:")
    for number, remedy in enumerate(remedies, start=1):
        say(console, f"  {number}. {cell(remedy.action)}: {cell(remedy.description)}")
    if refused.code == "unauthenticated":
        say(console, "Give a valid API key with --key or HOTSLOT_KEY.")
    if refused.request_id:
        say(console, f"Request {cell(refused.request_id)}", "dim")
