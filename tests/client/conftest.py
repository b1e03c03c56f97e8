"""What tests of the client share: each variant of it, and a stub of the server."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.stub import Stub, stub_server
from tests.client.variants import VARIANTS, Connect, connecting

KEY = "key-for-tests-0123456789"


@pytest.fixture
def stub() -> Iterator[Stub]:
    with stub_server() as server:
        yield server


@pytest.fixture(params=VARIANTS)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes clients of the variant that the test is run with."""
    with connecting(request.param) as made:
        yield made


@pytest.fixture
def hotslot(connect: Connect, stub: Stub) -> Any:
    """A client of the stub."""
    return connect(stub.url, key=KEY)
