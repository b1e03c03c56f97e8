"""Keys and signed checkpoints: the one right form, the right key, and nothing else."""

import base64
from datetime import UTC, datetime

import pytest

from hotslot_verify.verify import Bad, Key, read_checkpoint, read_key
from tests.verify.logs import ORIGIN, SIGNED_AT, Signer, base64_of

# The example of the signed-note specification, and its key.
KNOWN_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


@pytest.fixture
def key(signer: Signer) -> Key:
    return read_key(signer.vkey)


def body_of(size: object = 0, root: str = base64_of(bytes(32)), origin: str = ORIGIN) -> str:
    return f"{origin}\n{size}\n{root}\n"


def refusal(note: str | bytes, key: Key) -> str:
    with pytest.raises(Bad) as bad:
        read_checkpoint(note if isinstance(note, bytes) else note.encode(), [key])
    return bad.value.rule


def test_a_checkpoint_is_read(signer: Signer, key: Key):
    read = read_checkpoint(signer.note([b"a", b"b"]).encode(), [key])

    assert (read.origin, read.size, read.at) == (ORIGIN, 2, SIGNED_AT)
    assert read.key == signer.id().hex()


def test_the_time_may_lack(signer: Signer, key: Key):
    body = body_of()

    assert read_checkpoint(f"{body}\n{signer.line(body)}".encode(), [key]).at is None


def test_the_time_alone_signs_nothing(signer: Signer, key: Key):
    body = body_of()

    assert refusal(f"{body}\n{signer.timed_line(body, SIGNED_AT)}", key) == "signature"


def test_extension_lines_are_signed_too(signer: Signer, key: Key):
    body = body_of() + "more\n"

    assert read_checkpoint(f"{body}\n{signer.line(body)}".encode(), [key]).size == 0
    assert refusal(f"{body_of()}\n{signer.line(body)}", key) == "signature"


def test_any_of_the_keys_may_sign(signer: Signer, key: Key):
    other = read_key(Signer().vkey)

    assert read_checkpoint(signer.note([]).encode(), [other, key]).key == key.id.hex()


def test_signatures_of_others_are_passed_over(signer: Signer, key: Key):
    note = signer.note([b"a"])
    stranger = Signer("witness.example").line(note.partition("\n\n")[0] + "\n")
    of_same_name = f"\N{EM DASH} {ORIGIN} {base64_of(b'other' * 13)}\n"

    assert read_checkpoint(f"{note}{stranger}{of_same_name}".encode(), [key]).size == 1


def test_another_key_of_the_same_name(signer: Signer, key: Key):
    assert refusal(Signer().note([b"a"]), key) == "signature"


def test_a_key_for_another_log():
    """It signs, but the log says that it is another."""
    witness = Signer("witness.example")
    body = body_of()

    assert refusal(f"{body}\n{witness.line(body)}", read_key(witness.vkey)) == "signature"


@pytest.mark.parametrize("line", [0, 1])
def test_a_bad_signature_of_a_known_key_is_never_forgiven(signer: Signer, key: Key, line: int):
    """Nor one of the time beside a good one."""
    note, other = signer.note([b"a"]), signer.note([b"b"])
    good, bad = note.splitlines(keepends=True), other.splitlines(keepends=True)
    mixed = "".join([*good[: 4 + line], bad[4 + line], *good[5 + line :]])

    assert refusal(mixed, key) == "signature"
    assert refusal(note + bad[4 + line], key) == "signature"


def test_a_time_is_what_was_signed(signer: Signer, key: Key):
    body = body_of()
    line = signer.timed_line(body, SIGNED_AT)
    blob = bytearray(base64.b64decode(line.split()[2]))
    blob[11] ^= 1
    forged = f"\N{EM DASH} {ORIGIN} {base64_of(bytes(blob))}\n"

    assert refusal(f"{body}\n{signer.line(body)}{forged}", key) == "signature"


@pytest.mark.parametrize(
    "body",
    [
        body_of(size="01"),
        body_of(size="-1"),
        body_of(size="1.0"),
        body_of(size=""),
        body_of(size="\N{ARABIC-INDIC DIGIT ONE}"),
        body_of(size="9" * 30),
        body_of(root=base64_of(bytes(31))),
        body_of(root=base64_of(bytes(32)).rstrip("=")),
        body_of(root=base64_of(bytes(32))[:-2] + "B="),
        body_of(root="not base64"),
        f"{ORIGIN}\n0\n",
        body_of(origin=""),
        body_of() + "a\tb\n",
    ],
)
def test_a_body_has_one_form(signer: Signer, key: Key, body: str):
    """Whoever signed it."""
    assert refusal(f"{body}\n{signer.line(body)}", key) == "checkpoint"


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note[:-1],
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.replace("\N{EM DASH}", "-"),
        lambda note: note.replace("\N{EM DASH} ", "\N{EM DASH}  "),
        lambda note: note + "more\n",
        lambda note: note + f"\N{EM DASH} {ORIGIN} {base64_of(b'1234')}\n",
        lambda note: note[:-2] + "!\n",
        lambda note: note.encode() + b"\xff\n",
        lambda note: "",
    ],
)
def test_a_note_has_one_form(signer: Signer, key: Key, change):
    assert refusal(change(signer.note([b"a"])), key) == "checkpoint"


def test_a_time_beyond_the_calendar_is_no_error(signer: Signer, key: Key):
    body = body_of()
    far = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    line = signer.timed_line(body, 2**63)

    assert read_checkpoint(f"{body}\n{signer.line(body)}{line}".encode(), [key]).at == far


def test_a_verifier_key_is_read():
    key = read_key(KNOWN_KEY)

    assert (key.name, key.id.hex()) == ("example.com/foo", "530d903a")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo",
        KNOWN_KEY.replace("530d903a", "530d903b"),
        KNOWN_KEY.replace("example.com/foo", "example.com/bar"),
        KNOWN_KEY.replace("+Aek", "+Aak"),
        KNOWN_KEY[:-1],
        KNOWN_KEY.replace("+AekyeRrm", "+BOkyeRrm"),
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_a_verifier_key_has_one_form(text: str):
    with pytest.raises(ValueError, match=r"key|base64|padding"):
        read_key(text)
