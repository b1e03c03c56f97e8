"""The table of ratios, for people, and the same figures as JSON."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec
from rich.console import Console
from rich.table import Table

from bench.machine import Machine


class Target(msgspec.Struct, frozen=True):
    """What a figure should be: `at` least, or `at` most."""

    bound: Literal["≥", "≤"]
    at: float
    of: Literal["ratio", "hotslot"]
    """Whether the ratio to the peer is meant, or Hotslot's own figure."""
    unit: str = "x"

    def __str__(self) -> str:
        return f"{self.bound} {self.at:,g} {self.unit}"


class Row(msgspec.Struct, frozen=True):
    """One comparison of the table."""

    what: str
    hotslot: float
    unit: str
    against: str = ""
    peer: float | None = None
    ratio: float | None = None
    """Hotslot's figure over the peer's: where rounds were alternated, the median of theirs."""
    target: Target | None = None
    met: bool | None = None


class Report(msgspec.Struct, frozen=True):
    """Everything that one run measured."""

    command: str
    quick: bool
    minutes: float
    machine: Machine
    rows: list[Row]
    details: dict[str, Any]
    """What the rows were made from, by part."""


def row(
    what: str,
    hotslot: float,
    unit: str,
    *,
    against: str = "",
    peer: float | None = None,
    ratio: float | None = None,
    target: Target | None = None,
) -> Row:
    """Make a row; the ratio is that of the two figures unless another is given."""
    if ratio is None and peer:
        ratio = hotslot / peer
    met = None
    if target is not None:
        value = ratio if target.of == "ratio" else hotslot
        assert value is not None
        met = value >= target.at if target.bound == "≥" else value <= target.at
    return Row(what, hotslot, unit, against, peer, ratio, target, met)


HEADINGS = ("What", "Hotslot", "Against", "Peer", "Ratio", "Target", "Met")


def cells(row: Row) -> tuple[str, ...]:
    """Return a row's columns as text."""
    return (
        row.what,
        _figure(row.hotslot, row.unit),
        row.against,
        "" if row.peer is None else _figure(row.peer, row.unit),
        "" if row.ratio is None else f"{row.ratio:.2f} x",
        "" if row.target is None else str(row.target),
        "" if row.met is None else ("met" if row.met else "NOT MET"),
    )


def _figure(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.2f} {unit}"


def facts(report: Report) -> list[tuple[str, str]]:
    """Return the machine's description as names and values."""
    machine = report.machine
    return [
        ("Taken", f"{machine.at:%Y-%m-%d %H:%M} UTC by `{report.command}`, {report.minutes} min"),
        ("CPU", f"{machine.cpu}, {machine.cores} cores"),
        ("Memory", f"{machine.memory_gib} GiB"),
        ("Kernel", machine.kernel),
        ("Python", machine.python),
        ("PostgreSQL", f"{machine.postgresql}, fsync and synchronous_commit on"),
        ("fsync of 8 KiB", f"{machine.fsync_us:.0f} µs (median)"),
        ("Packages", ", ".join(f"{name} {v}" for name, v in machine.packages.items())),
        ("Load average before", f"{machine.load_before}"),
    ]


def show(report: Report, console: Console) -> None:
    """Print the machine and the table."""
    for name, value in facts(report):
        console.print(f"[dim]{name}:[/dim] {value}", highlight=False, soft_wrap=True)
    table = Table(title="Hotslot, measured side by side with its peers")
    for heading, justify in zip(HEADINGS, ("left", "right") * 3 + ("left",), strict=True):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for each in report.rows:
        style = {None: "", True: "green", False: "bold red"}[each.met]
        table.add_row(*cells(each)[:-1], f"[{style}]{cells(each)[-1]}[/]" if style else "")
    console.print(table)


def markdown(report: Report) -> str:
    """Return the report as a page."""
    return "\n".join(
        [
            f"# Benchmarks of {report.machine.at:%Y-%m-%d}",
            "",
            *_markdown_table(("", ""), facts(report)),
            "",
            *_markdown_table(HEADINGS, map(cells, report.rows)),
            "",
            "What is measured, and how: [docs/benchmarks.md](../../docs/benchmarks.md).",
            "",
        ]
    )


def _markdown_table(headings: Iterable[str], rows: Iterable[tuple[str, ...]]) -> list[str]:
    names = list(headings)
    lines = [names, ["---"] * len(names), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def write(report: Report, folder: Path) -> list[Path]:
    """Write the report as JSON and as a page; quick ones are named so. Returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{report.machine.at:%Y-%m-%d}{'-quick' if report.quick else ''}"
    files = [folder / f"{name}.json", folder / f"{name}.md"]
    files[0].write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    files[1].write_text(markdown(report), "utf-8")
    return files
