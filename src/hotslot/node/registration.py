"""How this instance gets and gives up its role, through the backend."""

from hotslot.client import Deployment, Nomination
from hotslot.node.connection import Connection
from hotslot.node.lease_keeper import LeaseKeeper
from hotslot.node.memory import Memory


class Registration:
    """Changes of role, for this one deployment. Each has its effect here before it returns.

    Each call raises `Refused` when a rule is against it, with `detail` and `remedies`; `OutOfReach`
    and `Unreadable` when the backend can't be asked. Then nothing has changed here.
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
        answer = await self._connection.client(activation_key).deployments.activate(
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
        answer = await self._connection.client(activation_key).deployments.register(
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
    ) -> Nomination:
        """Become active in the place of the active one; gives the nomination."""
        answer = await self._connection.client().deployments.nominate(
            self._deployment, replaces=replaces, wait_for_release=wait_for_release, reason=reason
        )
        await self._keeper.renew_now()
        return answer

    async def deactivate(self, *, reason: str | None = None) -> Deployment:
        """Be unlicensed, and stop at once what only an active instance may do."""
        answer = await self._connection.client().deployments.deactivate(
            self._deployment, reason=reason
        )
        await self._keeper.drop("This instance was deactivated.")
        return answer

    async def unregister(self, *, reason: str | None = None) -> Deployment:
        """Be unlicensed, and no backup any more."""
        answer = await self._connection.client().deployments.unregister(
            self._deployment, reason=reason
        )
        await self._keeper.drop("This instance is no longer registered as a backup.")
        return answer

    async def _have_role(self, activation_key: str | None) -> None:
        if activation_key is not None:
            self._memory.content.activation_key = activation_key
            await self._memory.save()
        await self._keeper.renew_now()
