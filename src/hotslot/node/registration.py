"""How this instance gets and gives up its role, through the backend."""

from hotslot.node.backend import Json, Roles
from hotslot.node.lease_keeper import LeaseKeeper
from hotslot.node.memory import Memory


class Registration:
    """Changes of role, for this one deployment. Each has its effect here before it returns.

    Each call raises `RefusedError` when a rule is against it, with `detail` and `remedies`, and
    `OutOfReachError` when the backend can't be asked; then nothing has changed here.
    """

    def __init__(
        self, deployment: str, backend: Roles, keeper: LeaseKeeper, memory: Memory
    ) -> None:
        self._deployment = deployment
        self._backend = backend
        self._keeper = keeper
        self._memory = memory

    async def activate(
        self,
        *,
        activation_key: str | None = None,
        license_file: str | None = None,
        reason: str | None = None,
    ) -> Json:
        """Become active, under the license of the activation key or file; gives the deployment.

        The activation key is kept for what this instance asks from then on.
        """
        under = _under(activation_key, license_file)
        answer = await self._backend.activate(self._deployment, under, reason)
        await self._have_role(activation_key)
        return answer

    async def register(
        self,
        *,
        activation_key: str | None = None,
        license_file: str | None = None,
        standby_for: str | None = None,
        reason: str | None = None,
    ) -> Json:
        """Become a hot backup, as with `activate`, of the deployment that it stands by for."""
        under = _under(activation_key, license_file)
        answer = await self._backend.register(self._deployment, under, standby_for, reason)
        await self._have_role(activation_key)
        return answer

    async def nominate(
        self,
        *,
        replaces: str | None = None,
        wait_for_release: bool = False,
        reason: str | None = None,
    ) -> Json:
        """Become active in the place of the active one; gives the nomination."""
        answer = await self._backend.nominate(
            self._deployment, replaces, reason, wait_for_release=wait_for_release
        )
        await self._keeper.renew_now()
        return answer

    async def deactivate(self, *, reason: str | None = None) -> Json:
        """Be unlicensed, and stop at once what only an active instance may do."""
        answer = await self._backend.deactivate(self._deployment, reason)
        await self._keeper.drop("This instance was deactivated.")
        return answer

    async def unregister(self, *, reason: str | None = None) -> Json:
        """Be unlicensed, and no backup any more."""
        answer = await self._backend.unregister(self._deployment, reason)
        await self._keeper.drop("This instance is no longer registered as a backup.")
        return answer

    async def _have_role(self, activation_key: str | None) -> None:
        if activation_key is not None:
            self._memory.content.activation_key = activation_key
            await self._memory.save()
        await self._keeper.renew_now()


def _under(activation_key: str | None, license_file: str | None) -> dict[str, str]:
    given = {"activation_key": activation_key, "license_file": license_file}
    return {name: value for name, value in given.items() if value is not None}
