"""Whose signature counts, and what it covers."""

import base64
from typing import Any

import pytest
import yaml

from hotslot.domain import refusals
from hotslot.domain.refusals import Refusal
from hotslot.licensefiles import (
    Keys,
    SigningKey,
    UnreadableLicenseFileError,
    UntrustedLicenseFileError,
    read_license_file,
    write_license_file,
)
from tests.licensefiles.material import (
    CONTENT,
    FILE,
    KEY,
    NONE,
    OWN,
    document,
    key,
    listed,
    signature_of,
    signed,
    without,
)

OTHER = key(2)
GOOD = write_license_file(FILE, KEY)
INVALID = refusals.LicenseFileSignatureInvalid()


def refusal(text: str, own: Keys = OWN, trusted: Keys = NONE) -> Refusal:
    with pytest.raises(UntrustedLicenseFileError) as caught:
        read_license_file(text, own, trusted)
    assert str(caught.value) == caught.value.refusal.detail()
    return caught.value.refusal


def keys(*these: SigningKey) -> Keys:
    return Keys(None, tuple(map(listed, these)))


def test_a_key_of_this_server():
    assert read_license_file(GOOD, OWN, NONE).own
    assert read_license_file(GOOD, OWN, keys(OTHER)).own


def test_a_key_that_is_trusted():
    presented = read_license_file(GOOD, NONE, keys(OTHER, KEY))
    assert not presented.own
    assert presented.key == KEY.id


def test_a_key_that_is_both_is_our_own():
    assert read_license_file(GOOD, OWN, keys(KEY)).own


def test_rotated_keys_still_verify():
    own = Keys(OTHER, (listed(KEY), listed(OTHER, "signing")))
    assert read_license_file(GOOD, own, NONE).own


def test_an_unknown_key():
    assert refusal(GOOD, NONE, NONE) == refusals.LicenseFileKeyUnknown(key=KEY.id)
    assert refusal(GOOD, keys(OTHER), keys(key(3))) == refusals.LicenseFileKeyUnknown(key=KEY.id)


def test_a_revoked_key():
    revoked = Keys(None, (listed(KEY, "revoked"),))
    for own, trusted in ((revoked, NONE), (NONE, revoked), (revoked, OWN), (OWN, revoked)):
        assert refusal(GOOD, own, trusted) == refusals.LicenseFileKeyRevoked(key=KEY.id)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("license", "acme-2"),
        ("product", "scanner"),
        ("customer", "Unïted Åcme"),
        ("slots", "20"),
        ("issued_at", "2026-11-22T11:00:00.123457Z"),
        ("expires_at", "never"),
        ("rights", ["process"]),
        ("deployment", "P-2"),
        ("extra", "x"),
    ],
)
def test_tampered_content(name: str, value: Any):
    text = document({**CONTENT, name: value, "signature": signature_of(CONTENT)})
    assert refusal(text) == INVALID


@pytest.mark.parametrize("name", sorted(CONTENT.keys() - {"format"}))
def test_content_that_was_taken_out(name: str):
    assert (
        refusal(document({**without(CONTENT, name), "signature": signature_of(CONTENT)})) == INVALID
    )


def test_what_is_not_verified_is_not_looked_at():
    """Nonsense under a signature that does not fit is a forgery, and not a mistake in a field."""
    text = document({"format": CONTENT["format"], "x": [], "signature": signature_of(CONTENT)})
    assert refusal(text) == INVALID


def test_a_tampered_signature():
    value = signature_of(CONTENT)["value"]
    for place in (0, 42, 43, 84):
        digit = "A" if value[place] != "A" else "B"
        block = {**signature_of(CONTENT), "value": value[:place] + digit + value[place + 1 :]}
        assert refusal(document({**CONTENT, "signature": block})) == INVALID


def test_a_signature_of_another_key_under_our_name():
    block = {**signature_of(CONTENT, OTHER), "key": KEY.id}
    assert refusal(document({**CONTENT, "signature": block}), OWN, keys(OTHER)) == INVALID


@pytest.mark.parametrize("prefix", [b"", b"hotslot-license-file/2\n", b"hotslot-license-file/1"])
def test_a_signature_for_another_purpose(prefix: bytes):
    text = document({**CONTENT, "signature": signature_of(CONTENT, prefix=prefix)})
    assert refusal(text) == INVALID


def test_a_newer_format_is_not_taken_for_a_forgery():
    """Its signature is for other bytes than those that we would verify."""
    content = {**CONTENT, "format": "hotslot-license-file/2"}
    block = signature_of(content, prefix=b"hotslot-license-file/2\n")
    with pytest.raises(UnreadableLicenseFileError, match="a newer version of Hotslot"):
        read_license_file(document({**content, "signature": block}), OWN, NONE)


def test_a_signature_has_one_form_only():
    """Adding the order of the group gives another number that some verifiers take for the same."""
    order = 2**252 + 27742317777372353535851937790883648493
    value = base64.b64decode(signature_of(CONTENT)["value"])
    other = value[:32] + (int.from_bytes(value[32:], "little") + order).to_bytes(32, "little")
    block = {**signature_of(CONTENT), "value": base64.b64encode(other).decode()}
    assert refusal(document({**CONTENT, "signature": block})) == INVALID


def test_layout_is_free():
    """Order, quotes, comments, flow and block: the values are what is signed."""
    fields = {"signature": signature_of(CONTENT), **dict(reversed(CONTENT.items()))}
    texts = [
        yaml.safe_dump(fields, sort_keys=False),
        yaml.safe_dump(fields, default_flow_style=True, width=1000),
        yaml.safe_dump(fields, default_style="|"),
        "--- # hello\n"
        + signed(CONTENT, customer='\n  "\\u00DCn\\xEFted\n  Åcme" # hello')
        + "...\n",
        "\n\n# hello\n" + GOOD.replace('"2"', "2").rstrip("\n"),
    ]
    assert [read_license_file(text, OWN, NONE).file for text in texts] == [FILE] * len(texts)
