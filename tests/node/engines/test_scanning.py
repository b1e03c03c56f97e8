"""What is in a file is found, however the file comes; and nothing else is."""

import hashlib
import json
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotslot.node.engines import ContentInvalidError, eicar
from hotslot.node.engines.forms import Manifest
from hotslot.node.engines.sample import write_sample
from hotslot.node.engines.scanning import scan
from hotslot.node.engines.signature_set import (
    Digest,
    Pattern,
    Signatures,
    SignatureSet,
    read_signatures,
)
from tests.node.engines.material import NOW

MANIFEST = Manifest(
    engine="demo", name="Demo", type="signature-set", version="1", made_at=NOW, files=[]
)
BLOCK = 1 << 16


def searched(
    chunks: Sequence[bytes], patterns: Sequence[Pattern], digests: Sequence[Digest] = ()
) -> tuple[str, ...]:
    signatures = Signatures(
        [
            SignatureSet(
                format="hotslot-signature-set/1", patterns=list(patterns), digests=list(digests)
            )
        ]
    )
    verdict = scan([(MANIFEST, signatures)], chunks)
    data = b"".join(chunks)
    assert (verdict.size, verdict.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    (finding,) = verdict.findings
    assert finding.threats == verdict.threats
    return finding.threats


def pattern(data: bytes, offset: int | None = None) -> Pattern:
    return Pattern(data.hex(), data.hex(), offset)


# Few letters, so that patterns overlap, begin alike and almost match.
letters = st.binary(max_size=60).map(lambda data: bytes(byte % 2 for byte in data))
found = letters.filter(lambda data: len(data) >= 8)
patterns = st.lists(
    st.builds(pattern, found, st.none() | st.integers(0, 60)), max_size=8, unique_by=repr
)


@given(chunks=st.lists(letters, max_size=8), patterns=patterns, block=st.integers(1, 70))
def test_what_is_there_is_found_and_nothing_else(
    chunks: list[bytes], patterns: list[Pattern], block: int
):
    data = b"".join(chunks)
    there = {
        each.name
        for each in patterns
        if (
            bytes.fromhex(each.hex) in data
            if each.offset is None
            else data.startswith(bytes.fromhex(each.hex), each.offset)
        )
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hotslot.node.engines.scanning._BLOCK", block)
        names = searched(chunks, patterns)
        assert searched([data], patterns) == names
    assert bool(names) == bool(there)
    assert set(names) <= there


@pytest.mark.parametrize("start", [0, 1, BLOCK - 67, BLOCK - 1, BLOCK, 3 * BLOCK - 30])
@pytest.mark.parametrize("chunk", [1000, BLOCK, 5 * BLOCK])
def test_the_sample_engine_finds_the_test_file_wherever_it_is(
    tmp_path: Path, start: int, chunk: int
):
    engine = write_sample(tmp_path)
    signatures = read_signatures([engine / "sample.json"])
    data = b"\0" * start + eicar() + b"\n" * 100
    chunks = [data[at : at + chunk] for at in range(0, len(data), chunk)]
    assert scan([(MANIFEST, signatures)], chunks).threats == ("EICAR-Test-File",)
    clean = data.replace(b"EICAR", b"eicar")
    assert scan([(MANIFEST, signatures)], [clean]).threats == ()


def test_the_test_file_is_the_one_that_all_products_know():
    known = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
    assert hashlib.sha256(eicar()).hexdigest() == known


def test_the_test_file_stands_nowhere_whole(tmp_path: Path):
    """Or every anti-virus product would report this project."""
    write_sample(tmp_path)
    room = Path(__file__).parents[3] / "src/hotslot/node/engines"
    for path in (*room.rglob("*.py*"), *tmp_path.rglob("*.json")):
        assert eicar() not in path.read_bytes(), path


def test_a_whole_file_is_found_by_its_digest():
    data = b"a file"
    digests = [Digest("Known", hashlib.sha256(data).hexdigest())]
    assert searched([data[:3], data[3:]], [], digests) == ("Known",)
    assert searched([data, b"!"], [], digests) == ()


def test_by_pattern_and_by_digest_both_names_are_told():
    data = b"a file with a marker"
    digests = [Digest("Known", hashlib.sha256(data).hexdigest())]
    assert searched([data], [Pattern("Marked", b"a marker".hex())], digests) == ("Marked", "Known")


def test_a_pattern_with_an_offset_counts_there_only():
    there = pattern(b"12345678", offset=BLOCK - 4)
    assert searched([b"\0" * (BLOCK - 4) + b"12345678"], [there])
    assert not searched([b"\0" * (BLOCK - 3) + b"12345678"], [there])


def test_without_engines_nothing_was_said():
    verdict = scan([], [b"data"])
    assert (verdict.findings, verdict.threats, verdict.size) == ((), (), 4)


def test_a_file_of_any_length_takes_no_more_memory():
    signatures = Signatures(
        [SignatureSet(format="hotslot-signature-set/1", patterns=[pattern(b"x" * 1024)])]
    )
    chunk = b"\0" * BLOCK
    tracemalloc.start()
    try:
        verdict = scan([(MANIFEST, signatures)], (chunk for _ in range(1024)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert verdict.size == 64 << 20
    assert peak < 1 << 20


def test_what_taking_a_chunk_raises_is_let_through():
    def chunks() -> Iterator[bytes]:
        yield b"data"
        raise KeyError

    with pytest.raises(KeyError):
        scan([], chunks())


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        {"patterns": []},
        {"format": "hotslot-signature-set/2"},
        {"format": "hotslot-signature-set/1", "other": 1},
        {"format": "hotslot-signature-set/1", "patterns": [{"name": "a", "hex": "00" * 7}]},
        {"format": "hotslot-signature-set/1", "patterns": [{"name": "a", "hex": "0" * 17}]},
        {"format": "hotslot-signature-set/1", "patterns": [{"name": "a", "hex": "00" * 1025}]},
        {"format": "hotslot-signature-set/1", "patterns": [{"name": "a", "hex": "zz" * 8}]},
        {
            "format": "hotslot-signature-set/1",
            "patterns": [{"name": "a", "hex": "00" * 8, "offset": -1}],
        },
        {"format": "hotslot-signature-set/1", "digests": [{"name": "a", "sha256": "00"}]},
        {"format": "hotslot-signature-set/1", "digests": [{"name": "", "sha256": "00" * 32}]},
    ],
)
def test_what_is_no_signature_set_is_refused(tmp_path: Path, content: Any):
    path = tmp_path / "set.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ContentInvalidError, match=r"set\.json is no signature set"):
        read_signatures([path])


@pytest.mark.parametrize("limit", ["MAX_BYTES", "MAX_PATTERNS"])
def test_there_is_a_limit_to_an_engines_signatures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
):
    path = tmp_path / "set.json"
    two = [{"name": "a", "hex": "00" * 8}, {"name": "b", "hex": "11" * 8}]
    path.write_text(json.dumps({"format": "hotslot-signature-set/1", "patterns": two}))
    monkeypatch.setattr(f"hotslot.node.engines.signature_set.{limit}", 1)
    with pytest.raises(ContentInvalidError, match="the most that is taken"):
        read_signatures([path])
