"""The form of an entry, and its place.

The logs here are signed as they stand: nothing but the rules of the product is wrong with them.
"""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotslot.domain import commands, events
from hotslot_verify.verify import Bad, Replay
from tests.verify.conftest import Verify
from tests.verify.logs import (
    History,
    activate,
    changed,
    issue,
    leaf,
    nominate,
    renumbered,
    story,
)
from tests.verify.replaying import broken, replay

# --- The form of an entry, and its place ----------------------------------------------------------


def test_positions_are_dense():
    leaves = story().leaves
    gap = [changed(leaves[3], lambda entry: entry.update(position=5))]

    assert broken([*leaves[:3], *gap])[1] == 3
    assert broken([changed(leaves[0], lambda entry: entry.update(position=2))]) == ("position", 0)


def test_versions_are_dense():
    history = History().do(issue("l")).do(commands.SuspendLicense(license="l"))
    gap = changed(history.leaves[1], lambda entry: entry.update(version=3))

    assert broken([history.leaves[0], gap]) == ("version", 1)


@pytest.mark.parametrize("stream", ["license:m", "deployment:l", "key:l", "l"])
def test_an_event_on_another_stream(stream: str):
    other = changed(History().do(issue("l")).leaves[0], lambda e: e.update(stream=stream))

    assert broken([other]) == ("stream", 0)


def test_a_refusal_stands_with_what_it_is_about():
    refused = events.CommandRefused(
        command="activate", code="x", license=None, deployment="a", asked={"b": {"c": 1}}, detail=""
    )
    good = History().record(refused).leaves
    replay(good)

    other = changed(good[0], lambda entry: entry.update(stream="deployment:b"))
    assert broken([other]) == ("stream", 0)


def test_a_type_that_is_not_known_is_a_notice(verify: Verify):
    leaves = story().leaves
    state = b'{"v":1,"context":%s,"data":{}}' % context_of(leaves[0])
    new = [leaf(len(leaves) + k, "license:l", 90 + k, "license.sold", state) for k in (1, 2)]
    versions = renumbered([*leaves, *new])

    report = verify(versions)

    assert report.problems == []
    assert [n for n in report.notices if "license.sold" in n and n.startswith("2 ")]


def context_of(leaf_: bytes) -> bytes:
    return leaf_[leaf_.index(b'"context":') + 10 : leaf_.index(b',"data":')]


@pytest.mark.parametrize("data", [b"{not json}", b'{"a":1,"a":2}', b'{"a":Infinity}'])
def test_a_type_that_is_not_known_is_json_all_the_same(data: bytes):
    front, _, _ = GOOD.partition(b'"data":')
    leaf_ = front.replace(b"license.issued", b"license.blessed") + b'"data":'
    assert not no_entry(leaf_ + b"{}}}")

    assert no_entry(leaf_ + data + b"}}")


def test_an_id_has_one_spelling():
    """Or one deployment would pass for two with whoever compares the text."""
    leaves = [
        leaf_.replace(b'"deployment":"a"', b'"deployment":"\\u0061"')
        for leaf_ in History().do(issue("l")).do(activate("a")).leaves
    ]

    with pytest.raises(ValueError, match="other fields"):
        replay(leaves)


def test_a_shape_that_is_not_known():
    newer = changed(History().do(issue("l")).leaves[0], lambda e: e["event"].update(v=2))

    assert broken([newer]) == ("shape", 0)


GOOD = History().do(issue("l")).leaves[0]
REFUSED = History().do(issue("l")).do(nominate("a")).do(activate("x", "y")).leaves


def no_entry(leaf_: bytes) -> bool:
    try:
        Replay().entry(leaf_)
    except (ValueError, ArithmeticError, RecursionError):
        return True
    return False


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"position":1', b'"position":1,"position":1'),
        (b'"position":1', b'"position":"1"'),
        (b'"position":1', b'"position":1.0'),
        (b'"position":1', b'"position":01'),
        (b'"position":1', b'"position": 1'),
        (b'"slots":2', b'"slots":"2"'),
        (b'"slots":2', b'"slots":true'),
        (b'"slots":2', b'"slots":2.0'),
        (b'"slots":2', b'"slots":-2'),
        (b'"slots":2', b'"slots":1' + b"0" * 5000),
        (b'"slots":2', b'"slots":null'),
        (b'"slots":2', b'"slots":1,"slots":2'),
        (b'"slots":2,', b""),
        (b'"slots":2', b'"slots":2,"more":1'),
        (b'"product":"scanner"', b'"product":null'),
        (b'"product":"scanner"', b'"product":"a\tb"'),
        (b'"product":"scanner"', b'"product":"a"b"'),
        (b'"product":"scanner"', b'"product":"\\q"'),
        (b'"product":"scanner"', b'"product":"\\u1"'),
        (b'"license":"l"', b'"license":"\\u006c"'),
        (b'"product":"scanner"', b'"product":"\xff"'),
        (b'"expires_at":null', b'"expires_at":"tomorrow"'),
        (b'"expires_at":null', b'"expires_at":"2026-13-01T00:00:00Z"'),
        (b'"at":"2026', b'"at":"x2026'),
        (b'"at":"2026-01', b'"at":"2026-00'),
        (b'"kind":"key"', b'"kind":1'),
        (b'"trace_id":null', b'"trace_id":[]'),
        (b'"v":1', b'"v":"1"'),
        (b"}}}", b"}}} "),
        (b"}}}", b"}}"),
        (b'{"position"', b' {"position"'),
    ],
)
def test_an_entry_has_one_form(old: bytes, new: bytes):
    assert GOOD.count(old) == 1 or old == b"}}}"
    assert not no_entry(GOOD)

    assert no_entry(GOOD.replace(old, new))


@pytest.mark.parametrize("leaf_", [b"", b"{}", b"null", b"[" * 60_000, b"\0", b'{"position":1'])
def test_what_is_no_entry(leaf_: bytes):
    assert no_entry(leaf_)


@pytest.mark.parametrize(
    "asked",
    [
        b'{"a":NaN}',
        b'{"a":1,"a":1}',
        b'{"a":1}}',
        b'{},"detail":"","x":{}',
        b"{" + b"[" * 60_000 + b"}",
    ],
)
def test_what_was_asked_is_an_object_too(asked: bytes):
    refused = events.CommandRefused(
        command="activate", code="x", license=None, deployment="a", asked={"b": 1}, detail=""
    )
    good = History().record(refused).leaves[0]
    assert not no_entry(good)

    assert no_entry(good.replace(b'{"b":1}', asked))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_changed_byte_never_ends_in_an_error_of_the_program(data: st.DataObject):
    leaves = story().leaves
    index = data.draw(st.integers(0, len(leaves) - 1))
    at = data.draw(st.integers(0, len(leaves[index]) - 1))
    mangled = bytearray(leaves[index])
    mangled[at] = data.draw(st.integers(0, 255))
    replayed = Replay()
    try:
        for each in [*leaves[:index], bytes(mangled), *leaves[index + 1 :]]:
            replayed.entry(each)
    except (Bad, ValueError, ArithmeticError, RecursionError):
        pass


def test_text_with_escapes_is_read():
    history = History()
    history.do(
        commands.IssueLicense(
            license="l",
            product='a "quoted" \\ name, "data":{} \N{EM DASH}',
            customer='},"data":{"x":1}}}',
            slots=1,
            expires_at=datetime(2027, 1, 1, tzinfo=UTC),
            activation_key_sha256="",
        )
    )

    replay(history.leaves)
