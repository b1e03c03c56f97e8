"""A vendor's server that makes license files, and a site without a connection that takes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from hotslot.domain.license_file import LicenseFile
from hotslot.licensefiles import KeyFolder, SigningKey, write_license_file
from tests.api.calls import Caller
from tests.serving import Server, serving


def now() -> datetime:
    return datetime.now(UTC)


class Party(Caller):
    """Whoever runs a server, with its admin key."""

    def __init__(self, server: Server, http: httpx.Client) -> None:
        super().__init__(http)
        self.server = server


class Vendor(Party):
    """The vendor's server, and the folder of its signing keys."""

    def __init__(self, server: Server, http: httpx.Client, keys: KeyFolder) -> None:
        super().__init__(server, http)
        self.keys = keys

    @property
    def signing(self) -> SigningKey:
        """The key that signs now."""
        signing = self.keys.read().signing
        assert signing is not None
        return signing

    def carried(self, license_id: str, deployment: str | None = None) -> str:
        """The license file as a person carries it."""
        answer = self.file(license_id, deployment)
        assert answer.status_code == 200, answer.text
        return answer.content.decode()


class Site(Party):
    """A site's own server, and the folder of the keys that it trusts."""

    def __init__(self, server: Server, http: httpx.Client, trusted: Path) -> None:
        super().__init__(server, http)
        self.trusted = trusted

    def trusts(self, keys: KeyFolder) -> None:
        """The public halves of a vendor's keys were carried here, as they are now."""
        for key in keys.read().listed:
            revoked = ".revoked" if key.status == "revoked" else ""
            name = self.trusted / f"{key.id}.pem"
            name.unlink(missing_ok=True)
            name.with_name(name.name + revoked).write_text(key.pem)


def key_folder(path: Path) -> KeyFolder:
    """A folder with one signing key."""
    folder = KeyFolder(path)
    folder.generate(now())
    return folder


@contextmanager
def vendor_at(dsn: str, folder: Path) -> Iterator[Vendor]:
    keys = key_folder(folder / "signing-keys")
    with serving(dsn, HOTSLOT_SIGNING_KEYS=str(keys.path)) as server, server.client() as http:
        yield Vendor(server, http, keys)


@contextmanager
def site_at(dsn: str, folder: Path, vendor: Vendor) -> Iterator[Site]:
    """A site that knows nothing of a vendor but its public keys."""
    trusted = folder / "trusted-keys"
    trusted.mkdir()
    places = {"HOTSLOT_TRUSTED_KEYS": str(trusted), "HOTSLOT_DATA_DIR": str(folder)}
    with serving(dsn, **places) as server, server.client() as http:
        site = Site(server, http, trusted)
        site.trusts(vendor.keys)
        yield site


def signed(key: SigningKey, **said: Any) -> str:
    """A license file that says what a test wants, with a good signature."""
    file = {
        "license": "stated",
        "product": "scanner",
        "customer": "acme",
        "slots": 1,
        "issued_at": now() - timedelta(hours=1),
        "expires_at": None,
    }
    return write_license_file(LicenseFile(**{**file, **said}), key)
