"""What the tests of checkpoints share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkpoints.signing import Log, log_at


@pytest.fixture
def log(new_database: Callable[[], str], tmp_path: Path) -> Log:
    """SIZE events, and nothing signed yet."""
    return log_at(new_database(), tmp_path)
