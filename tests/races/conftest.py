"""Four server processes on one database."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.races.cluster import PROCESSES, Cluster
from tests.serving import Server


@pytest.fixture(scope="package")
def cluster(new_database: Callable[[], str]) -> Iterator[Cluster]:
    """The servers, which all tests of races share: each uses ids of its own."""
    dsn = new_database()
    with ThreadPoolExecutor(PROCESSES) as threads:
        servers = list(threads.map(lambda _: Server(dsn), range(PROCESSES)))
        try:
            yield Cluster(dsn, [server.url for server in servers])
        finally:
            list(threads.map(Server.stop, servers))
