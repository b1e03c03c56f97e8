"""Every document that loads is one that the schema describes, however well it is signed."""

import copy
from typing import Any

import pytest
import yaml
from hypothesis import event, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hotslot.api import bodies
from hotslot.domain.license_file import LicenseFile
from hotslot.licensefiles import UnreadableLicenseFileError, read_license_file, schema
from tests.licensefiles.material import (
    CONTENT,
    FILE,
    NONE,
    OWN,
    license_files,
    patient,
    signature_of,
    signed,
    without,
)

_ID = {"type": "string", "pattern": r"\A[A-Za-z0-9][A-Za-z0-9._~:@-]{0,127}\Z"}
_TEXT = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "pattern": r"\A[^\x00-\x1f\x7f-\x9f]*\Z",
}
_TIME = {
    "type": "string",
    "pattern": r"\A[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z\Z",
}
_RIGHTS = ["process", "engines.download", "engines.upload", "engines.deploy"]
DESCRIPTION = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "format": {"const": "hotslot-license-file/1"},
            "license": _ID,
            "product": _TEXT,
            "customer": _TEXT,
            "slots": {"type": "string", "pattern": r"\A([1-9][0-9]{0,4}|100000)\Z"},
            "issued_at": _TIME,
            "expires_at": {"anyOf": [{"const": "never"}, _TIME]},
            "rights": {"const": _RIGHTS},
            "deployment": _ID,
        },
        "required": sorted(CONTENT.keys() - {"deployment"}),
        "additionalProperties": False,
    }
)
NOT_IN_THE_CALENDAR = "2027-02-30T00:00:00.000000Z"

odd_texts = st.sampled_from(
    [
        "",
        "yes",
        "~",
        "null",
        "0",
        "007",
        "+1",
        "1_000",
        "100000",
        "100001",
        "never",
        "P-1",
        "\x00",
        "a\n",
        "2027-11-22",
        "2027-11-22T00:00:00Z",
        "2027-11-22T24:00:00.000000Z",
        "é" * 200,
        "0000-01-01T00:00:00.000000Z",
        "\uff12",
        "1" * 129,
        "é" * 201,
        NOT_IN_THE_CALENDAR,
        "a b",
    ]
)
odd_values = st.recursive(
    odd_texts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(odd_texts, inner)
)
names = st.sampled_from([*CONTENT, "extra", "License", "slots ", "", "é"])


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """The content of a file, with up to three things about it that may be wrong."""
    content: dict[str, Any] = copy.deepcopy(draw(license_files).content())
    for change in draw(st.lists(st.sampled_from(["value", "none", "right", "swap"]), max_size=3)):
        name = draw(names)
        if change == "value":
            content[name] = draw(odd_values)
        elif change == "none":
            content.pop(name, None)
        elif change == "right" and isinstance(content.get("rights"), list):
            content["rights"] = draw(st.permutations(content["rights"])) + draw(
                st.lists(odd_texts, max_size=1)
            )
        else:
            content = {each: content[each] for each in draw(st.permutations(list(content)))}
    return content


def is_described(content: dict[str, Any]) -> bool:
    times = (content.get("issued_at"), content.get("expires_at"))
    in_the_calendar = not {NOT_IN_THE_CALENDAR, "0000-01-01T00:00:00.000000Z"}.intersection(
        time for time in times if isinstance(time, str)
    )
    return DESCRIPTION.is_valid(content) and in_the_calendar


@patient
@given(
    contents(),
    st.sampled_from([None, '"', "'", "|", ">"]),
    st.booleans(),
    st.booleans(),
)
def test_what_loads_is_what_the_schema_describes(
    content: dict[str, Any], style: str | None, flow: bool, sort: bool
):
    text = yaml.safe_dump(
        {**content, "signature": signature_of(content)},
        default_style=style,
        default_flow_style=flow,
        sort_keys=sort,
    )
    try:
        presented = read_license_file(text, OWN, NONE)
    except UnreadableLicenseFileError:
        event("refused")
        assert not is_described(content)
    else:
        event("loaded")
        assert is_described(content)
        assert presented.file.content() == content


@patient
@given(license_files)
def test_what_is_written_is_described(file: LicenseFile):
    assert is_described(file.content())


def complaint(text: str) -> str:
    with pytest.raises(UnreadableLicenseFileError) as caught:
        read_license_file(text, OWN, NONE)
    return str(caught.value)


@pytest.mark.parametrize("name", sorted(CONTENT.keys() - {"deployment", "format"}))
def test_a_field_that_is_missing(name: str):
    assert f"the field `{name}` is missing" in complaint(signed(without(CONTENT, name)))


def test_the_deployment_may_be_left_out():
    file = read_license_file(signed(without(CONTENT, "deployment")), OWN, NONE).file
    assert file.deployment is None


@pytest.mark.parametrize("name", ["extra", "Slots", "<<", "", "null"])
def test_a_field_that_is_not_known(name: str):
    """A vendor who wrote a field meant something by it: it is not passed over."""
    assert f"the field {name!r} is not known" in complaint(signed({**CONTENT, name: "x"}))


@pytest.mark.parametrize("name", sorted(CONTENT.keys() - {"format", "rights"}))
@pytest.mark.parametrize("value", [["x"], [], {"a": "b"}, ""])
def test_a_list_or_a_group_or_nothing_where_a_text_belongs(name: str, value: object):
    assert f"the field `{name}` is " in complaint(signed({**CONTENT, name: value}))


@pytest.mark.parametrize(
    "value",
    [
        "process",
        [],
        ["process"],
        [*CONTENT["rights"], "administer"],
        CONTENT["rights"][::-1],
        [*CONTENT["rights"][:3], ["engines.deploy"]],
        {"process": "yes"},
    ],
)
def test_other_rights(value: object):
    assert "the field `rights` is " in complaint(signed({**CONTENT, "rights": value}))


@pytest.mark.parametrize(
    "plain",
    [
        "yes",
        "no",
        "on",
        "true",
        "null",
        "~",
        "012",
        "0o14",
        "0x10",
        "0b1",
        "1_000",
        "1e3",
        "1.0",
        "+5",
        "-5",
        "0",
        "05",
        "1:30",
        "2026-11-22",
        ".inf",
        "100001",
        "9999999",
        "\u0663",
    ],
)
def test_slots_are_what_is_written_and_not_what_yaml_makes_of_it(plain: str):
    """YAML has a number, a truth value or a date for these; here each is the text that it is."""
    content = {**CONTENT, "slots": plain}
    assert f"the field `slots` is {plain!r}" in complaint(signed(content, slots=plain))


@pytest.mark.parametrize("name", ["issued_at", "expires_at"])
@pytest.mark.parametrize(
    "plain",
    [
        "yes",
        "null",
        "~",
        "Never",
        "0",
        "2026-11-22",
        "2026-11-22 11:00:00",
        "1795345200",
        "2026-11-22T11:00:00Z",
        "2026-11-22T11:00:00.123Z",
        "2026-11-22T11:00:00.123456+00:00",
        "2026-11-22t11:00:00.123456z",
        "2026-11-22T11:00:00.123456",
        "2026-02-30T11:00:00.123456Z",
        "2026-11-22T24:00:00.000000Z",
        "2026-11-22T23:59:60.000000Z",
        "0000-11-22T11:00:00.123456Z",
        "2026-W47-7T11:00:00.123456Z",
        "20261122T110000.123456Z",
        "12026-11-22T11:00:00.123456Z",
    ],
)
def test_times_have_one_form(name: str, plain: str):
    content = {**CONTENT, name: plain}
    assert f"the field `{name}` is {plain!r}" in complaint(signed(content, **{name: plain}))


def test_only_the_end_may_be_never():
    assert (
        read_license_file(signed({**CONTENT, "expires_at": "never"}), OWN, NONE).file.expires_at
        is None
    )
    assert "`issued_at` is 'never'" in complaint(signed({**CONTENT, "issued_at": "never"}))


@pytest.mark.parametrize("plain", ["yes", "012", "0x10", "1_000", "null", "2026-11-22", "1.0"])
def test_a_text_may_look_like_something_else(plain: str):
    """And is the same text, quoted or not."""
    content = {**CONTENT, "product": plain, "license": plain}
    for text in (signed(content), signed(content, product=plain, license=plain)):
        file = read_license_file(text, OWN, NONE).file
        assert (file.product, file.license) == (plain, plain)


def test_null_is_no_text():
    for plain in ("", "~"):
        content = {**CONTENT, "license": plain}
        assert "the field `license` is " in complaint(signed(content, license=plain))


@pytest.mark.parametrize("name", ["license", "deployment"])
@pytest.mark.parametrize("value", ["-a", ".a", "a b", "a/b", "é", "a\n", "\n", "a" * 129, "a\x00"])
def test_ids_have_the_form_of_the_api(name: str, value: str):
    assert f"the field `{name}` is " in complaint(signed({**CONTENT, name: value}))


@pytest.mark.parametrize("name", ["product", "customer"])
@pytest.mark.parametrize("value", ["a\n", "\t", "\x00", "\x7f", "\x85", "a" * 201])
def test_texts_have_the_form_of_the_api(name: str, value: str):
    text = yaml.safe_dump(
        {**CONTENT, name: value, "signature": signature_of({**CONTENT, name: value})}
    )
    assert f"the field `{name}` is " in complaint(text)


def test_the_api_takes_just_what_a_file_can_hold():
    """A license that was issued can be written, and one in a file can be issued."""
    assert f"^{schema.ID.pattern}$" == bodies.ID_PATTERN
    assert schema.TEXT.pattern.removesuffix("{1,200}") == (
        bodies.TEXT_PATTERN.removeprefix("^").removesuffix("+$")
    )
    assert schema.SLOTS.fullmatch(str(bodies.MAX_SLOTS))
    assert not schema.SLOTS.fullmatch(str(bodies.MAX_SLOTS + 1))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("hotslot-license-file/2", "written by a newer version of Hotslot"),
        ("hotslot-license-file/10", "written by a newer version of Hotslot"),
        ("hotslot-license-file/01", "does not say 'hotslot-license-file/1'"),
        ("hotslot-license-file/0", "does not say 'hotslot-license-file/1'"),
        ("Hotslot-License-File/1", "does not say 'hotslot-license-file/1'"),
        ("1", "does not say"),
        (["hotslot-license-file/1"], "does not say"),
    ],
)
def test_another_format(value: object, words: str):
    assert words in complaint(signed({**CONTENT, "format": value}))
    assert words in complaint(signed({**CONTENT, "format": value, "from": "the future"}))


def test_no_format():
    assert "`format` does not say" in complaint(signed(without(CONTENT, "format")))


def test_the_good_one_is_good():
    """All others differ from it by one thing."""
    assert read_license_file(signed(CONTENT), OWN, NONE).file == FILE
