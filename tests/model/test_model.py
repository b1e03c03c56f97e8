"""The server against the model: the same answers, the same slots, now and at every position."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from projections.catalogue import PROJECTIONS
from projections.check import check
from tests.model.machine import Api, Machine
from tests.serving import serving

LIGHT = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # To shrink an example takes minutes; the heavy variant does.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
HEAVY = settings(LIGHT, max_examples=250, stateful_step_count=60, phases=list(Phase))


@pytest.fixture(scope="module")
def modeled(new_database: Callable[[], str]) -> Iterator[tuple[str, Api]]:
    """A database, and a server on it that nobody else writes to."""
    dsn = new_database()
    with serving(dsn) as server:
        api = Api(server.url)
        yield dsn, api
        api.close()


@pytest.mark.parametrize(
    "amount", [LIGHT, pytest.param(HEAVY, marks=pytest.mark.heavy)], ids=["light", "heavy"]
)
def test_the_server_does_as_the_model(modeled: tuple[str, Api], amount: settings):
    dsn, api = modeled

    class OnThisServer(Machine):
        def __init__(self) -> None:
            super().__init__(api)

    run_state_machine_as_test(OnThisServer, settings=amount)
    head = api.head()
    for name, projection in PROJECTIONS.items():
        # A read of the last position waits until the projection is there.
        api.ask("GET", f"/v1/licenses?min_position={head}")
        api.ask("GET", f"/v1/audit?min_position={head}&limit=1")
        checked = check(dsn, projection)
        assert (checked.position, checked.difference) == (head, None), name
        assert checked.rows > 0
