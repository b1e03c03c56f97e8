"""What is no document that a license file can be. None of it is looked at any further."""

import pytest

from hotslot.licensefiles import UnreadableLicenseFileError, read_license_file, write_license_file
from hotslot.licensefiles.tree import MAX_BRACKETS, MAX_BYTES, MAX_DEPTH, MAX_NODES
from tests.licensefiles.material import (
    CONTENT,
    FILE,
    KEY,
    NONE,
    OWN,
    document,
    signature_of,
    signed,
    without,
)

GOOD = write_license_file(FILE, KEY)


def complaint(source: str | bytes) -> str:
    with pytest.raises(UnreadableLicenseFileError) as caught:
        read_license_file(source, OWN, NONE)
    return str(caught.value)


def test_the_text_that_the_others_are_made_of_is_good():
    assert read_license_file(GOOD, OWN, NONE).file == FILE
    assert read_license_file(signed(CONTENT), OWN, NONE).file == FILE


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param("", "there is nothing in it", id="empty"),
        pytest.param("# only a comment\n", "there is nothing in it", id="comment"),
        pytest.param("---\n", "does not consist of named fields", id="null document"),
        pytest.param("just text\n", "does not consist of named fields", id="text"),
        pytest.param("- a\n- b\n", "does not consist of named fields", id="list"),
        pytest.param("a: [b\n", "it is not YAML: ", id="not YAML"),
        pytest.param("a: b: c\n", "it is not YAML: ", id="not YAML either"),
        pytest.param("%PDF-1.7 no YAML at all", "it is not YAML: ", id="another kind of file"),
        pytest.param('{"a": }}', "it is not YAML: ", id="half JSON"),
        pytest.param(GOOD + "\x00", "NUL", id="NUL"),
        pytest.param("\ufeff" + GOOD, "byte order mark", id="BOM"),
        pytest.param(GOOD.encode("utf-8-sig"), "byte order mark", id="BOM in bytes"),
        pytest.param(GOOD + "# \ufeff\n", "byte order mark", id="BOM further on"),
        pytest.param(GOOD.replace("\n", "\r\n"), "carriage returns", id="CRLF"),
        pytest.param(GOOD.replace("\n", "\r\n").encode(), "carriage returns", id="CRLF in bytes"),
        pytest.param(GOOD.replace("\n", "\r"), "carriage returns", id="CR"),
        pytest.param(GOOD.replace(": ", ":\t", 1), "a tab", id="tab"),
        pytest.param(GOOD + "# \x1b[2J\n", "U+001B", id="control character"),
        pytest.param(GOOD + "# \u2028\n", "U+2028", id="a line end of YAML 1.1 only"),
        pytest.param(GOOD + "# \x85\n", "U+0085", id="another"),
        pytest.param(GOOD.encode("utf-16"), "it is not UTF-8", id="UTF-16"),
        pytest.param(GOOD.encode("latin-1"), "it is not UTF-8", id="Latin-1"),
        pytest.param(b"a: \xed\xa0\x80\n", "it is not UTF-8", id="half a pair in bytes"),
        pytest.param("a: \ud800\n", "half a surrogate pair", id="half a pair"),
        pytest.param('a: "\\uD83D"\n', "half a surrogate pair", id="half a pair, escaped"),
        pytest.param('a: "\\uD83D\\uDE00"\n', "half a surrogate pair", id="a pair, escaped"),
        pytest.param('a: "\\UFFFFFFFF"\n', "a number in it that is too", id="huge escape"),
        pytest.param('a: "\\U00110000"\n', "a number in it that is too", id="beyond Unicode"),
        pytest.param(f"%YAML 1.{'9' * 5000}\n---\na: b", "too large", id="huge version"),
        pytest.param("%YAML 1.2\n---\n" + GOOD, "directive", id="%YAML"),
        pytest.param("%TAG ! tag:x,2000:\n---\n" + GOOD, "directive", id="%TAG"),
        pytest.param("# hello\n\n%MINE x\n---\n" + GOOD, "directive", id="a directive of no name"),
        pytest.param(GOOD + "---\n" + GOOD, "a second document", id="two documents"),
        pytest.param(GOOD + "...\n---\n", "a second document", id="an empty second document"),
        pytest.param(GOOD + "a: &b c\n", "a YAML anchor", id="anchor"),
        pytest.param(GOOD + "a: *b\n", "YAML alias", id="alias"),
        pytest.param(LAUGHS, "YAML anchor", id="bomb"),
        pytest.param("a: !!str b\n", "YAML tag", id="tag"),
        pytest.param("a: !!python/object/apply:os.system [ls]\n", "YAML tag", id="object tag"),
        pytest.param("a: !!binary aGVsbG8=\n", "YAML tag", id="binary"),
        pytest.param("a: ! b\n", "YAML tag", id="the tag that means none"),
        pytest.param("!!map {a: b}\n", "YAML tag", id="tag on the whole"),
        pytest.param(GOOD + 'slots: "9"\n', "the field 'slots' is there twice", id="twice"),
        pytest.param(GOOD + '"\\x73lots": "9"\n', "'slots' is there twice", id="twice, escaped"),
        pytest.param("a: {b: c, b: c}\n", "the field 'b' is there twice", id="twice, within"),
        pytest.param("? [a]\n: b\n", "name is not plain text", id="list for a name"),
        pytest.param("{a: b}: c\n", "name is not plain text", id="mapping for a name"),
    ],
)
def test_a_document_of_another_kind(source: str | bytes, words: str):
    assert words in complaint(source)


def test_up_to_64_kib_and_no_more():
    filling = "#" * (MAX_BYTES - len(GOOD.encode()))
    assert MAX_BYTES == 65_536
    assert read_license_file(GOOD + filling, OWN, NONE).file == FILE
    assert read_license_file((GOOD + filling).encode(), OWN, NONE).file == FILE
    assert "larger than 64 KiB" in complaint(GOOD + filling + "#")
    assert "larger than 64 KiB" in complaint((GOOD + filling + "#").encode())
    # As many characters as may be, of two bytes each.
    assert "larger than 64 KiB" in complaint("#" + "é" * (MAX_BYTES - 1))


@pytest.mark.parametrize("opening", ["- ", "? "])
def test_nested_deep(opening: str):
    assert f"nested more than {MAX_DEPTH} deep" in complaint(opening * (MAX_BYTES // len(opening)))


@pytest.mark.parametrize("opening", ["[", "{", "{a: ", "[{a: "])
def test_nested_deep_in_brackets(opening: str):
    assert f"nested more than {MAX_DEPTH} deep" in complaint(opening * 100)
    message = complaint(opening * (MAX_BYTES // len(opening)))
    assert f"more than {MAX_BRACKETS} opening brackets" in message
    assert "line" not in message, "it was not given to the parser"


def test_brackets_of_texts_and_comments_count_too():
    half = MAX_BRACKETS // 2
    comment = f"# {'[' * half}{'{' * half}\n"
    assert read_license_file(GOOD + comment, OWN, NONE).file == FILE
    assert "opening brackets" in complaint(GOOD + comment + "# [\n")


def test_as_deep_as_may_be():
    """The limit is where it is said to be: beyond, it is the limit that complains."""
    assert "is not signed" in complaint("{a: " * (MAX_DEPTH - 1) + "b" + "}" * (MAX_DEPTH - 1))
    assert f"than {MAX_DEPTH} deep" in complaint("{a: " * MAX_DEPTH + "b" + "}" * MAX_DEPTH)


def test_the_rest_is_not_read_when_there_is_too_much():
    """What comes after the limit would be an error of another kind, had it been read."""
    wide = "a: [" + "b, " * MAX_NODES + "&anchor"
    assert f"more than {MAX_NODES} values" in complaint(wide)


def test_the_line_is_told():
    lines = GOOD.splitlines()
    assert "(line 4)" in complaint("\n".join([*lines[:3], "product: *alias", *lines[4:]]))
    assert "(line 1)" in complaint(GOOD.replace("\n", "\r\n"))


def test_the_complaint_says_what_to_do():
    assert complaint("\r\n").endswith("Convert it to LF line ends (dos2unix).")
    assert complaint(b"\xff").endswith("Save it as UTF-8.")
    assert "from the vendor's server" in complaint("")


def test_a_complaint_is_short_whatever_is_in_the_file():
    for source in (f"{'x' * 60_000}: 1\n", f"a: !{'y' * 60_000}!z b", f"a: *{'z' * 60_000}"):
        assert len(complaint(source)) < 500
    long = "n" * 900
    assert len(complaint(f"{long}: 1\n{long}: 2\n")) < 500


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        pytest.param("{}", "is not signed", id="no fields"),
        pytest.param(str(signature_of(CONTENT)), "is not signed", id="the block alone"),
        pytest.param(GOOD.split("signature:")[0], "is not signed", id="no block"),
    ],
)
def test_what_is_not_signed(layout: str, words: str):
    assert words in complaint(layout)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("abc", "does not consist of"),
        (["ed25519"], "does not consist of"),
        (without(signature_of(CONTENT), "key"), "does not consist of"),
        ({**signature_of(CONTENT), "more": "x"}, "does not consist of"),
        ({**signature_of(CONTENT), "algorithm": "none"}, "another algorithm"),
        ({**signature_of(CONTENT), "algorithm": "Ed25519"}, "another algorithm"),
        ({**signature_of(CONTENT), "algorithm": ["ed25519"]}, "another algorithm"),
        ({**signature_of(CONTENT), "key": ""}, "is no key id"),
        ({**signature_of(CONTENT), "key": KEY.id + "\n"}, "is no key id"),
        ({**signature_of(CONTENT), "key": [KEY.id]}, "is no key id"),
        ({**signature_of(CONTENT), "key": KEY.id[:-1] + "/"}, "is no key id"),
        ({**signature_of(CONTENT), "value": ""}, "88 characters"),
        ({**signature_of(CONTENT), "value": {"a": "b"}}, "88 characters"),
        ({**signature_of(CONTENT), "value": signature_of(CONTENT)["value"] + "\n"}, "88 char"),
        ({**signature_of(CONTENT), "value": "A" * 88}, "88 characters"),
        ({**signature_of(CONTENT), "value": "-" * 86 + "=="}, "88 characters"),
        ({**signature_of(CONTENT), "value": "A" * 85 + "B=="}, "not canonical"),
    ],
)
def test_a_signature_of_another_form(block: object, words: str):
    assert words in complaint(document({**CONTENT, "signature": block}))
