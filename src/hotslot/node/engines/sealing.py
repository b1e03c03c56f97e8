"""Signed JSON: the form in which indexes and the manifests of packages are written.

The file is canonical JSON, byte for byte: names in order, no whitespace, UTF-8. What the signature
covers is the name of the format on a line, and the same JSON without the field `signature`. So a
signature for one kind of file never fits another, and no two files mean the same.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from hotslot.licensefiles import Keys, SigningKey
from hotslot.node.engines.errors import ContentInvalidError

ALGORITHM = "ed25519"


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    algorithm: str
    key: str
    value: str


def seal(content: Mapping[str, Any], kind: str, key: SigningKey) -> bytes:
    """The file of a format: its content, signed."""
    fields = {**content, "format": kind}
    signature = key.sign(_signed_bytes(fields, kind))
    block = {
        "algorithm": ALGORITHM,
        "key": key.id,
        "value": base64.b64encode(signature).decode(),
    }
    return canonical({**fields, "signature": block})


def unseal(data: bytes, kind: str, keys: Keys, *, what: str) -> dict[str, Any]:
    """The content of a file, if one of `keys` signed it. `what` names the file in errors.

    Raises:
        ContentInvalidError: it has another form, was changed, or its key can't be trusted.

    """
    fields = _fields(data, kind, what)
    block, value = _signature_in(fields.pop("signature", None), what)
    if block.algorithm != ALGORITHM:
        raise ContentInvalidError(
            f"{what} is signed with another algorithm than {ALGORITHM}, the only one there is."
        )
    key = keys.find(block.key)
    if key is None:
        raise ContentInvalidError(
            f"{what} is signed by a key that is not trusted here ({block.key[:64]}). Carry the "
            "publisher's public key to this node's trusted keys, if it should be."
        )
    if key.status == "revoked":
        raise ContentInvalidError(
            f"{what} is signed by a key that was revoked ({key.id}). Have it published anew."
        )
    if not key.verify(value, _signed_bytes(fields, kind)):
        raise ContentInvalidError(
            f"{what} was changed after it was signed. Take it again from the publisher."
        )
    del fields["format"]
    return fields


def unseal_unverified(data: bytes, kind: str, *, what: str) -> dict[str, Any]:
    """The content of a file that was verified when it came.

    Raises:
        ContentInvalidError: it has another form.

    """
    fields = _fields(data, kind, what)
    for name in ("format", "signature"):
        fields.pop(name, None)
    return fields


def canonical(value: object) -> bytes:
    """Write JSON in its one canonical form.

    Raises:
        ValueError: it holds half of a surrogate pair, or a number that is none.

    """
    text = json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return text.encode()


def _fields(data: bytes, kind: str, what: str) -> dict[str, Any]:
    try:
        fields = json.loads(data)
        is_canonical = canonical(fields) == data
    except (ValueError, RecursionError):
        raise ContentInvalidError(f"{what} is damaged: it is no JSON.") from None
    if not is_canonical or not isinstance(fields, dict):
        raise ContentInvalidError(f"{what} is not in canonical form; it was written by hand.")
    if fields.get("format") != kind:
        raise ContentInvalidError(
            f"{what} has another format than {kind}. It may need a newer Hotslot."
        )
    return fields


def _signature_in(block: object, what: str) -> tuple[_Signature, bytes]:
    try:
        signature = msgspec.convert(block, _Signature)
        value = base64.b64decode(signature.value, validate=True)
    except (msgspec.ValidationError, ValueError):
        value = b""
    # The last digit has bits that stand for nothing: one form only is the right one.
    if not value or base64.b64encode(value).decode() != signature.value:
        raise ContentInvalidError(
            f"{what} is not signed as Hotslot signs. Publish it with `hotslot engines publish`."
        )
    return signature, value


def _signed_bytes(fields: Mapping[str, Any], kind: str) -> bytes:
    return kind.encode() + b"\n" + canonical(fields)
