"""A sample engine, to try out updates and scans with: it finds the EICAR test file.

The test file is harmless text that every anti-virus product reports, by agreement. It is put
together here, and written as hex in the set, so that no product reports this project.
"""

import hashlib
from pathlib import Path

import msgspec

from hotslot.node.engines.forms import MANIFEST, SIGNATURE_SET
from hotslot.node.engines.signature_set import Digest, Pattern, SignatureSet

ENGINE = "hotslot-sample"
NAME = "Hotslot sample"
VERSION = "1.0.0"
THREAT = "EICAR-Test-File"


def eicar() -> bytes:
    """The test file, 68 bytes."""
    # Joined at run time: a constant would stand whole in the compiled file.
    parts = (rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$", b"EICAR-STANDARD-", b"ANTIVIRUS-TEST-FILE!$H+H*")
    return b"".join(parts)


def write_sample(folder: Path) -> Path:
    """Write the sample engine's files into a folder of their own below `folder`; return it.

    Raises:
        OSError: they can't be written.

    """
    content = eicar()
    signatures = SignatureSet(
        format="hotslot-signature-set/1",
        digests=[Digest(THREAT, hashlib.sha256(content).hexdigest())],
        patterns=[Pattern(THREAT, content.hex())],
    )
    engine = folder / ENGINE
    engine.mkdir(parents=True, exist_ok=True)
    about = {"name": NAME, "type": SIGNATURE_SET, "version": VERSION}
    for name, value in ((MANIFEST, about), ("sample.json", signatures)):
        data = msgspec.json.format(msgspec.json.encode(value), indent=2)
        (engine / name).write_bytes(data + b"\n")
    return engine
