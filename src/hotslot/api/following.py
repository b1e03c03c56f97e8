"""The followers of the projections, as threads of a serving process."""

import contextlib
import threading
from collections.abc import Iterator

from projections.catalogue import PROJECTIONS
from projections.follower import Follower


@contextlib.contextmanager
def following(dsn: str) -> Iterator[None]:
    """Follow with every projection until the block ends; one process leads among many."""
    stop = threading.Event()
    threads = [
        threading.Thread(
            target=Follower(dsn, projection).run, args=(stop,), name=f"follow-{name}", daemon=True
        )
        for name, projection in PROJECTIONS.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=10)
