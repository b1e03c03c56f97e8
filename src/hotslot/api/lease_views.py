"""What leases add to the shape of a deployment: whether it waits, and when it was last seen."""

from hotslot.api import shapes, views
from hotslot.api.backend import Backend, utc_now
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import Role, deployment_stream
from hotslot.domain.license import License
from hotslot.leases.deciding import may_wait
from hotslot.leases.lease import Awaited
from hotslot.leases.store import awaited


async def waits_for(
    backend: Backend, deployment: Deployment, license_: License | None
) -> Awaited | None:
    """Whose end the deployment has to await before it may process."""
    if license_ is None or deployment.role is not Role.ACTIVE or not may_wait(deployment):
        return None
    async with backend.pool.connection() as connection:
        return await awaited(connection, deployment, license_)


async def hold_back(backend: Backend, shape: shapes.Deployment) -> None:
    """Take the right to process out of the shape of one that waits."""
    if not shape.capabilities.process:
        return
    state = await _state(backend, shape.id)
    if (state.license, state.term) != (shape.license, shape.term) or not may_wait(state):
        return
    assert state.license is not None
    if await waits_for(backend, state, await backend.license(state.license)) is not None:
        shape.capabilities.process = False


async def add_lease(backend: Backend, shape: shapes.Deployment) -> None:
    """Say in the shape when the deployment took its newest lease, if it has a role and ever did."""
    if shape.license is None:
        return
    lease = await backend.sightings.newest(shape.id, shape.license)
    if lease is not None:
        shape.lease = views.lease_seen(lease, utc_now())


async def _state(backend: Backend, deployment: str) -> Deployment:
    state = (await backend.writer.load(deployment_stream(deployment))).state
    return state if isinstance(state, Deployment) else Deployment(id=deployment)
