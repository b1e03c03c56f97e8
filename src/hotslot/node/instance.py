"""One running instance: all its parts, and where requests find them."""

from dataclasses import dataclass

from starlette.requests import Request

from hotslot.node.clock import SystemClock
from hotslot.node.connection import Connection
from hotslot.node.identity import DataDirectory
from hotslot.node.lease_keeper import LeaseKeeper
from hotslot.node.memory import Memory
from hotslot.node.registration import Registration
from hotslot.node.settings import NodeSettings
from hotslot.node.trusted_keys import TrustedKeys


@dataclass(frozen=True, kw_only=True)
class Node:
    """The parts of an instance; `app.state.node` of its application."""

    settings: NodeSettings
    deployment: str
    memory: Memory
    connection: Connection
    keeper: LeaseKeeper
    registration: Registration


def assemble(settings: NodeSettings, directory: DataDirectory) -> Node:
    """Put an instance together on its data directory. Nothing runs yet, and nothing is asked.

    Raises:
        DataDirectoryError: the directory belongs to another deployment.
        KeyFolderError: the trusted keys that were given can't be read.
        OSError: a file in it can't be read.

    """
    deployment = directory.deployment(settings.deployment)
    memory = Memory(directory.path / "memory.json")
    connection = Connection(str(settings.backend), settings.key, memory)
    keys = TrustedKeys(settings.trusted_keys, directory.path / "trusted-keys")
    keeper = LeaseKeeper(deployment, connection, keys, memory, SystemClock())
    return Node(
        settings=settings,
        deployment=deployment,
        memory=memory,
        connection=connection,
        keeper=keeper,
        registration=Registration(deployment, connection, keeper, memory),
    )


def node_of(request: Request) -> Node:
    """The instance that a request has come to."""
    node = request.app.state.node
    assert isinstance(node, Node)
    return node
