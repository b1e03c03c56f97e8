"""Every sentence of the specification is held by a test, or says why it is not."""

import importlib
from pathlib import Path

import pytest

from tests.specification.sentences import (
    SPECIFICATION,
    WITHOUT_TEST,
    normalized,
    quoted,
    sentences,
)

TEXT = SPECIFICATION.read_text("utf-8")

for _module in sorted(Path(__file__).parent.glob("test_*.py")):
    importlib.import_module(f"tests.specification.{_module.stem}")


@pytest.mark.parametrize("text", sorted({*quoted, *WITHOUT_TEST}))
def test_what_is_quoted_is_a_sentence_of_the_specification(text: str):
    assert text in normalized(TEXT)
    assert text in sentences(TEXT)


@pytest.mark.parametrize("text", dict.fromkeys(sentences(TEXT)))
def test_every_sentence_is_held_by_a_test_or_says_why_not(text: str):
    assert (text in quoted) != (text in WITHOUT_TEST)


def test_the_specification_is_read_as_sentences():
    found = sentences(TEXT)
    assert len(found) == 47
    assert found[-4].startswith("Then, activate your MetaDefender Core backup instance")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two, and so on.\n\n  • Three", ["One.", "Two, and so on.", "Three"]),
        ("  2. Version 5.0.0 or\n", ["Version 5.0.0 or"]),
        ("A license.yml   file. That", ["A license.yml file.", "That"]),
    ],
)
def test_how_a_text_falls_into_sentences(text: str, found: list[str]):
    assert sentences(text) == found
