"""Writes the parts of the documentation that are read off the code: `make docs`.

Events, refusals and settings are explained where they are defined, in docstrings and field
descriptions. A test compares the files with what this module makes and fails when they differ.
"""

import inspect
import itertools
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec
import typer.core
import typer.main
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from hotslot.cli.main import app
from hotslot.domain import events, refusals
from hotslot.node.settings import NodeSettings
from hotslot.settings import ClientSettings, Settings

DOCS = Path(__file__).parent
NOTICE = "<!-- Written by docs/generate.py from the code: `make docs`. Changes here are lost. -->"


def events_page() -> str:
    """Write the event catalogue."""
    lines = [
        "# Events",
        "",
        NOTICE,
        "",
        "Every event that the ledger can hold. An event is never rewritten. Its name and its",
        "fields are stable: they are what an auditor reads in SQL and what a projection folds.",
        "An event stands on the stream of one license, deployment or key: `license:<id>`,",
        "`deployment:<id>` or `key:<id>`; reads in bulk stand on `audit:<key id>`. Its name begins",
        "with that kind, with one exception: a `license.command-refused` without a license stands",
        "on the stream of its deployment",
        "([decision 0004](decisions/0004-where-refusals-stand.md)).",
        "",
        "## What every event carries",
        "",
        *_struct_table(events.Context),
    ]
    for name, kind in events.CATALOGUE.items():
        lines += ["", f"## `{name}`", "", _docstring(kind), "", *_struct_table(kind)]
    return "\n".join(lines) + "\n"


def refusals_page() -> str:
    """Write the refusal catalogue."""
    lines = [
        "# Refusals",
        "",
        NOTICE,
        "",
        "Every reason for which a rule turns a command down. The `code` is stable: programs may",
        "rely on it. The answer is `application/problem+json` with the status below, and names the",
        "remedies in the order to try them. Words in braces stand for what the refusal names.",
        "Some remedies are others when the license is *imported*: it came in a license file.",
        "",
        "| code | status | title |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| [`{code}`](#{code}) | {kind.status} | {kind.title} |"
        for code, kind in refusals.CATALOGUE.items()
    ]
    for code, kind in refusals.CATALOGUE.items():
        lines += ["", f"## `{code}`", "", f"{kind.status}. {_docstring(kind)}", *_remedies(kind)]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """List the settings of the server and of the client commands."""
    return "\n".join(
        [
            "# Settings",
            "",
            NOTICE,
            "",
            "Settings are environment variables. `hotslot serve` and `hotslot node` also take each",
            "of their own as a flag of the same name, which wins over the variable.",
            "",
            "## The server, and the commands that work on its database",
            "",
            *_settings_table(Settings),
            "",
            "## The commands that talk to a server",
            "",
            *_settings_table(ClientSettings),
            "",
            "## A node",
            "",
            *_settings_table(NodeSettings),
            "",
        ]
    )


def command_line_page() -> str:
    """Write the reference of the command line."""
    leaves = list(commands(typer.main.get_command(app)))
    shared = {
        name: text for _, leaf in leaves for name, text in _options(leaf) if name in _shared(leaf)
    }
    lines = [
        "# The command line",
        "",
        NOTICE,
        "",
        "Commands that talk to a server print a table for people, and the API's answer with",
        "`--json`. They find the server and the key in `HOTSLOT_URL` and `HOTSLOT_KEY`.",
        "",
        "| exit status | meaning |",
        "| --- | --- |",
        "| 0 | done |",
        "| 1 | refused: the code and the remedies are on stderr; or a check found a difference |",
        "| 2 | wrong usage |",
        "| 3 | the server is out of reach |",
        "| 130 | stopped by Ctrl-C |",
        "",
        "Options that many commands take:",
        "",
        *_table(shared.items()),
    ]
    for usage, leaf in leaves:
        own = [each for each in _options(leaf) if each[0] not in _shared(leaf)]
        also = ", ".join(f"`{name}`" for name, _ in _options(leaf) if name in _shared(leaf))
        lines += ["", f"## `{usage}`", "", _plain(leaf.help or "")]
        lines += ["", *_table(own)] if own else []
        lines += ["", f"And {also}."] if also else []
    return "\n".join(lines) + "\n"


def commands(
    command: object, path: str = "hotslot"
) -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Walk every command that does something, with what one types to call it."""
    if isinstance(command, typer.core.TyperGroup):
        for name, below in command.commands.items():
            yield from commands(below, f"{path} {name}")
    elif isinstance(command, typer.core.TyperCommand):
        yield path, command


SHARED = ("--reason", "--idempotency-key", "--json", "--url", "--key")
"""The options that the command line's page explains once."""


def _shared(command: typer.core.TyperCommand) -> set[str]:
    """Name the options that mean the same as elsewhere: the key of a node is another key."""
    names = {name for name, _ in _options(command)}
    return {name for name in SHARED if name in names and ("--url" in names or name == "--json")}


PAGES: dict[str, Callable[[], str]] = {
    "events.md": events_page,
    "refusals.md": refusals_page,
    "settings.md": settings_page,
    "cli.md": command_line_page,
}
"""The generated files, by name."""


def stale() -> list[str]:
    """Name the generated files that differ from what the code says, or are missing."""
    return [
        name
        for name, page in PAGES.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text("utf-8") != page()
    ]


def _docstring(kind: type) -> str:
    return _plain(inspect.cleandoc(kind.__doc__ or ""))


def _plain(text: str) -> str:
    """Put each paragraph on a line of its own."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _struct_table(kind: type[msgspec.Struct]) -> Iterator[str]:
    yield "| field | type | meaning |"
    yield "| --- | --- | --- |"
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        if typing.get_origin(hint) is typing.ClassVar:
            continue
        base, *extras = typing.get_args(hint)
        meta = next(extra for extra in extras if isinstance(extra, msgspec.Meta))
        meaning = meta.description
        if isinstance(base, type) and issubclass(base, msgspec.Struct):
            meaning = _docstring(base)
        yield f"| `{name}` | {_type_name(base)} | {meaning} |"


def _type_name(hint: object) -> str:
    if isinstance(hint, types.UnionType):
        return " or ".join(_type_name(part) for part in typing.get_args(hint))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return "text"
    names: dict[object, str] = {
        str: "text",
        int: "integer",
        bool: "boolean",
        datetime: "time",
        type(None): "null",
    }
    return names.get(hint, "object")


_EXAMPLE_TIME = datetime(2026, 1, 31, 12, tzinfo=UTC)

# What remedies depend on, and the values that it can have.
_CASES: dict[str, tuple[object, ...]] = {
    "role": ("active", "backup", "unlicensed"),
    "mode": ("online", "offline"),
    "imported": (False, True),
    "command": ("activate", "register", "unregister", "nominate"),
}


def _remedies(kind: type[refusals.Refusal]) -> list[str]:
    """List the remedies, for every case that the refusal can be about."""
    matters = [name for name in _CASES if name in kind.__struct_fields__]
    items = [
        f"- `{remedy.action}`: {remedy.description}"
        for case in itertools.product(*(_CASES[name] for name in matters))
        for remedy in _example(kind, dict(zip(matters, case, strict=True))).remedies()
    ]
    heading = f"Remedies, by {' and '.join(matters)}:" if matters else "Remedies:"
    return ["", heading, "", *dict.fromkeys(items)] if items else []


def _example(kind: type[refusals.Refusal], case: dict[str, object]) -> refusals.Refusal:
    """Make a refusal with each field's name in place of its value."""
    values: dict[str, object] = {}
    for name, hint in typing.get_type_hints(kind).items():
        if name not in kind.__struct_fields__:
            continue
        if typing.get_origin(hint) is tuple:
            values[name] = (f"{{{name.removesuffix('s')}}}",)
        else:
            values[name] = {int: 1, datetime: _EXAMPLE_TIME}.get(hint, f"{{{name}}}")
    return kind(**values | case)


def _options(command: typer.core.TyperCommand) -> Iterator[tuple[str, str]]:
    """Give the arguments and options of a command, each with what it means."""
    for each in command.params:
        if isinstance(each, typer.core.TyperArgument):
            yield each.metavar or (each.name or "").upper(), each.help or ""
        elif isinstance(each, typer.core.TyperOption):
            notes = [each.help or ""]
            if each.required:
                notes.append("Required.")
            elif not each.is_flag and each.default not in (None, ""):
                notes.append(f"Default: `{each.default}`.")
            yield each.opts[0], " ".join(notes)


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    names = [f"| `{_cell(name)}` | {_cell(meaning)} |" for name, meaning in rows]
    return ["| | |", "| --- | --- |", *names]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _settings_table(kind: type[BaseSettings]) -> Iterator[str]:
    yield "| variable | default | meaning |"
    yield "| --- | --- | --- |"
    prefix = kind.model_config.get("env_prefix", "")
    for name, field in kind.model_fields.items():
        yield f"| `{prefix}{name.upper()}` | {_default(field)} | {field.description} |"


def _default(field: FieldInfo) -> str:
    return "unset" if field.default is None else f"`{field.default}`"


def _write(names: Iterable[str]) -> None:
    for name in names:
        (DOCS / name).write_text(PAGES[name](), "utf-8")
        sys.stdout.write(f"docs/{name} is written anew\n")


if __name__ == "__main__":
    _write(stale())
