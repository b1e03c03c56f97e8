"""The house stays as it is meant: small files, with names that say what is in them."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# About 400, and a little more where a list of like things is one thing.
LINES = 430
# What an auditor reads in one sitting stands in one file.
LONGER = {"src/hotslot_verify/verify.py": 499}
SAYS_NOTHING = {"common", "helper", "helpers", "misc", "shared", "util", "utils"}
ROOMS = ("src", "projections", "tests", "bench", "docs")
FILES = [
    path
    for room in ROOMS
    for path in sorted((ROOT / room).rglob("*"))
    if path.suffix in {".py", ".sql", ".md"} and "egg-info" not in str(path)
]


def says_nothing(path: Path) -> bool:
    words = path.with_suffix("").as_posix().replace("_", "/").replace("-", "/").split("/")
    return not SAYS_NOTHING.isdisjoint(words)


def test_files_are_small_enough_to_read():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in FILES
        if path.suffix == ".py"
        and (lines := len(path.read_text("utf-8").splitlines()))
        > LONGER.get(path.relative_to(ROOT).as_posix(), LINES)
    }
    assert FILES
    assert long == {}


def test_names_say_what_is_in_them():
    assert [path for path in FILES if says_nothing(path.relative_to(ROOT))] == []


@pytest.mark.parametrize("name", ["src/utils.py", "tests/common/x.py", "src/time_helpers.py"])
def test_a_name_that_says_nothing_is_found(name: str):
    assert says_nothing(Path(name))
