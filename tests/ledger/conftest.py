"""What the tests of the ledger share."""

from collections.abc import Callable

import pytest


@pytest.fixture(scope="module")
def shared_dsn(new_database: Callable[[], str]) -> str:
    """A database with an empty ledger, for the tests of one module: each uses ids of its own."""
    return new_database()
