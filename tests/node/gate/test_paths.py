"""No way of writing a path gets a call past the gate."""

import posixpath
import re
import unicodedata
from collections.abc import Callable
from urllib.parse import unquote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotslot.node.gate.paths import read_path
from hotslot.node.gate.refusals import CallRefusedError
from hotslot.node.gate.rules import Rules

RULES = Rules()

HELD_BACK = [
    b"/file",
    b"/file/",
    b"/file/sync",
    b"/files",
    b"/FILE",
    b"/FiLe",
    b"/%66ile",
    b"/%46%49%4c%45",
    b"/fil%65",
    b"/file:x",
    b"/file%20x",
    b"/file%3Fx",
    "/\ufb01le".encode(),  # a ligature
    "/\uff46\uff49\uff4c\uff45".encode(),  # full width
]
REFUSED = [
    b"//file",
    b"///file",
    b"/./file",
    b"/../file",
    b"/x/../file",
    b"/x/./../file",
    b"/%2e/file",
    b"/x/%2e%2e/file",
    b"/x/%2E./file",
    b"/.../file",
    b"/file;x=1",
    b"/;/file",
    b"/x;/../file",
    b"/%3b/file",
    b"/x%2f..%2ffile",
    b"/%2ffile",
    b"/%2Ffile",
    b"/\\file",
    b"/%5cfile",
    b"/x\\..\\file",
    b"/file.",
    b"/file%2e",
    b"/file..",
    b"/file%20",
    b"/admin./file",
    b"/%2566ile",
    b"/%252e%252e/file",
    b"/%252ffile",
    b"/fi%00le",
    b"/file%00.txt",
    b"/fi%0ale",
    b"/fi%09le",
    b"/fi%7fle",
    b"/fi%e2%80%8ble",  # a space of no width
    b"/fi%c2%adle",  # a soft hyphen
    b"/%c0%afile",
    b"/%e0%80%afile",
    b"/%u0066ile",
    b"/%6",
    b"/%",
    b"/%zz",
    b"/a%",
    b"*",
    b"",
    b"file",
    b"http://x/file",
    b"/fi le",
    b"/file#x",
    b"/file?x",
    b"/file|x",
    b"/fi\xefle",
]
PASSED = [b"/", b"/admin/license", b"/admin/config/rule/a%20b", b"/x/file", b"/stat/engines/"]
PASSED += [b"/100%25", b"/a.b/c", b"/version", b"/fil", b"/a%26b=c,d(e)", b"/%E2%82%AC", b"/~a/@b"]


@pytest.mark.parametrize("raw", HELD_BACK)
def test_every_way_to_write_a_held_back_path_is_held_back(raw):
    encoded = b"".join(bytes([b]) if b < 0x80 else b"%%%02X" % b for b in raw)
    assert RULES.count("POST", read_path(encoded))
    assert RULES.count("post", read_path(encoded))
    assert not RULES.count("GET", read_path(encoded))


@pytest.mark.parametrize("raw", REFUSED)
def test_a_path_that_two_programs_may_read_as_two_is_refused(raw):
    with pytest.raises(CallRefusedError, match="not passed on") as refused:
        read_path(raw)
    assert refused.value.status == 400


@pytest.mark.parametrize("raw", PASSED)
def test_other_paths_pass(raw):
    path = read_path(raw)
    assert path == unquote(raw.decode())
    assert not RULES.count("POST", path)


def _readings(raw: bytes) -> set[str]:
    """What programs are known to make of a path, and of what others have made of it."""
    readers: list[Callable[[str], str]] = [
        lambda path: unquote(path, errors="replace"),
        lambda path: path.replace("\\", "/"),
        lambda path: re.sub(r"/{2,}", "/", path),
        lambda path: re.sub(r";[^/]*", "", path),
        lambda path: posixpath.normpath(path) if path.startswith("/") else path,
        lambda path: re.sub(r"[. ]+(?=/|$)", "", path),
        lambda path: path.split("\x00")[0],
        lambda path: path.split("#")[0].split("?")[0],
        lambda path: "".join(char for char in path if char.isprintable()),
        str.lower,
        lambda path: unicodedata.normalize("NFKC", path),
    ]
    found = {raw.decode("latin-1"), unquote_to_bytes(raw).decode("utf-8", "replace")}
    for _ in range(3):
        found |= {reader(path) for path in found for reader in readers}
    return found


_PARTS = ["file", "FILE", "f", "ile", "%66", "%2e", "%2F", "%5c", "%25", "66", "2f", "%00", "%20"]
_PARTS += ["/", "//", ".", "..", ";", "\\", "x", "admin", "%3b", "%c0%af", "?", "#", "%EF%AC%81le"]


@given(st.lists(st.sampled_from(_PARTS), max_size=8).map("".join))
def test_what_some_program_reads_as_a_held_back_path_is_held_back_or_refused(rest):
    raw = f"/{rest}".encode()
    try:
        path = read_path(raw)
    except CallRefusedError:
        return
    if any(reading.startswith("/file") for reading in _readings(raw)):
        assert RULES.count("POST", path)


@given(st.binary(max_size=20))
def test_any_bytes_are_read_or_refused(rest):
    raw = b"/" + rest
    try:
        path = read_path(raw)
    except CallRefusedError:
        return
    assert path.startswith("/")
    if any(reading.startswith("/file") for reading in _readings(raw)):
        assert RULES.count("POST", path)


@pytest.mark.parametrize(
    ("rule", "method", "path", "counts"),
    [
        ("POST /file*", "POST", "/file/a/b", True),
        ("POST /file*", "PUT", "/file", False),
        ("* /scan", "GET", "/scan", True),
        ("* /scan", "GET", "/scan/x", False),
        ("put /a*z", "PUT", "/a/b/z", True),
        ("put /a*z", "PUT", "/a/b/zz", True),
        ("put /a*z", "PUT", "/a/b", False),
        ("POST /a.b", "POST", "/axb", False),
        ("POST /[ab]", "POST", "/a", False),
        ("POST /Upload", "POST", "/uPLOAD", True),
        (" POST  /x ", "POST", "/x", None),
        ("POST file", "POST", "/file", None),
        ("/file", "POST", "/file", None),
        ("", "POST", "/file", None),
        ("POST /a b", "POST", "/a", None),
    ],
)
def test_rules_are_a_method_and_a_path(rule, method, path, counts):
    if counts is None:
        with pytest.raises(ValueError, match="is no call"):
            Rules([rule])
    else:
        assert Rules(["PATCH /other", rule]).count(method, path) is counts


def test_a_gate_that_would_hold_nothing_back_is_refused():
    with pytest.raises(ValueError, match="No call would be held back"):
        Rules([])
