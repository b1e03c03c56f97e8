"""How values and tables are shown to people."""

import io

import pytest
from rich.console import Console

from hotslot.cli.output import cell, moment, table


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("", "-"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        ({"a": 1}, '{"a": 1}'),
        ("a\x07b", r"a\x07b"),
    ],
)
def test_cells(value: object, shown: str) -> None:
    assert cell(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("2026-03-01T10:00:00.123999Z", "2026-03-01 10:00:00.123"),
        ("2026-03-01T10:00:00+02:00", "2026-03-01 08:00:00.000"),
        ("once\x1b", r"once\x1b"),
    ],
)
def test_times_are_utc_to_the_millisecond(value: str | None, shown: str) -> None:
    assert moment(value) == shown


def test_a_narrow_terminal_folds_ids_and_cuts_nothing() -> None:
    id_ = "0123456789" * 4
    console = Console(file=io.StringIO(), width=30, force_terminal=True, color_system=None)
    console.print(table(("id", "role"), [(id_, "active")]))
    assert isinstance(console.file, io.StringIO)
    *_, body = console.file.getvalue().partition("─\n")
    rows = body.splitlines()
    assert "".join(row.split()[0] for row in rows if row.strip()) == id_
