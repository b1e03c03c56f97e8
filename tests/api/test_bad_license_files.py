"""Files that nobody should take: a clear problem, and nothing recorded beyond the refusal."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.api.calls import Caller, done, problem, refused
from tests.api.sites import Site, Vendor, key_folder, now, signed

KIB_64 = 64 * 1024
MAX_BODY = 7 * KIB_64
"""Six bytes for every one of a file, and what any other body may have."""


class Good(NamedTuple):
    """A good file that the site has not seen, and whom it activates."""

    text: str
    license: str
    d: str

    def with_value(self, name: str, value: str) -> str:
        """The file with another value in the line of a field."""
        (line,) = (line for line in self.text.splitlines() if line.lstrip().startswith(f"{name}:"))
        indent = line[: len(line) - len(line.lstrip())]
        return self.text.replace(line, f'{indent}{name}: "{value}"')

    def value(self, name: str) -> str:
        (line,) = (line for line in self.text.splitlines() if line.lstrip().startswith(f"{name}:"))
        return line.partition(": ")[2].strip('"')


@pytest.fixture
def good(vendor: Vendor, unique: Callable[[str], str]) -> Good:
    license_id = vendor.issued(id=unique("lic"), slots=2, expires_at="2999-01-01T00:00:00Z")
    d = unique("d")
    return Good(vendor.carried(license_id, d), license_id, d)


EITHER = pytest.mark.parametrize("role", ["activation", "backup"])


def present(site: Caller, d: str, role: str, text: str) -> httpx.Response:
    return site.http.put(f"/v1/deployments/{d}/{role}", json={"license_file": text})


def nothing_was_taken(site: Site, good: Good) -> None:
    problem(site.http.get(f"/v1/licenses/{good.license}"), 404, "unknown-license")
    assert site.deployment(good.d)["role"] == "unlicensed"


# Forged, or signed by a key that does not count: worth a record.


def changed_slots(good: Good) -> str:
    return good.with_value("slots", "99999")


def changed_expiry(good: Good) -> str:
    return good.with_value("expires_at", "never")


def changed_deployment(good: Good) -> str:
    return good.with_value("deployment", "another")


def bound_to_nobody(good: Good) -> str:
    return good.text.replace(f'deployment: "{good.d}"\n', "")


def a_right_too_few(good: Good) -> str:
    return good.text.replace('  - "process"\n', "")


def a_right_too_many(good: Good) -> str:
    return good.text.replace('  - "process"\n', '  - "process"\n  - "administer"\n')


def a_field_too_many(good: Good) -> str:
    return good.text.replace("product:", 'unlimited: "yes"\nproduct:')


def another_signature(good: Good) -> str:
    value = bytearray(base64.b64decode(good.value("value")))
    value[10] ^= 1
    return good.with_value("value", base64.b64encode(value).decode())


@EITHER
@pytest.mark.parametrize(
    "forge",
    [
        changed_slots,
        changed_expiry,
        changed_deployment,
        bound_to_nobody,
        a_right_too_few,
        a_right_too_many,
        a_field_too_many,
        another_signature,
    ],
)
def test_what_was_changed_is_refused_and_recorded_once(
    site: Site, good: Good, role: str, forge: Callable[[Good], str]
):
    text = forge(good)
    assert text != good.text
    before = site.head()
    for _ in range(3):
        refused(present(site, good.d, role, text), 403, "license-file-signature-invalid")
    assert site.head() == before + 1
    (entry,) = site.trail(deployment=good.d)
    assert entry["outcome"] == "refused"
    assert entry["data"]["code"] == "license-file-signature-invalid"
    assert entry["data"]["command"] == {"activation": "activate", "backup": "register"}[role]
    nothing_was_taken(site, good)
    done(present(site, good.d, role, good.text))


@EITHER
def test_a_key_that_nobody_trusts(
    site: Site, good: Good, tmp_path: Path, role: str, unique: Callable[[str], str]
):
    stranger = key_folder(tmp_path / "stranger").read().signing
    assert stranger is not None
    before = site.head()
    text = signed(stranger, license=good.license)
    told = refused(present(site, good.d, role, text), 403, "license-file-key-unknown")
    assert stranger.id in told["detail"]
    assert site.head() == before + 1
    nothing_was_taken(site, good)
    # The good key's id does not help a signature that it did not make.
    borrowed = text.replace(stranger.id, good.value("key"))
    refused(present(site, good.d, role, borrowed), 403, "license-file-signature-invalid")
    nothing_was_taken(site, good)


def test_a_key_that_was_revoked(site: Site, vendor: Vendor, unique: Callable[[str], str]):
    lic, d, e = unique("lic"), unique("d"), unique("e")
    first = vendor.signing
    second = vendor.keys.generate(now())
    try:
        site.trusts(vendor.keys)
        text = signed(first, license=lic)
        # Both count while they overlap.
        done(site.register(d, license_file=text))
        done(site.register(d, license_file=signed(vendor.signing, license=lic, issued_at=now())))
        vendor.keys.revoke(first.id)
        site.trusts(vendor.keys)
        before = site.head()
        told = refused(site.register(e, license_file=text), 403, "license-file-key-revoked")
        assert first.id in told["detail"]
        assert site.head() == before + 1
        assert second.id == vendor.signing.id
        done(site.register(e, license_file=signed(vendor.signing, license=lic, issued_at=now())))
    finally:
        # The vendor of these tests goes on with the key that it has now.
        site.trusts(vendor.keys)


def test_a_license_of_another_product_customer_or_vendor(
    site: Site, vendor: Vendor, good: Good, unique: Callable[[str], str]
):
    done(site.activate(good.d, license_file=good.text))
    at_home = site.issued(id=unique("at-home"))
    before = site.license(good.license)
    d = unique("e")
    for said in (
        {"license": good.license, "product": "another"},
        {"license": good.license, "customer": "another"},
        {"license": at_home},  # issued here, and not by that vendor
    ):
        text = signed(vendor.signing, **said, issued_at=now())
        refused(site.register(d, license_file=text), 409, "license-file-for-another-product")
    assert site.license(good.license) == before
    assert site.deployment(d)["role"] == "unlicensed"


# What is no license file: told, and not recorded.


def yaml_bomb(good: Good) -> str:
    lines = ['a0: &a0 ["x", "x", "x", "x", "x", "x", "x", "x", "x"]']
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join([*lines, good.text])


def deep(good: Good) -> str:
    return good.text + "deep: " + "[" * 400


def brackets(good: Good) -> str:
    return good.text + "deep: " + "[" * 30_000


def wide(good: Good) -> str:
    return good.text + "wide: [" + "a," * 30_000 + "a]\n"


def newer_version(good: Good) -> str:
    return good.with_value("format", "hotslot-license-file/2")


UNREADABLE: dict[str, tuple[Callable[[Good], str], str]] = {
    "empty": (lambda g: "", "nothing in it"),
    "a word": (lambda g: "license", "named fields"),
    "a list": (lambda g: "- a\n- b\n", "named fields"),
    "JSON of something else": (lambda g: '{"a": "b"}', "signature"),
    "HTML": (lambda g: "<html><body>Not found</body></html>", ""),
    "half": (lambda g: g.text[: len(g.text) // 2], ""),
    "without a signature": (lambda g: g.text.partition("signature:")[0], "not signed"),
    "another algorithm": (lambda g: g.with_value("algorithm", "none"), "ed25519"),
    "a signature of other length": (lambda g: g.with_value("value", "AAAA"), "88 characters"),
    "a byte order mark": (lambda g: "\ufeff" + g.text, "BOM"),
    "CRLF": (lambda g: g.text.replace("\n", "\r\n"), "LF"),
    "CR": (lambda g: g.text.replace("\n", "\r"), "LF"),
    "a NUL": (lambda g: g.text + "# \x00\n", "NUL"),
    "a tab": (lambda g: g.text + "#\tx\n", "tab"),
    "an alias": (lambda g: g.text + "more: *product\n", "alias"),
    "an anchor": (lambda g: g.text.replace("product:", "product: &a"), "anchor"),
    "a tag": (lambda g: g.text.replace("product:", "product: !!str"), "tag"),
    "a Python object": (lambda g: g.text + 'x: !!python/object/apply:os.system ["true"]\n', "tag"),
    "a directive": (lambda g: "%YAML 1.1\n---\n" + g.text, "directive"),
    "two documents": (lambda g: g.text + "---\n" + g.text, "second document"),
    "a field twice": (lambda g: g.text + 'slots: "9"\n', "twice"),
    "a bomb": (yaml_bomb, "anchor"),
    "deep": (deep, "deep"),
    "brackets": (brackets, "brackets"),
    "wide": (wide, "500 values"),
    "a newer version": (newer_version, "newer version"),
    "no version": (lambda g: g.with_value("format", "1"), "format"),
    "half a surrogate pair": (lambda g: g.text + 'x: "\\uD800"\n', ""),
    "a character beyond Unicode": (lambda g: g.text + 'x: "\\UFFFFFFFF"\n', ""),
    "over 64 KiB": (lambda g: g.text + "#" * KIB_64, "64 KiB"),
    "over 64 KiB in few characters": (lambda g: g.text + "# " + "é" * (KIB_64 // 2), "64 KiB"),
}


@pytest.mark.parametrize("role", ["activation", "backup"])
@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_license_file_is_told_and_not_recorded(
    site: Site, good: Good, role: str, name: str
):
    spoil, words = UNREADABLE[name]
    before = site.head()
    told = problem(present(site, good.d, role, spoil(good)), 422, "license-file-unreadable")
    assert told["detail"].startswith("license_file: ")
    assert words in told["detail"]
    assert "remedies" not in told
    assert site.head() == before
    nothing_was_taken(site, good)


# A file that is signed by the vendor and makes no sense all the same.


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"slots": 0}, "slots"),
        ({"slots": 100_001}, "slots"),
        ({"license": "a b"}, "license"),
        ({"license": ""}, "license"),
        ({"product": ""}, "product"),
        ({"customer": "a\nb"}, "customer"),
        ({"deployment": "../x"}, "deployment"),
    ],
)
def test_what_a_vendor_should_not_have_signed(
    site: Site, vendor: Vendor, unique: Callable[[str], str], said: dict[str, object], field: str
):
    before = site.head()
    answer = site.activate(unique("d"), license_file=signed(vendor.signing, **said))
    told = problem(answer, 422, "license-file-unreadable")
    assert f"`{field}`" in told["detail"]
    assert site.head() == before


# Sizes.


def padded(text: str, size: int) -> str:
    """The file with comments behind it, of just so many bytes."""
    return text + "#" * (size - len(text.encode()) - 1) + "\n"


def escaped(text: str) -> bytes:
    """A JSON body in which every character of the file is escaped."""
    body = "".join(f"\\u{ord(character):04x}" for character in text)
    return b'{"license_file": "%s"}' % body.encode()


@EITHER
def test_64_kib_are_taken_however_json_writes_them(site: Site, good: Good, role: str):
    path = f"/v1/deployments/{good.d}/{role}"
    headers = {"Content-Type": "application/json"}
    text = padded(good.text, KIB_64)
    assert len(text.encode()) == KIB_64
    done(site.http.put(path, content=escaped(text), headers=headers))
    answer = site.http.put(path, content=escaped(text + "#"), headers=headers)
    assert "64 KiB" in problem(answer, 422, "license-file-unreadable")["detail"]


@EITHER
def test_what_is_bigger_by_far_is_not_read(site: Site, good: Good, role: str):
    before = site.head()
    path = f"/v1/deployments/{good.d}/{role}"
    body = json.dumps({"license_file": "#" * MAX_BODY}).encode()
    answer = site.http.put(path, content=body, headers={"Content-Type": "application/json"})
    told = problem(answer, 413, "body-too-large")
    assert str(MAX_BODY) in told["detail"]
    assert site.head() == before


@EITHER
def test_bytes_that_are_no_utf_8(site: Site, good: Good, role: str):
    before = site.head()
    answer = site.http.put(
        f"/v1/deployments/{good.d}/{role}",
        content=b'{"license_file": "license: \xff\xfe"}',
        headers={"Content-Type": "application/json"},
    )
    problem(answer, 422, "invalid-input")
    assert site.head() == before


@pytest.mark.parametrize("bad", [1, ["text"], {"a": "b"}, True])
def test_a_file_that_is_no_text(site: Site, good: Good, bad: object):
    answer = site.activate(good.d, license_file=bad)
    assert "license_file" in problem(answer, 422, "invalid-input")["detail"]


@pytest.mark.parametrize("also", [{"license": "x"}, {"activation_key": "x.y"}])
def test_a_file_and_something_else(site: Site, good: Good, also: dict[str, Any]):
    answer = site.activate(good.d, license_file=good.text, **also)
    told = problem(answer, 422, "invalid-input")
    assert "`license`, `activation_key` and `license_file`" in told["detail"]


def test_without_any_the_ways_are_named(site: Site, good: Good):
    told = problem(site.activate(good.d), 422, "invalid-input")
    for way in ("license", "activation_key", "license_file"):
        assert f"`{way}`" in told["detail"]
