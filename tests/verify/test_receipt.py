"""Receipts: the proof of one entry, as a file. Only the entry at that index of that log passes."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hotslot_verify.receipt import verify_receipt
from hotslot_verify.verify import Bad, read_key
from tests.verify.conftest import Program
from tests.verify.logs import Signer, base64_of, naive_root, story

LEAVES = story().leaves
FORM = "c2sp.org/tlog-proof@v1"


def path_to(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The hashes that prove a leaf, as RFC 6962, section 2.1.1, defines them."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path_to(index, leaves[:split]), naive_root(leaves[split:])]
    return [*path_to(index - split, leaves[split:]), naive_root(leaves[:split])]


def written(index: int | str, leaf: bytes, hashes: Sequence[bytes], note: str) -> bytes:
    lines = [FORM, f"extra {base64_of(leaf)}", f"index {index}", *map(base64_of, hashes)]
    return "".join(f"{line}\n" for line in lines).encode() + b"\n" + note.encode()


def receipt(signer: Signer, index: int, leaves: Sequence[bytes] = LEAVES) -> bytes:
    return written(index, leaves[index], path_to(index, leaves), signer.note(leaves))


def refused(signer: Signer, content: bytes) -> str:
    with pytest.raises(Bad) as bad:
        verify_receipt(content, [read_key(signer.vkey)])
    return bad.value.rule


@pytest.mark.parametrize("size", range(1, len(LEAVES) + 1))
def test_every_entry_of_every_size_passes(signer: Signer, size: int):
    for index in range(size):
        checkpoint, proven, entry = verify_receipt(
            receipt(signer, index, LEAVES[:size]), [read_key(signer.vkey)]
        )
        assert (checkpoint.size, proven, entry) == (size, index, LEAVES[index].decode())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, len(LEAVES)])
def test_a_path_that_is_longer_or_shorter_or_other_does_not(signer: Signer, size: int):
    leaves = LEAVES[:size]
    note = signer.note(leaves)
    for index in range(size):
        hashes = path_to(index, leaves)
        spoiled = [[*hashes, hashlib.sha256().digest()], [hashlib.sha256().digest(), *hashes]]
        if hashes:
            spoiled += [hashes[:-1], hashes[1:], [*hashes[:-1], hashlib.sha256().digest()]]
        for other in spoiled:
            content = written(index, leaves[index], other, note)
            assert refused(signer, content) in ("proof", "root")


def test_another_entry_does_not(signer: Signer):
    note, hashes = signer.note(LEAVES), path_to(3, LEAVES)
    changed = LEAVES[3].replace(b"a test", b"a TEST")
    assert changed != LEAVES[3]
    assert refused(signer, written(3, changed, hashes, note)) == "root"
    assert refused(signer, written(3, LEAVES[4], hashes, note)) == "root"
    assert refused(signer, written(2, LEAVES[3], hashes, note)) == "root"


def test_an_index_behind_the_log_does_not(signer: Signer):
    note = signer.note(LEAVES[:1])
    assert refused(signer, written(1, LEAVES[0], [], note)) == "proof"
    assert refused(signer, written(10**17, LEAVES[0], [], note)) == "proof"


def test_an_entry_at_a_place_that_is_not_its_own_does_not(signer: Signer):
    """A log that was signed like that is bad; hotslot-verify would say so of the whole."""
    swapped = [LEAVES[1], LEAVES[0], *LEAVES[2:]]
    assert refused(signer, receipt(signer, 0, swapped)) == "entry"
    assert refused(signer, receipt(signer, 0, [b"no entry", *LEAVES[1:]])) == "entry"


def test_of_a_log_that_is_not_trusted_it_does_not(signer: Signer):
    assert refused(signer, receipt(Signer(), 3)) == "signature"
    stranger = receipt(Signer("another/log"), 3)
    assert refused(signer, stranger) == "signature"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace(b"index 3", b"index 03"),
        lambda text: text.replace(b"index 3", b"index -3"),
        lambda text: text.replace(b"index 3\n", b""),
        lambda text: text.replace(b"extra ", b"extra !"),
        lambda text: text.replace(b"extra ", b""),
        lambda text: text.replace(b"\nindex", b"\n\nindex"),
        lambda text: text.partition(b"\n\n")[0],
        lambda text: text.replace(b"index 3\n", b"index 3\nAAAA\n"),
        lambda text: text.replace(b"index 3\n", b"index 3\n" + b"A" * 43 + b"=\n" * 70),
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text[: len(FORM) + 1],
    ],
)
def test_another_form_does_not(signer: Signer, spoil: Callable[[bytes], bytes]):
    content = receipt(signer, 3)
    assert spoil(content) != content
    assert refused(signer, spoil(content)) in ("proof", "checkpoint")


@pytest.fixture
def file(tmp_path: Path, signer: Signer) -> Path:
    path = tmp_path / "3.tlog-proof"
    path.write_bytes(receipt(signer, 3))
    return path


def test_the_program_shows_what_was_proven(program: Program, file: Path, signer: Signer):
    status, out, err = program(file, "--key", signer.vkey)

    assert (status, err) == (0, "")
    assert out.startswith(f"GOOD    {signer.origin}: {len(LEAVES)} entries, signed at ")
    assert "entry 3 of them is this one:" in out
    assert out.splitlines()[-1] == LEAVES[3].decode()


def test_the_program_tells_programs(program: Program, file: Path, signer: Signer):
    status, out, _ = program(file, "--key", signer.vkey, "--json")

    told = json.loads(out)
    assert (status, told["good"], told["index"]) == (0, True, 3)
    assert told["entry"] == LEAVES[3].decode()


def test_the_program_says_bad(program: Program, file: Path, signer: Signer):
    file.write_bytes(file.read_bytes().replace(b"index 3", b"index 4"))

    status, out, _ = program(file, "--key", signer.vkey)

    assert status == 1
    assert out == "BAD     its entry is not in the log that was signed [root]\n"


def test_last_is_for_whole_logs(program: Program, file: Path, signer: Signer):
    status, _, err = program(file, "--key", signer.vkey, "--last", file.with_name("last"))

    assert status == 2
    assert "--last is for whole logs" in err
    assert not file.with_name("last").exists()


def test_one_that_is_too_long_is_not_read_to_its_end(program: Program, file: Path, signer: Signer):
    file.write_bytes(file.read_bytes() + b"x" * 1_000_000)

    assert program(file, "--key", signer.vkey)[0] == 1


def test_what_a_stranger_wrote_is_safe_for_a_terminal(
    program: Program, tmp_path: Path, signer: Signer
):
    leaf = LEAVES[0].replace(b"a test", "\x9b31m \u202e".encode())
    assert leaf != LEAVES[0]
    path = tmp_path / "receipt"
    path.write_bytes(receipt(signer, 0, [leaf]))

    _, out, _ = program(path, "--key", signer.vkey)

    assert json.loads(out.splitlines()[-1]) == json.loads(leaf)
    assert out.replace("\n", "").isprintable()
