"""One running instance: all its parts, and where requests find them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from hotslot.licensefiles import KeyFolderError
from hotslot.node.clock import SystemClock
from hotslot.node.connection import Connection
from hotslot.node.core_api.access import Access
from hotslot.node.core_api.accounts import Accounts
from hotslot.node.core_api.license_facts import LicenseFacts
from hotslot.node.engines import Engines, UpdateSettings
from hotslot.node.gate import Gate
from hotslot.node.identity import DataDirectory
from hotslot.node.lease_keeper import LeaseKeeper
from hotslot.node.memory import Memory
from hotslot.node.processing import Limits, Processing, RightToProcess
from hotslot.node.registration import Registration
from hotslot.node.settings import NodeSettings
from hotslot.node.settings_store import Configuration, SettingsStore
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
    access: Access
    license_facts: LicenseFacts
    settings_store: SettingsStore
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
    store = SettingsStore(directory.path / "settings.json")
    accounts = engines = processing = None
    if gate is None:
        engines = Engines(
            directory.path / "engines",
            keeper.may,
            keys=keys.read,
            update_source=settings.update_source,
        )
        _follow(engines, store)
        # Before a gate there are no logins: the product has its own.
        accounts = Accounts(
            directory.path / "users.json",
            admin_password=settings.admin_password,
            reader_password=settings.reader_password,
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
        access=Access(accounts, settings.apikey),
        license_facts=LicenseFacts(directory.path / "license.json", deployment, connection, keeper),
        settings_store=store,
        engines=engines,
        processing=processing,
        gate=gate,
    )


def node_of(request: Request) -> Node:
    """The instance that a request has come to."""
    node = request.app.state.node
    assert isinstance(node, Node)
    return node


def _follow(engines: Engines, store: SettingsStore) -> None:
    """Have engines updated by the settings, as they are and as they will be."""

    def configure(configuration: Configuration) -> None:
        update = configuration.update
        engines.configure(
            UpdateSettings(
                source=update.source,
                period=update.autoupdateperiod,
                folder=Path(update.pickupfolder) if update.pickupfolder else None,
            )
        )

    configure(store.current)
    store.listen(configure)


def _gate(settings: NodeSettings, right: RightToProcess) -> Gate | None:
    if settings.upstream is None:
        return None
    try:
        return Gate(settings.upstream, right, settings.held_back.split(","))
    except ValueError as error:
        raise NodeSettingError(f"HOTSLOT_NODE_UPSTREAM, HOTSLOT_NODE_HELD_BACK: {error}") from None
