"""One running instance: all its parts, and where requests find them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request

from hotslot.licensefiles import KeyFolderError
from hotslot.node.clock import SystemClock
from hotslot.node.connection import Connection
from hotslot.node.engines import Engines
from hotslot.node.gate import Gate
from hotslot.node.identity import DataDirectory
from hotslot.node.lease_keeper import LeaseKeeper
from hotslot.node.memory import Memory
from hotslot.node.processing import Limits, Processing, RightToProcess
from hotslot.node.registration import Registration
from hotslot.node.settings import NodeSettings
from hotslot.node.trusted_keys import TrustedKeys


class NodeSettingError(Exception):
    """A setting can't be right; the message names it, and says why."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """The parts of an instance; `app.state.node` of its application.

    It processes with engines of its own, or it is a gate before the product that does.
    """

    settings: NodeSettings
    deployment: str
    memory: Memory
    connection: Connection
    keeper: LeaseKeeper
    registration: Registration
    engines: Engines | None
    processing: Processing | None
    gate: Gate | None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the lease, and update engines, for the length of a block.

        At its end what is being processed is dropped. The lease is kept: it runs out.
        """
        tasks = [asyncio.create_task(self.keeper.run())]
        if self.engines is not None:
            tasks.append(asyncio.create_task(self.engines.run()))
        try:
            yield
        finally:
            if self.processing is not None:
                await self.processing.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self.gate is not None:
                await self.gate.close()
            await self.memory.save()
            await self.connection.close()


def assemble(settings: NodeSettings, directory: DataDirectory) -> Node:
    """Put an instance together on its data directory. Nothing runs yet, and nothing is asked.

    Raises:
        DataDirectoryError: the directory belongs to another deployment.
        NodeSettingError: keys that can't be read, or no address of a product.
        OSError: a file in it can't be read.

    """
    deployment = directory.deployment(settings.deployment)
    memory = Memory(directory.path / "memory.json")
    try:
        keys = TrustedKeys(settings.trusted_keys, directory.path / "trusted-keys")
    except KeyFolderError as error:
        raise NodeSettingError(f"HOTSLOT_NODE_TRUSTED_KEYS: {error}") from None
    connection = Connection(str(settings.backend), settings.key, memory)
    keeper = LeaseKeeper(deployment, connection, keys, memory, SystemClock())
    right = RightToProcess(keeper.standing)
    keeper.quiesce = right.quiesce
    gate = _gate(settings, right)
    engines = processing = None
    if gate is None:
        engines = Engines(
            directory.path / "engines",
            keeper.may,
            keys=keys.read,
            update_source=settings.update_source,
        )
        limits = Limits(file_bytes=settings.max_file_bytes)
        processing = Processing(directory.path / "files", deployment, right, engines, limits)
    return Node(
        settings=settings,
        deployment=deployment,
        memory=memory,
        connection=connection,
        keeper=keeper,
        registration=Registration(deployment, connection, keeper, memory),
        engines=engines,
        processing=processing,
        gate=gate,
    )


def node_of(request: Request) -> Node:
    """The instance that a request has come to."""
    node = request.app.state.node
    assert isinstance(node, Node)
    return node


def _gate(settings: NodeSettings, right: RightToProcess) -> Gate | None:
    if settings.upstream is None:
        return None
    try:
        return Gate(settings.upstream, right, settings.held_back.split(","))
    except ValueError as error:
        raise NodeSettingError(f"HOTSLOT_NODE_UPSTREAM, HOTSLOT_NODE_HELD_BACK: {error}") from None
