"""Instances that run, and what is asked of them."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.node.core_api.served import Instance, served
from tests.node.nodes import soon

BACKUP = "/admin/license/backup"
NOMINATION = "/admin/license/backup/nomination"
ACTIVATION = "/admin/license/activation"
DEACTIVATION = "/admin/license/deactivation"
OFFLINE = "/admin/license"
SETTINGS = "/admin/config/update"

New = Callable[..., Instance]


@contextlib.contextmanager
def instances(folder: Path, backend: str, **settings: Any) -> Iterator[New]:
    """Makes instances that run until the end of the block."""
    numbers = itertools.count(1)
    with contextlib.ExitStack() as running:

        def create(**changed: Any) -> Instance:
            place = folder / f"instance-{next(numbers)}"
            return running.enter_context(served(place, backend, **{**settings, **changed}))

        yield create


def engines(instance: Instance) -> list[tuple[str, bool]]:
    rows = instance.http.get("/stat/engines").json()
    return [(row["state"], row["active"]) for row in rows]


def has_engines(instance: Instance) -> None:
    soon(lambda: engines(instance) == [("production", True)])


def scan(instance: Instance, data: bytes = b"a file") -> httpx.Response:
    with instance.client() as client:
        return client.post("/file", content=data)


def verdict(instance: Instance, data: bytes) -> str:
    """What the instance makes of a file, that it takes in and processes."""
    data_id = scan(instance, data).json()["data_id"]
    report: dict[str, Any] = {}

    def done() -> bool:
        report.update(instance.http.get(f"/file/{data_id}").json())
        return bool(report["process_info"]["progress_percentage"] == 100)

    soon(done)
    return str(report["process_info"]["result"])
