"""What tests of a node share."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hotslot.licensefiles import KeyFolder
from tests.node.keeping import Keeping
from tests.serving import Server, serving


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    """A keeper with its clock and its backend in the hands of the test."""
    return Keeping(tmp_path)


@pytest.fixture(scope="package")
def licensing(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A real backend with a key to sign leases with; tests use licenses of their own."""
    keys = tmp_path_factory.mktemp("signing-keys")
    KeyFolder(keys).generate(datetime.now(UTC))
    with serving(new_database(), HOTSLOT_SIGNING_KEYS=str(keys)) as server:
        yield server
