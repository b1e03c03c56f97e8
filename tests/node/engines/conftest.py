"""What tests of engines share."""

from pathlib import Path

import pytest

from tests.node.engines.material import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A publisher and an instance, which have nothing yet."""
    return Site(tmp_path)
