"""Made-up license files, for as long as FUZZ_SECONDS says: the reader has no errors but its own."""

import os
import time
from collections import Counter
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hotslot.licensefiles import (
    Keys,
    UnreadableLicenseFileError,
    UntrustedLicenseFileError,
    read_license_file,
    write_license_file,
)
from tests.licensefiles.material import FILE, KEY, NONE, OWN, key, listed, signature_of
from tests.licensefiles.test_schema import contents, is_described

ROUND = 200
TRUSTED = Keys(None, (listed(key(2)), listed(key(3), "revoked")))

# What has a meaning in YAML, and what readers of YAML are known to stumble over.
PIECES = st.sampled_from(
    [
        *"\n :-?,[]{}#&*!|>'\"%@`\\~=.+0_xé\t\r\x00\x85\u2028\ufeff\U0001f600",
        *("---\n", "...\n", "%YAML 1.1\n---\n", "%TAG ! x:\n", "%X\n", "<<: ", "? ", "- ", ": "),
        *("&a ", "*a", "!!str ", "!<x> ", "!a!b ", "|2-\n  ", ">+\n ", "'", '"', "''", "\\\n"),
        *("\\x", "\\u", "\\U", "\\ud800", "\\UFFFFFFFF", "\\U0011FFFF", "\\N", "\\_", "\\ ", "%41"),
        *("yes", "null", "012", "1:30", "signature: ", "slots: ", "format: ", '  key: "'),
        *("[" * 50, "{a: " * 50, "- " * 50, " " * 1030, "a" * 1030, "1" * 5000, "\n" * 99),
    ]
)
SOUP = st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join)

# Not a new one each time: what is done to it matters, and twice as many are read.
GOOD = st.sampled_from(
    [
        write_license_file(file, signing)
        for file in (FILE, replace(FILE, product='"\\\u2028😀', expires_at=None, deployment=None))
        for signing in (KEY, key(2), key(3))
    ]
)


@st.composite
def edited(draw: st.DrawFn) -> str | bytes:
    """A good file, and some changes to its text or its bytes, of its own parts or of others."""
    text = draw(GOOD)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(start + draw(st.sampled_from([0, 1, 9, 99])), len(text))))
        middle = draw(PIECES | st.just("") | st.just(text[start:end] * 2))
        text = text[:start] + middle + text[end:]
    if draw(st.booleans()):
        return text
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        data[place : place + 1] = draw(st.binary(max_size=3))
    return bytes(data)


@st.composite
def well_signed(draw: st.DrawFn) -> str:
    """A file whose fields may be anything, under a signature that fits them."""
    content = draw(contents())
    return str(
        yaml.dump(
            {**content, "signature": signature_of(content)},
            Dumper=yaml.SafeDumper,
            default_style=draw(st.sampled_from([None, '"', "'", "|", ">"])),
            default_flow_style=draw(st.booleans()),
            allow_unicode=draw(st.booleans()),
            width=draw(st.sampled_from([1, 80, 10_000])),
            explicit_start=draw(st.booleans()),
            sort_keys=False,
        )
    )


@st.composite
def with_soup(draw: st.DrawFn) -> str:
    """A line of a good file replaced by anything."""
    lines = draw(GOOD).split("\n")
    lines[draw(st.integers(0, len(lines) - 1))] = draw(SOUP)
    return "\n".join(lines)


KINDS: dict[str, st.SearchStrategy[Any]] = {
    "an edited file": edited(),
    "a well signed document": well_signed(),
    "a file with a made-up line": with_soup(),
    "pieces of YAML": SOUP,
    "any text": st.text(),
    "any bytes": st.binary(),
}


def read(source: str | bytes) -> str:
    """What became of it. Whatever loads is of the schema, and signed by whom it says."""
    try:
        presented = read_license_file(source, OWN, TRUSTED)
    except UnreadableLicenseFileError:
        return "unreadable"
    except UntrustedLicenseFileError as error:
        return error.refusal.code
    assert is_described(presented.file.content())
    assert presented.own == (presented.key == KEY.id)
    again = write_license_file(presented.file, KEY)
    assert read_license_file(again, OWN, NONE).file == presented.file
    return "loaded"


def read_some(strategy: st.SearchStrategy[str | bytes]) -> Counter[str]:
    """Read as many as one round has, and count what became of them."""
    seen: Counter[str] = Counter()

    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def each(source: str | bytes) -> None:
        seen[read(source)] += 1

    each()
    return seen


@pytest.mark.fuzz
def test_fuzz():
    seconds = float(os.environ.get("FUZZ_SECONDS") or 60)
    end = time.monotonic() + seconds
    found = {kind: Counter[str]() for kind in KINDS}
    while time.monotonic() < end:
        for kind, strategy in KINDS.items():
            found[kind] += read_some(strategy)

    print(f"\n{sum(seen.total() for seen in found.values()):,} inputs in {seconds:g} s:")
    for kind, seen in found.items():
        print(f"  {kind}: " + ", ".join(f"{count:,} {what}" for what, count in seen.most_common()))
    everything: Counter[str] = sum(found.values(), Counter())
    assert {"loaded", "license-file-signature-invalid", "license-file-key-revoked"} <= set(
        everything
    )
