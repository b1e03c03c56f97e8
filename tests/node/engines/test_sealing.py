"""What is signed can't be changed, and counts for nothing else than what it was signed as."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotslot.licensefiles import Keys
from hotslot.node.engines import ContentInvalidError
from hotslot.node.engines.forms import Limits, read_index, read_manifest
from hotslot.node.engines.sealing import canonical, seal, unseal, unseal_unverified
from tests.licensefiles.material import listed
from tests.node.engines.material import KEY, KEYS, OTHER, OTHERS, index, manifest, sealed

KIND = "a-kind/1"
SEALED = seal({"name": "value", "numbers": [1, 2]}, KIND, KEY)

# The last digit before "==" with another of its four bits that stand for nothing.
_LAST = SEALED[SEALED.index(b"==") - 1 :][:1]
SPARE_BITS = (_LAST + b"==", bytes([_LAST[0] + 1]) + b"==")

contents = st.dictionaries(
    st.text(max_size=5).filter(lambda name: name not in ("format", "signature")),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=5,
    ),
    max_size=5,
)


@given(contents)
def test_what_was_sealed_is_read_again(content: dict[str, Any]):
    data = seal(content, KIND, KEY)
    assert unseal(data, KIND, KEYS, what="It") == content
    assert unseal_unverified(data, KIND, what="It") == content


@given(at=st.integers(0, len(SEALED) - 1), bit=st.integers(0, 7))
def test_no_changed_bit_is_taken(at: int, bit: int):
    changed = bytearray(SEALED)
    changed[at] ^= 1 << bit
    with pytest.raises(ContentInvalidError):
        unseal(bytes(changed), KIND, KEYS, what="It")


@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_whatever_comes_is_refused_in_words(data: bytes):
    with pytest.raises(ContentInvalidError, match=r"^It "):
        unseal(data, KIND, KEYS, what="It")


@pytest.mark.parametrize(
    ("data", "keys", "complaint"),
    [
        (SEALED, Keys(), "a key that is not trusted here"),
        (SEALED, OTHERS, "a key that is not trusted here"),
        (SEALED, Keys(None, (listed(KEY, "revoked"),)), "a key that was revoked"),
        (SEALED.replace(b"value", b"valid", 1), KEYS, "was changed after it was signed"),
        (SEALED.replace(b"==", b"x=", 1), KEYS, "not signed as Hotslot signs"),
        (SEALED.replace(*SPARE_BITS), KEYS, "not signed as Hotslot signs"),
        (SEALED.replace(b"ed25519", b"ed25518"), KEYS, "another algorithm"),
        (SEALED.replace(b":[1,2]", b":[1, 2]"), KEYS, "not in canonical form"),
        (SEALED + b"\n", KEYS, "not in canonical form"),
        (b"[" * 100_000, KEYS, "no JSON"),
        (b'{"a":NaN}', KEYS, "no JSON"),
        (b'"\\ud800"', KEYS, "no JSON"),
        (b"[]", KEYS, "not in canonical form"),
        (canonical({"format": KIND}), KEYS, "not signed as Hotslot signs"),
        (canonical({"format": KIND, "signature": {"key": "a"}}), KEYS, "not signed as Hotslot"),
    ],
)
def test_what_is_wrong_is_told(data: bytes, keys: Keys, complaint: str):
    with pytest.raises(ContentInvalidError, match=complaint):
        unseal(data, KIND, keys, what="It")


def test_a_signature_for_one_kind_fits_no_other():
    fields = json.loads(SEALED)
    with pytest.raises(ContentInvalidError, match="another format than other/1"):
        unseal(SEALED, "other/1", KEYS, what="It")
    with pytest.raises(ContentInvalidError, match="changed after it was signed"):
        unseal(canonical({**fields, "format": "other/1"}), "other/1", KEYS, what="It")


def test_what_is_signed_is_the_format_and_the_rest_in_canonical_form():
    """As docs/engines.md tells other implementations."""
    signature = json.loads(SEALED)["signature"]
    message = b'a-kind/1\n{"format":"a-kind/1","name":"value","numbers":[1,2]}'
    assert signature["key"] == KEY.id
    assert signature["value"] == b64encode(KEY.sign(message)).decode()


@pytest.mark.parametrize(
    "other",
    [
        {"engine": "../up"},
        {"engine": ".hidden"},
        {"engine": ""},
        {"name": "two\nlines"},
        {"version": "a/b"},
        {"file": "../up"},
        {"file": "/etc/passwd"},
        {"file": "a\n"},
        {"size": -1},
        {"size": 1.5},
        {"sha256": "00"},
        {"sha256": "AB" * 32},
        {"more": 1},
    ],
)
def test_an_index_of_another_form_is_refused(other: dict[str, Any]):
    with pytest.raises(ContentInvalidError, match="another form than is known"):
        read_index(index({"demo": b""}, **other), KEYS)


def test_an_index_lists_an_engine_once():
    with pytest.raises(ContentInvalidError, match="lists an engine twice"):
        read_index(index({"a": b"", "b": b""}, engine="demo"), KEYS)


@pytest.mark.parametrize(
    "other",
    [
        {"type": "program"},
        {"made_at": "2026-11-22T12:00:00"},
        {"files": []},
        {"files": [{"name": "../up", "size": 1, "sha256": "00" * 32}]},
        {"files": [{"name": "a/b", "size": 1, "sha256": "00" * 32}]},
        {"files": [{"name": "/a", "size": 1, "sha256": "00" * 32}]},
        {"serial": 1},
    ],
)
def test_a_manifest_of_another_form_is_refused(other: dict[str, Any]):
    _, data = sealed(manifest({"a": b""}, **other))
    with pytest.raises(ContentInvalidError, match="another form than is known"):
        read_manifest(data, KEYS, Limits())


def test_a_manifest_is_of_no_other_kind():
    with pytest.raises(ContentInvalidError, match="another format"):
        read_manifest(index({}), KEYS, Limits())
    _, data = sealed(manifest({"a": b""}), OTHER)
    with pytest.raises(ContentInvalidError, match="not trusted"):
        read_manifest(data, KEYS, Limits())
