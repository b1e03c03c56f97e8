"""Callers with every kind of credential, and a server whose insides can be looked at."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from hotslot.licensefiles import KeyFolder
from tests.api.calls import Caller, done
from tests.api.raw import Target, request
from tests.api.sites import Site, Vendor, key_folder, site_at, vendor_at
from tests.serving import ADMIN_KEY, Server, serving


@pytest.fixture(scope="package")
def server(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that many tests share, and that makes license files."""
    keys = key_folder(tmp_path_factory.mktemp("signing-keys"))
    with serving(new_database(), HOTSLOT_SIGNING_KEYS=str(keys.path)) as shared:
        yield shared


@pytest.fixture(scope="package")
def vendor(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vendor]:
    """A vendor who makes license files."""
    with vendor_at(new_database(), tmp_path_factory.mktemp("vendor")) as vendor:
        yield vendor


@pytest.fixture(scope="package")
def site(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory, vendor: Vendor
) -> Iterator[Site]:
    """A site without a connection, to which the vendor's public key was carried."""
    with site_at(new_database(), tmp_path_factory.mktemp("site"), vendor) as site:
        yield site


@pytest.fixture(scope="package")
def api(server: Server) -> Iterator[Caller]:
    """The admin."""
    with server.client() as http:
        yield Caller(http)


@pytest.fixture(scope="package")
def nobody(server: Server) -> Iterator[Caller]:
    """Someone without any credential."""
    with server.client(None) as http:
        yield Caller(http)


KeyOf = Callable[..., Caller]

LICENSE = b'{"id": "x", "product": "p", "customer": "c", "slots": 1}'


@pytest.fixture(scope="package")
def caller_with(server: Server) -> Iterator[Callable[..., Caller]]:
    """Makes a caller with any credential, of any headers."""
    opened = []

    def caller(key: str | None = None, **headers: str) -> Caller:
        opened.append(server.client(key, **headers))
        return Caller(opened[-1])

    yield caller
    for http in opened:
        http.close()


@pytest.fixture(scope="package")
def key_of(api: Caller, caller_with: Callable[..., Caller]) -> KeyOf:
    """Makes a caller with a key of a role: `key_of("operator", customer="acme")`."""

    def with_key(role: str, **limits: Any) -> Caller:
        return caller_with(done(api.key(role, **limits), 201)["key"])

    return with_key


@pytest.fixture(scope="package")
def under_activation_key(caller_with: Callable[..., Caller]) -> Callable[[str], Caller]:
    """Makes a caller that shows an activation key."""
    return lambda activation_key: caller_with(**{"activation-key": activation_key})


class Watched(NamedTuple):
    """A server of its own, with its database, its log and its signing keys."""

    server: Server
    dsn: str
    log: Path
    keys: KeyFolder

    def caller(self, key: str = ADMIN_KEY) -> Caller:
        return Caller(self.server.client(key))


@pytest.fixture(scope="package")
def watched(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """A server whose database and log the tests read."""
    dsn = new_database()
    log = tmp_path_factory.mktemp("watched") / "server.log"
    keys = key_folder(log.with_name("signing-keys"))
    with serving(dsn, log=log, HOTSLOT_SIGNING_KEYS=str(keys.path)) as server:  # type: ignore[arg-type]
        yield Watched(server, dsn, log, keys)


@pytest.fixture(scope="module")
def target(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """A server that nobody else writes to, with the license `x` and a file of it."""
    dsn = new_database()
    keys = str(key_folder(tmp_path_factory.mktemp("signing-keys")).path)
    with (
        serving(dsn, HOTSLOT_SIGNING_KEYS=keys) as server,
        psycopg.connect(dsn, autocommit=True) as ledger,
    ):
        target = Target(server.url, ledger)
        # Reads of a license that there is go further than those of one that is not.
        for made in (
            request("POST", "/v1/licenses", body=LICENSE),
            request("PUT", "/v1/deployments/a/activation", body=b'{"license": "x"}'),
            request("PUT", "/v1/deployments/b/backup", body=b'{"license": "x"}'),
            # While nothing changes it is the same file, and nothing more is recorded.
            request("GET", "/v1/licenses/x/file"),
        ):
            (answer,) = target.send(made)
            assert answer.status in {200, 201}, answer
        yield target
