"""How values and tables are shown to people."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from hotslot.cli.output import cell, moment, show_table


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


def test_on_a_terminal_too_narrow_for_the_table_each_row_is_a_paragraph() -> None:
    columns, row = ("id", "role", "reason"), ("core-0123456789", "active", None)
    assert shown(80, columns, row).splitlines()[-1].split() == ["core-0123456789", "active", "-"]
    assert shown(24, columns, row).split() == ["id:", "core-0123456789,", "role:", "active"]


def test_the_narrowest_terminal_folds_ids_and_cuts_nothing() -> None:
    id_ = "0123456789" * 4
    assert "".join(shown(10, ("id",), (id_,)).split()) == f"id:{id_}"


def shown(width: int, columns: Sequence[str], row: Sequence[object]) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    show_table(console, columns, [row])
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
