"""Keys, contents and texts to test with.

What is signed here, and how, is written down a second time on purpose: a mistake in the code is
not repeated by using the code.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from hotslot.domain.license_file import LicenseFile
from hotslot.licensefiles import Keys, ListedKey, SigningKey
from hotslot.licensefiles.keys import KeyStatus

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How fast an example runs is up to the machine."""

PREFIX = b"hotslot-license-file/1\n"
EMPTY = '""'


def key(number: int) -> SigningKey:
    """A key that is the same in every run."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def listed(signing: SigningKey, status: KeyStatus = "verifying") -> ListedKey:
    return ListedKey(id=signing.id, created_at=None, status=status, pem=signing.public_pem())


KEY = key(1)
OWN = Keys(KEY, (listed(KEY, "signing"),))
NONE = Keys()

FILE = LicenseFile(
    license="acme-1",
    product="Scanner",
    customer="Ünïted Åcme",
    slots=2,
    issued_at=datetime(2026, 11, 22, 11, 0, 0, 123456, tzinfo=UTC),
    expires_at=datetime(2027, 11, 22, tzinfo=UTC),
    deployment="P-1",
)
CONTENT: dict[str, Any] = {
    "format": "hotslot-license-file/1",
    "license": "acme-1",
    "product": "Scanner",
    "customer": "Ünïted Åcme",
    "slots": "2",
    "issued_at": "2026-11-22T11:00:00.123456Z",
    "expires_at": "2027-11-22T00:00:00.000000Z",
    "rights": ["process", "engines.download", "engines.upload", "engines.deploy"],
    "deployment": "P-1",
}


def signature_of(
    content: object, signing: SigningKey = KEY, prefix: bytes = PREFIX
) -> dict[str, Any]:
    """The signature block for that content."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    value = base64.b64encode(signing.sign(prefix + text.encode())).decode()
    return {"algorithm": "ed25519", "key": signing.id, "value": value}


def document(fields: Mapping[str, Any], **raw: str) -> str:
    """A text with these fields. What is given in `raw` stands in it just so."""
    lines = {name: json.dumps(value, ensure_ascii=False) for name, value in fields.items()}
    return "".join(f"{name or EMPTY}: {value}\n" for name, value in (lines | raw).items())


def signed(content: Mapping[str, Any], **raw: str) -> str:
    """A text with these fields, and the signature for them; `raw` is how some are written."""
    return document({**content, "signature": signature_of(content)}, **raw)


def without(content: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in names}


ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._~:@-]{0,127}", fullmatch=True)
texts = st.text(
    st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=200
) | st.sampled_from(["yes", "~", "012", "- a", "# a", " a ", '"', "\\", "a: b", "\u2028", "\uffff"])
times = st.datetimes(timezones=st.just(UTC))
license_files = st.builds(
    LicenseFile,
    license=ids,
    product=texts,
    customer=texts,
    slots=st.integers(1, 100_000),
    issued_at=times,
    expires_at=st.none() | times,
    deployment=st.none() | ids,
)
