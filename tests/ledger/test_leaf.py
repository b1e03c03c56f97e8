"""The leaf of an event, to the byte: every proof ever given is of these bytes."""

import pytest

from hotslot.ledger.leaf import MAX_LEAF_BYTES, leaf, leaf_size


def test_a_leaf_is_one_line_that_holds_the_state_byte_for_byte() -> None:
    state = '{"b": 1,  "a":"é\\u00e9"}'.encode()

    made = leaf(7, "license:lic-1", 3, "license.issued", state)

    assert made == (
        b'{"position":7,"stream":"license:lic-1","version":3,"type":"license.issued",'
        b'"event":{"b": 1,  "a":"\xc3\xa9\\u00e9"}}'
    )


def test_names_are_json_whatever_they_hold() -> None:
    made = leaf(1, 'license:"\\\n', 1, "license.issued", b"{}")

    assert made == (
        rb'{"position":1,"stream":"license:\"\\\n","version":1,"type":"license.issued","event":{}}'
    )


@pytest.mark.parametrize("stream", ["license:lic-1", 'a"\\\n', "é"])
def test_the_size_is_that_of_the_last_position_and_version_there_can_be(stream: str) -> None:
    most = 9223372036854775807
    size = leaf_size(stream, "license.issued", b'{"v":1}')

    assert size == len(leaf(most, stream, most, "license.issued", b'{"v":1}'))
    assert size == len(leaf(1, stream, 1, "license.issued", b'{"v":1}')) + 36


def test_a_length_fits_into_two_bytes() -> None:
    assert MAX_LEAF_BYTES.bit_length() == 16
    assert (MAX_LEAF_BYTES + 1).bit_length() == 17
