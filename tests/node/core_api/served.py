"""Instances on real sockets before real backends, for tests of the calls of the Core."""

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hotslot.licensefiles import KeyFolder, SigningKey
from hotslot.licensefiles.keys import public_pem
from hotslot.node.app import create_app
from hotslot.node.identity import DataDirectory
from hotslot.node.instance import Node, assemble
from hotslot.node.settings import NodeSettings
from tests.api.calls import Caller, done
from tests.api.sites import key_folder, signed
from tests.node.nodes import soon
from tests.serving import Server, serving

APIKEY = "0123456789abcdef0123456789abcdef0123"


class Backend(Caller):
    """A licensing backend that signs leases, with its admin key."""

    def __init__(self, server: Server, http: httpx.Client, keys: KeyFolder) -> None:
        super().__init__(http)
        self.server = server
        self.keys = keys

    @property
    def signing(self) -> SigningKey:
        key = self.keys.read().signing
        assert key is not None
        return key

    def license_with_key(self, **body: Any) -> tuple[str, str]:
        """The id of a new license, and its activation key."""
        answer = done(self.issue(**body), 201)
        return answer["id"], answer["activation_key"]

    def node_key(self, deployment: str) -> str:
        """An API key of role node for a deployment."""
        body = {"role": "node", "deployment": deployment}
        return str(done(self.http.post("/v1/keys", json=body), 201)["key"])


def another_public_key() -> str:
    """A key that signs nothing, as PEM."""
    return public_pem(Ed25519PrivateKey.generate().public_key())


@contextlib.contextmanager
def backend_at(dsn: str, folder: Path, **settings: str) -> Iterator[Backend]:
    keys = key_folder(folder / "signing-keys")
    settings = {"HOTSLOT_SIGNING_KEYS": str(keys.path), **settings}
    with serving(dsn, **settings) as server, server.client() as http:
        yield Backend(server, http, keys)


class Carried(NamedTuple):
    """A site without a connection, and the key of a vendor whose files are carried there."""

    site: Backend
    vendor: SigningKey

    def file(self, **said: Any) -> bytes:
        """A license file, which the vendor signed."""
        return signed(self.vendor, **said).encode()


@contextlib.contextmanager
def carried_at(dsn: str, folder: Path) -> Iterator[Carried]:
    """The site signs leases with a key of its own, and trusts the vendor's for license files."""
    vendor = key_folder(folder / "vendor").read()
    assert vendor.signing is not None
    trusted = folder / "trusted-keys"
    trusted.mkdir()
    for key in vendor.listed:
        (trusted / f"{key.id}.pem").write_text(key.pem)
    with backend_at(dsn, folder, HOTSLOT_TRUSTED_KEYS=str(trusted)) as site:
        yield Carried(site, vendor.signing)


@dataclass
class Instance:
    """An instance that answers on a socket, and a client with its API key."""

    node: Node
    url: str
    http: httpx.Client
    folder: Path

    @property
    def deployment(self) -> str:
        return self.node.deployment

    def copied(self) -> Path:
        """A copy of its data directory, as a restarted one would find it."""
        copy = self.folder.with_name(f"{self.folder.name}-copy")
        shutil.copytree(self.folder, copy)
        return copy

    def client(self, **headers: str) -> httpx.Client:
        """Another client, without a key unless it is given one."""
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def activate(self, activation_key: str) -> None:
        answer = self.http.post(
            "/admin/license/activation", json={"activationKey": activation_key, "quantity": 1}
        )
        assert answer.json() == {"success": True}

    def register(self, activation_key: str, **headers: str) -> httpx.Response:
        return self.http.post(
            "/admin/license/backup", headers={"activation-key": activation_key, **headers}
        )

    def err(self, answer: httpx.Response, status: int = 400) -> str:
        """The text of a failure, which has this status and nothing else in it."""
        assert answer.status_code == status, answer.text
        assert list(answer.json()) == ["err"]
        return str(answer.json()["err"])


@contextlib.contextmanager
def served(folder: Path, backend: str, **settings: Any) -> Iterator[Instance]:
    """An instance with a server of its own, for the length of a block."""
    directory = DataDirectory(folder)
    with contextlib.closing(directory), socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        given = {"apikey": APIKEY, "backend": backend, **settings}
        node = assemble(NodeSettings.model_validate(given), directory)
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(node), log_config=None, ws="none", timeout_graceful_shutdown=5
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            soon(lambda: server.started or not thread.is_alive())
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx.Client(
                base_url=url, headers={"apikey": APIKEY}, timeout=30, trust_env=False
            ) as http:
                yield Instance(node, url, http, folder)
        finally:
            server.should_exit = True
            thread.join()
