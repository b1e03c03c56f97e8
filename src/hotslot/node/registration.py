"""How this instance gets and gives up its role, through the backend."""

from collections.abc import Awaitable
from typing import TypeVar

from hotslot.client import Deployment, Nomination, Refused
from hotslot.node.connection import Connection
from hotslot.node.lease_keeper import LeaseKeeper
from hotslot.node.memory import Memory

T = TypeVar("T")


class Registration:
    """Changes of role, for this one deployment. Each has its effect here before it returns.

    Each call raises `Refused` when a rule is against it, with `detail` and `remedies`; `OutOfReach`
    and `Unreadable` when the backend can't be asked. Then nothing has changed here. A repeated call
    whose wanted state holds already, as after an answer that got lost, is no failure.
    """

    def __init__(
        self, deployment: str, connection: Connection, keeper: LeaseKeeper, memory: Memory
    ) -> None:
        self._deployment = deployment
        self._connection = connection
        self._keeper = keeper
        self._memory = memory

    async def activate(
        self,
        *,
        activation_key: str | None = None,
        license_file: str | None = None,
        reason: str | None = None,
    ) -> Deployment:
        """Become active, under the license of the activation key or file; gives the deployment.

        The activation key is kept for what this instance asks from then on.
        """
        client = self._connection.client(activation_key, for_file=license_file is not None)
        answer = await client.deployments.activate(
            self._deployment,
            activation_key=activation_key,
            license_file=license_file,
            reason=reason,
        )
        await self._have_role(activation_key)
        return answer

    async def register(
        self,
        *,
        activation_key: str | None = None,
        license_file: str | None = None,
        standby_for: str | None = None,
        reason: str | None = None,
    ) -> Deployment:
        """Become a hot backup, as with `activate`, of the deployment that it stands by for."""
        client = self._connection.client(activation_key, for_file=license_file is not None)
        answer = await client.deployments.register(
            self._deployment,
            activation_key=activation_key,
            license_file=license_file,
            standby_for=standby_for,
            reason=reason,
        )
        await self._have_role(activation_key)
        return answer

    async def nominate(
        self,
        *,
        replaces: str | None = None,
        wait_for_release: bool = False,
        reason: str | None = None,
    ) -> Nomination | None:
        """Become active in the place of the active one; None if it is active already.

        With `wait_for_release` it may process only once the lease of the former one is over.
        """
        call = self._connection.client().deployments.nominate(
            self._deployment, replaces=replaces, wait_for_release=wait_for_release, reason=reason
        )
        answer = await _unless_as_wanted(call)
        await self._keeper.renew_now()
        return answer

    async def deactivate(self, *, reason: str | None = None) -> Deployment | None:
        """Be unlicensed, and stop at once what only an active one may do; None if it is already."""
        call = self._connection.client().deployments.deactivate(self._deployment, reason=reason)
        answer = await _unless_as_wanted(call)
        await self._keeper.drop("This instance was deactivated.")
        return answer

    async def unregister(self, *, reason: str | None = None) -> Deployment | None:
        """Be unlicensed, and no backup any more; None if it is unlicensed already."""
        call = self._connection.client().deployments.unregister(self._deployment, reason=reason)
        answer = await _unless_as_wanted(call)
        await self._keeper.drop("This instance is no longer registered as a backup.")
        return answer

    async def _have_role(self, activation_key: str | None) -> None:
        if activation_key is not None:
            self._memory.content.activation_key = activation_key
            await self._memory.save()
        await self._keeper.renew_now()


async def _unless_as_wanted(call: Awaitable[T]) -> T | None:
    """What the call gives; None for a refusal because the instance is what it was to become."""
    try:
        return await call
    except Refused as refused:
        # With another role than the wanted one, the backend says how to get to it.
        if refused.code in {"not-active", "not-a-backup"} and not refused.remedies:
            return None
        raise
