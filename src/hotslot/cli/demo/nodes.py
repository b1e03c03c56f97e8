"""The nodes that the demo plays with, each `hotslot node` as a child process."""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from hotslot.cli.demo.children import Child, environment, running, writing_to
from hotslot.cli.demo.narrator import Narrator, StoryError
from hotslot.cli.demo.scenes import shortened

READY = re.compile(r"Hotslot node \S+ listens on (\S+)")
PATIENCE_S = 30.0
APIKEY_BYTES = 18
OK = 200


@dataclass(frozen=True)
class Node:
    """A running node: its deployment, its address, and the key of its administrator."""

    name: str
    url: str
    apikey: str
    child: Child

    def ask(
        self,
        tell: Narrator,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        **headers: str,
    ) -> dict[str, Any]:
        """Make a call of the Core API on it and print the call; gives the answer.

        Secrets are shortened where they are printed. Raises `StoryError` when it is refused.
        """
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        with_headers = [f"{name}: {_shown(name, value)}" for name, value in sent.items()]
        told = {name: _shown(name, value) for name, value in (body or {}).items()}
        tell.call(self.name, method, ", ".join([path, *with_headers]), told)
        answer = self._send(method, path, json=body, headers=sent)
        found: dict[str, Any] = answer.json()
        if answer.status_code != OK:
            raise StoryError(
                f"The story says: {self.name} does it. It answered {answer.status_code}: "
                f"{found.get('err', found)}"
            )
        return found

    def standing(self) -> dict[str, Any]:
        """Say how it stands, as `GET /readyz?verbose` has it."""
        found: dict[str, Any] = self._send("GET", "/readyz?verbose").json()["license"]
        return found

    def has_engines(self) -> bool:
        """Whether it has an engine in use."""
        return any(each["active"] for each in self._send("GET", "/stat/engines").json())

    def _send(self, method: str, path: str, **how: Any) -> httpx.Response:
        try:
            with httpx.Client(timeout=PATIENCE_S, trust_env=False) as http:
                http.headers["apikey"] = self.apikey
                return http.request(method, f"{self.url}{path}", **how)
        except httpx.TransportError as error:
            raise StoryError(
                f"The story says: {self.name} is up. It can't be reached at {self.url}: {error}; "
                f"see {self.child.log}"
            ) from error


@contextmanager
def nodes(folder: Path, backends: Mapping[str, str], update_source: Path) -> Iterator[list[Node]]:
    """Run a node for each name, beside each other, with the URL of the backend that it asks.

    Raises `DemoServerError`.
    """
    apikey = secrets.token_hex(APIKEY_BYTES)
    settings = environment() | {
        "HOTSLOT_NODE_APIKEY": apikey,
        # Nobody logs in; but without one, it would be made and printed.
        "HOTSLOT_NODE_ADMIN_PASSWORD": secrets.token_urlsafe(APIKEY_BYTES),
        "HOTSLOT_NODE_UPDATE_SOURCE": str(update_source),
        "HOTSLOT_NODE_HOST": "127.0.0.1",
        "HOTSLOT_NODE_PORT": "0",
    }
    with writing_to(folder):
        folder.mkdir(mode=0o700, parents=True)
    with ExitStack() as stack:
        children = {
            name: stack.enter_context(
                running(
                    ["node", "--deployment", name],
                    settings
                    | {
                        "HOTSLOT_NODE_DATA_DIR": str(folder / name),
                        "HOTSLOT_NODE_BACKEND": backend,
                    },
                    folder / f"{name}.log",
                )
            )
            for name, backend in backends.items()
        }
        yield [
            Node(name, child.await_address(READY), apikey, child)
            for name, child in children.items()
        ]


def _shown(name: str, value: Any) -> Any:
    return shortened(value) if "key" in name.lower() else value
