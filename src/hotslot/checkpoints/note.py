"""Signed notes, and checkpoints as such, with Ed25519 keys.

The forms are those of C2SP's signed-note, tlog-checkpoint and tlog-cosignature, which Go's
sumdb/note and others read. Nothing here reads a clock, a file or the database. Reading is strict:
a note has one form, and whatever has another is none.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

ED25519: Final = 0x01
"""The algorithm of a key that signs the note's text itself."""

COSIGNATURE: Final = 0x04
"""The algorithm of a key that signs a checkpoint together with the time."""

MAX_SIGNATURES = 100
MAX_ORIGIN = 255
MAX_NUMBER = 2**63 - 1
"""Sizes and times are no larger."""

_ID_BYTES = 4
_KEY_BYTES = 32
_HASH_BYTES = 32
_TIME_BYTES = 8
_SIGNATURE_BYTES = {ED25519: 64, COSIGNATURE: _TIME_BYTES + 64}

_DASH = "\N{EM DASH} "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
# Python's \s is what Unicode calls spaces, and a few control characters, which are none either.
_NAME = re.compile(r"[^\s+]+")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


class NoteError(ValueError):
    """A note, a key or a checkpoint that is none, or that nobody signed who is trusted."""


class SigningKey(Protocol):
    """An Ed25519 private key."""

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""

    def public_pem(self) -> str:
        """The public key as SubjectPublicKeyInfo in PEM."""


class Verifier(msgspec.Struct, frozen=True):
    """A public key under a name, for one algorithm."""

    name: str
    public: bytes
    """As RFC 8032 has it: 32 bytes."""
    algorithm: int = ED25519

    @classmethod
    def of_pem(cls, name: str, pem: str) -> "Verifier":
        """The verifier of a key that is known as PEM."""
        key = load_pem_public_key(pem.encode())
        assert isinstance(key, Ed25519PublicKey)
        return cls(name, key.public_bytes_raw())

    @classmethod
    def parse(cls, vkey: str) -> "Verifier":
        """Read `name+id+key`.

        Raises:
            NoteError: it is no verifier key of an algorithm that is known here.

        """
        parts = vkey.split("+", 2)  # base64 has plus signs of its own
        if len(parts) != len(("name", "id", "key")):
            raise NoteError("A verifier key is written as name+id+key.")
        name, key_id, encoded = parts
        material = _unbase64(encoded)
        algorithm, public = material[:1], material[1:]
        if algorithm not in (bytes((ED25519,)), bytes((COSIGNATURE,))) or len(public) != _KEY_BYTES:
            raise NoteError("The verifier key is of no Ed25519 key.")
        verifier = cls(_checked_name(name), public, algorithm[0])
        if verifier.key_id.hex() != key_id:
            raise NoteError("The verifier key's id is not that of its key.")
        return verifier

    @property
    def key_id(self) -> bytes:
        """What the key is known by, together with its name: 4 bytes."""
        material = bytes((self.algorithm,)) + self.public
        return hashlib.sha256(self.name.encode() + b"\n" + material).digest()[:_ID_BYTES]

    @property
    def cosigner(self) -> "Verifier":
        """The same key, for signatures with a time."""
        return Verifier(self.name, self.public, COSIGNATURE)

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes((self.algorithm,)) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def verify(self, body: str, signature: bytes) -> None:
        """Go on only with a signature of this key.

        Raises:
            NoteError: it is none.

        """
        message = body.encode()
        if len(signature) != _SIGNATURE_BYTES[self.algorithm]:
            raise NoteError(f"A signature of {self.name} has the wrong length.")
        if self.algorithm == COSIGNATURE:
            time = int.from_bytes(signature[:_TIME_BYTES])
            if time > MAX_NUMBER:
                raise NoteError(f"A signature of {self.name} has no time.")
            message, signature = _with_time(time, body), signature[_TIME_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            raise NoteError(f"A signature of {self.name} does not hold.") from None


class Signature(msgspec.Struct, frozen=True):
    """A line under a note: who signed, and with what."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line, with its end."""
        encoded = base64.b64encode(self.key_id + self.signature).decode()
        return f"{_DASH}{self.name} {encoded}\n"

    @property
    def time(self) -> int:
        """When a checkpoint was signed, in seconds since 1970: of a signature with a time only."""
        return int.from_bytes(self.signature[:_TIME_BYTES])


class Note(msgspec.Struct, frozen=True):
    """A text and who signed it."""

    body: str
    """Ends with a newline."""
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, text: bytes | str) -> "Note":
        """Read a note; nothing is verified yet.

        Raises:
            NoteError: it is none.

        """
        try:
            note = text if isinstance(text, str) else text.decode("utf-8")
        except UnicodeDecodeError:
            raise NoteError("The note is not UTF-8.") from None
        if _CONTROL.search(note):
            raise NoteError("There is a control character in the note.")
        body, blank, below = note.rpartition("\n\n")
        if not blank or not below.endswith("\n"):
            raise NoteError("The note has no empty line with signatures below.")
        # Not splitlines(): that ends lines at other characters, too.
        lines = below[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise NoteError(f"The note has more than {MAX_SIGNATURES} signatures.")
        return cls(f"{body}\n", tuple(map(_signature, lines)))

    def __str__(self) -> str:
        return f"{self.body}\n{''.join(each.line for each in self.signatures)}"

    def verify(self, verifiers: Sequence[Verifier]) -> dict[Verifier, Signature]:
        """The signatures of trusted keys. Those of others are passed over.

        Raises:
            NoteError: a trusted key's signature does not hold, or there is none.

        """
        found: dict[Verifier, Signature] = {}
        for signature in self.signatures:
            for verifier in verifiers:
                if (verifier.name, verifier.key_id) == (signature.name, signature.key_id):
                    verifier.verify(self.body, signature.signature)
                    found.setdefault(verifier, signature)
        if not found:
            raise NoteError("No trusted key has signed the note.")
        return found


class Checkpoint(msgspec.Struct, frozen=True):
    """How many entries a log has, and the root of the tree over them."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, body: str) -> "Checkpoint":
        """Read the text of a checkpoint's note, which has three lines.

        Raises:
            NoteError: it is none, or has lines that nobody here ever signs.

        """
        lines = body.split("\n")
        if len(lines) != len(("origin", "size", "root", "")) or lines[-1]:
            raise NoteError("A checkpoint has three lines.")
        origin, size, root, _ = lines
        if not origin:
            raise NoteError("The checkpoint has no origin.")
        if not _NUMBER.fullmatch(size) or int(size) > MAX_NUMBER:
            raise NoteError("The checkpoint's size is no number.")
        root_hash = _unbase64(root)
        if len(root_hash) != _HASH_BYTES:
            raise NoteError("The checkpoint's root is no SHA-256.")
        return cls(origin, int(size), root_hash)

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def sign(self, key: SigningKey, time: int) -> Note:
        """The checkpoint, signed twice with one key: as it is, and together with the time.

        `time` is in seconds since 1970. Without it, that nothing happened for a while could not be
        proved: the same size would be signed in the same words over and over again.
        """
        plain = Verifier.of_pem(checked_origin(self.origin), key.public_pem())
        timed = plain.cosigner
        cosignature = time.to_bytes(_TIME_BYTES) + key.sign(_with_time(time, self.body))
        return Note(
            self.body,
            (
                Signature(plain.name, plain.key_id, key.sign(self.body.encode())),
                Signature(timed.name, timed.key_id, cosignature),
            ),
        )


def checked_origin(origin: str) -> str:
    """Give the origin if it can also be the name of the key that signs.

    Raises:
        NoteError: it can't.

    """
    if len(origin) > MAX_ORIGIN or not origin.isprintable():
        raise NoteError(f"An origin has at most {MAX_ORIGIN} characters, all of them printable.")
    return _checked_name(origin)


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name) or _CONTROL.search(name):
        raise NoteError("A key's name is not empty and has neither spaces nor plus signs.")
    return name


def _with_time(time: int, body: str) -> bytes:
    return f"cosignature/v1\ntime {time}\n{body}".encode()


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise NoteError("A line below the note is no signature.")
    material = _unbase64(encoded)
    if len(material) <= _ID_BYTES:
        raise NoteError("A signature below the note is empty.")
    return Signature(_checked_name(name), material[:_ID_BYTES], material[_ID_BYTES:])


def _unbase64(text: str) -> bytes:
    """Decode the one text in base64 that stands for some bytes."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded or base64.b64encode(decoded).decode() != text:
        raise NoteError("What should be base64 is not.")
    return decoded
