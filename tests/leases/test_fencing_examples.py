"""The examples of docs/leases.md do what the page says: an older term is refused."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "leases.md").read_text("utf-8")


def example(language: str) -> str:
    """The one block of code in that language."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(block)


def write(connection: psycopg.Connection[Any], statement: str, term: int) -> bool:
    """Whether the database lets somebody of that term write."""
    row = connection.execute(statement.replace("'scanner', 7", f"'scanner', {term}")).fetchone()
    return row is not None


def test_a_database_refuses_an_older_term(dsn: str):
    table, statement = example("sql").split(";", 1)
    assert "'scanner', 7" in statement
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(table)
        assert [write(connection, statement, term) for term in (7, 7, 8, 7, 9, 8, 9)] == [
            True,
            True,
            True,
            False,
            True,
            False,
            True,
        ]


def test_a_newer_term_waits_for_a_write_under_way_in_the_database(dsn: str):
    table, statement = example("sql").split(";", 1)
    with psycopg.connect(dsn) as older, psycopg.connect(dsn) as newer:
        older.execute(table)
        older.commit()
        assert write(older, statement, 7)
        newer.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            write(newer, statement, 8)
        newer.rollback()
        older.commit()
        assert write(newer, statement, 8)
        newer.commit()
        assert not write(older, statement, 7)


def test_a_folder_refuses_an_older_term(tmp_path: Path):
    names: dict[str, Any] = {}
    exec(example("python"), names)
    fenced: Callable[[Path, int], contextlib.AbstractContextManager[None]] = names["fenced"]
    for term in (7, 7, 10):
        with fenced(tmp_path, term):
            pass
    with pytest.raises(PermissionError, match="term 9 is over: 10 has begun"), fenced(tmp_path, 9):
        raise AssertionError("the older term was let in")
    with fenced(tmp_path, 10):
        pass
