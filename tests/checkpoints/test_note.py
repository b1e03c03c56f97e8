"""Signed notes: the forms of C2SP, which Go's sumdb/note and others read, and no other forms."""

import base64
import re
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from hotslot.checkpoints.note import (
    COSIGNATURE,
    MAX_NUMBER,
    Checkpoint,
    Note,
    NoteError,
    Signature,
    Verifier,
    checked_origin,
)
from hotslot.licensefiles import SigningKey

# The example of the documentation of Go's package golang.org/x/mod/sumdb/note.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n"
)

# The example of C2SP's signed-note.
C2SP_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n"
    "\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuw"
    "HjG1Yu72IneyaQM=\n"
)

# The example of C2SP's tlog-cosignature: by which keys is not said there.
COSIGNED = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q"
    "1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2o"
    "yin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)

ORIGIN = "licenses.example.com/log"
TIME = 1_900_000_000
CHECKPOINT = Checkpoint(ORIGIN, 70_000, bytes(range(32)))


def key_of(seed: bytes) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(seed))


KEY = key_of(b"k" * 32)
VERIFIER = Verifier.of_pem(ORIGIN, KEY.public_pem())


@pytest.mark.parametrize(("vkey", "text"), [(GO_VKEY, GO_NOTE), (C2SP_VKEY, C2SP_NOTE)])
def test_published_examples_are_verified(vkey: str, text: str):
    verifier = Verifier.parse(vkey)
    note = Note.parse(text.encode())
    assert str(verifier) == vkey
    assert str(note) == text
    assert set(note.verify([verifier])) == {verifier}


def test_go_signs_the_same_bytes():
    """With the private key of Go's example, the very line of its note comes out."""
    encoded = GO_SKEY.split("+", 4)[4]
    key = key_of(base64.b64decode(encoded)[1:])
    note, verifier = Note.parse(GO_NOTE), Verifier.parse(GO_VKEY)
    assert Verifier.of_pem(verifier.name, key.public_pem()) == verifier
    signed = Signature(verifier.name, verifier.key_id, key.sign(note.body.encode()))
    assert signed.line == GO_NOTE.rpartition("\n\n")[2]


def test_the_published_cosignature_is_read():
    note = Note.parse(COSIGNED)
    assert str(note) == COSIGNED
    checkpoint = Checkpoint.parse(note.body)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.body == note.body
    # The time that the specification shows in the message that was signed.
    assert note.signatures[1].time == 1_679_315_147


def test_a_checkpoint_is_signed_twice_by_one_key():
    note = CHECKPOINT.sign(KEY, TIME)
    plain, timed = note.signatures
    found = Note.parse(str(note)).verify([VERIFIER, VERIFIER.cosigner])
    assert found == {VERIFIER: plain, VERIFIER.cosigner: timed}
    assert timed.time == TIME
    assert plain.key_id != timed.key_id
    assert Checkpoint.parse(note.body) == CHECKPOINT


def test_a_checkpoint_has_exactly_the_form_of_the_published_ones():
    """As Go's note.Open wants it, which passes over the second line: its algorithm is not known."""
    text = str(CHECKPOINT.sign(KEY, TIME))
    assert re.fullmatch(
        rf"{ORIGIN}\n70000\n[A-Za-z0-9+/]{{43}}=\n\n"
        rf"— {ORIGIN} [A-Za-z0-9+/]{{91}}=\n— {ORIGIN} [A-Za-z0-9+/]{{102}}==\n",
        text,
    )
    assert set(Note.parse(text).verify([VERIFIER])) == {VERIFIER}


def test_the_time_is_signed():
    plain, timed = CHECKPOINT.sign(KEY, TIME).signatures
    later = (TIME + 1).to_bytes(8) + timed.signature[8:]
    note = Note(CHECKPOINT.body, (plain, Signature(timed.name, timed.key_id, later)))
    with pytest.raises(NoteError, match="does not hold"):
        note.verify([VERIFIER, VERIFIER.cosigner])


def test_a_signature_without_the_time_is_none_with_it():
    """The one can't be passed off as the other, though one key made both."""
    plain, _ = CHECKPOINT.sign(KEY, TIME).signatures
    mixed = Signature(ORIGIN, VERIFIER.cosigner.key_id, TIME.to_bytes(8) + plain.signature)
    with pytest.raises(NoteError, match="does not hold"):
        Note(CHECKPOINT.body, (mixed,)).verify([VERIFIER.cosigner])


def test_a_time_out_of_bounds_is_refused():
    key = VERIFIER.cosigner
    with pytest.raises(NoteError, match="no time"):
        key.verify(CHECKPOINT.body, (MAX_NUMBER + 1).to_bytes(8) + bytes(64))


def test_signatures_of_strangers_are_passed_over():
    note = CHECKPOINT.sign(KEY, TIME)
    stranger = key_of(b"s" * 32)
    other = Verifier.of_pem("witness.example.com", stranger.public_pem())
    by_other = Signature(other.name, other.key_id, stranger.sign(note.body.encode()))
    with_both = Note.parse(str(Note(note.body, (by_other, *note.signatures))))
    assert set(with_both.verify([VERIFIER])) == {VERIFIER}
    assert set(with_both.verify([VERIFIER, other])) == {VERIFIER, other}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.replace("\n70000\n", "\n70001\n"),
        lambda note: note.replace(ORIGIN, "licenses.example.com/leg"),
        lambda note: note.replace("— licenses", "— Licenses"),
    ],
    ids=["size", "origin", "names"],
)
def test_what_was_changed_is_refused(spoil: Callable[[str], str]):
    text = spoil(str(CHECKPOINT.sign(KEY, TIME)))
    with pytest.raises(NoteError):
        Note.parse(text).verify([VERIFIER, VERIFIER.cosigner])


def test_one_bad_signature_of_a_trusted_key_spoils_the_note():
    plain, timed = CHECKPOINT.sign(KEY, TIME).signatures
    bad = Signature(plain.name, plain.key_id, bytes(64))
    for signatures in [(bad, timed), (timed, bad), (plain, bad)]:
        with pytest.raises(NoteError, match="does not hold"):
            Note(CHECKPOINT.body, signatures).verify([VERIFIER, VERIFIER.cosigner])


SIGNED = str(CHECKPOINT.sign(KEY, TIME))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        CHECKPOINT.body,
        CHECKPOINT.body + "\n",
        SIGNED[:-1],
        SIGNED + "\n",
        SIGNED.replace("\n", "\r\n"),
        SIGNED.replace("70000", "70\x00000"),
        SIGNED.replace("70000", "70\t000"),
        SIGNED.replace("— ", "- "),
        SIGNED.replace("— ", "—"),
        SIGNED.replace("— ", "—  "),
        SIGNED.replace(f"— {ORIGIN}", f"— {ORIGIN}+"),
        SIGNED.replace(f"— {ORIGIN}", f"— {ORIGIN}\u00a0x"),
        SIGNED.replace("=\n—", "\n—"),
        SIGNED[:-1] + " \n",
        SIGNED + "— name AAAA\n",
        SIGNED + "— name AAAAAA==\n",
        SIGNED + "— name AAAAAAB=\n",
        SIGNED + "— name AAAA-AAA\n",
        SIGNED + "—\n",
        SIGNED + "— x AAAAAAAA\n" * 99,
    ],
)
def test_another_form_is_no_note(text: str):
    with pytest.raises(NoteError):
        Note.parse(text)


def test_bytes_that_are_no_text_are_no_note():
    with pytest.raises(NoteError, match="UTF-8"):
        Note.parse(SIGNED.encode() + b"\xff\n")


def test_at_least_sixteen_signatures_are_read():
    assert len(Note.parse(SIGNED + "— x AAAAAAAA\n" * 20).signatures) == 22


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n",
        CHECKPOINT.body[:-1],
        CHECKPOINT.body + "extension\n",
        "\n" + CHECKPOINT.body,
        CHECKPOINT.body.replace(ORIGIN, ""),
        CHECKPOINT.body.replace("70000", "070000"),
        CHECKPOINT.body.replace("70000", "+70000"),
        CHECKPOINT.body.replace("70000", "7_0000"),
        CHECKPOINT.body.replace("70000", "7\u0660"),
        CHECKPOINT.body.replace("70000", ""),
        CHECKPOINT.body.replace("70000", str(2**63)),
        CHECKPOINT.body.replace("=", ""),
        CHECKPOINT.body.replace("8=\n", "9=\n"),
        Checkpoint(ORIGIN, 1, bytes(31)).body,
        Checkpoint(ORIGIN, 1, bytes(33)).body,
    ],
)
def test_another_form_is_no_checkpoint(body: str):
    with pytest.raises(NoteError):
        Checkpoint.parse(body)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        C2SP_VKEY.replace("530d903a", "530d903b"),
        C2SP_VKEY.replace("530d903a", "530D903A"),
        C2SP_VKEY.replace("example.com", "example.org"),
        C2SP_VKEY.replace("example.com/foo", ""),
        C2SP_VKEY.replace("example.com/foo", "example foo"),
        C2SP_VKEY[:-4],
        C2SP_VKEY + "\n",
        C2SP_VKEY.replace("+AekyeRrm", "+CekyeRrm"),
    ],
)
def test_another_form_is_no_verifier_key(vkey: str):
    with pytest.raises(NoteError):
        Verifier.parse(vkey)


def test_the_key_of_a_cosigner_is_read_too():
    cosigner = VERIFIER.cosigner
    assert Verifier.parse(str(cosigner)) == cosigner
    assert cosigner.algorithm == COSIGNATURE


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb", "a\x7fb", "x" * 256, "a\u2028b"])
def test_an_origin_that_no_key_can_have_as_its_name(origin: str):
    with pytest.raises(NoteError):
        checked_origin(origin)
    with pytest.raises(NoteError):
        Checkpoint(origin, 1, bytes(32)).sign(KEY, TIME)


ORIGINS = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters="+"), min_size=1, max_size=255
)


@given(
    seed=st.binary(min_size=32, max_size=32),
    origin=ORIGINS,
    size=st.integers(0, MAX_NUMBER),
    root=st.binary(min_size=32, max_size=32),
    time=st.integers(0, MAX_NUMBER),
)
def test_whatever_is_signed_is_read_again(
    seed: bytes, origin: str, size: int, root: bytes, time: int
):
    key, checkpoint = key_of(seed), Checkpoint(origin, size, root)
    verifier = Verifier.of_pem(origin, key.public_pem())
    text = str(checkpoint.sign(key, time)).encode()
    note = Note.parse(text)
    assert str(note).encode() == text
    assert Checkpoint.parse(note.body) == checkpoint
    found = note.verify([Verifier.parse(str(verifier)), verifier.cosigner])
    assert found[verifier.cosigner].time == time
    assert len(found) == 2


@given(data=st.data())
def test_whatever_byte_is_changed_the_note_does_not_hold(data: st.DataObject):
    text = bytearray(SIGNED.encode())
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NoteError):
        both_signed(bytes(text))


def both_signed(text: bytes) -> None:
    """Both signatures have to be there: a line that names somebody else is passed over."""
    if len(Note.parse(text).verify([VERIFIER, VERIFIER.cosigner])) < 2:
        raise NoteError("A signature is missing.")
