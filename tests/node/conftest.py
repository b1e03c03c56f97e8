"""What tests of a node share."""

from pathlib import Path

import pytest

from tests.node.keeping import Keeping


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    """A keeper with its clock and its backend in the hands of the test."""
    return Keeping(tmp_path)
