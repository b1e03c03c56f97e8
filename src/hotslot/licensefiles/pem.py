"""Keys out of PEM text."""

import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

_BEGIN = "-----BEGIN "
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\r?\n.*?-----END \1-----", re.DOTALL)
_ADVICE = {
    "ENCRYPTED PRIVATE KEY": "it is encrypted, and nobody is there to type a passphrase; decrypt "
    "it with `openssl pkey`, and keep the file to yourself (chmod 600)",
    "OPENSSH PRIVATE KEY": "it has the form of OpenSSH; PKCS #8 is wanted (`BEGIN PRIVATE KEY`)",
    "CERTIFICATE": "it is a certificate, and a bare key is wanted (`BEGIN PUBLIC KEY`)",
}


def read_pem(data: bytes) -> list[Ed25519PrivateKey | Ed25519PublicKey]:
    """Every key in a file of one or more PEM blocks, in their order.

    Raises:
        ValueError: what keeps it from being used, for the middle of a sentence.

    """
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise ValueError("it is no PEM text") from None
    blocks = list(_BLOCK.finditer(text))
    if len(blocks) != text.count(_BEGIN):
        raise ValueError("a PEM block in it is cut short or damaged")
    if not blocks:
        raise ValueError("there is no PEM block in it (`-----BEGIN ...-----`)")
    return [_key(block[1], block[0].encode()) for block in blocks]


def _key(label: str, block: bytes) -> Ed25519PrivateKey | Ed25519PublicKey:
    if label not in ("PRIVATE KEY", "PUBLIC KEY"):
        raise ValueError(_ADVICE.get(label, f"it holds `{label}`, and an Ed25519 key is wanted"))
    key: object
    try:
        key = (
            load_pem_private_key(block, password=None)
            if label == "PRIVATE KEY"
            else load_pem_public_key(block)
        )
    except (TypeError, ValueError, UnsupportedAlgorithm):
        # The library's own words tell nothing to a person.
        raise ValueError("the key in it is damaged, or of a kind that is not known") from None
    if not isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        raise ValueError("it holds a key of another kind, and an Ed25519 key is wanted")  # noqa: TRY004
    return key
