"""What tests of the calls of the Core share."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.api.calls import Caller
from tests.node.core_api.served import (
    Backend,
    Carried,
    Instance,
    backend_at,
    carried_at,
    served,
)

NOWHERE = "http://127.0.0.1:9"

New = Callable[..., Instance]


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """Every instance hashes a password when it starts, which is meant to take its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hotslot.node.core_api.accounts._N", 1 << 4)
        yield


@pytest.fixture(scope="package")
def backend(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """A real backend that many tests share: each issues licenses of its own."""
    with backend_at(new_database(), tmp_path_factory.mktemp("backend")) as backend:
        yield backend


@pytest.fixture(scope="package")
def carried(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Carried]:
    """A site without a connection that many tests share."""
    with carried_at(new_database(), tmp_path_factory.mktemp("site")) as carried:
        yield carried


@pytest.fixture
def new(backend: Backend, tmp_path: Path) -> Iterator[New]:
    """Makes instances on the shared backend, or on another."""
    numbers = itertools.count(1)
    with contextlib.ExitStack() as running:

        def create(url: str = backend.server.url, **settings: Any) -> Instance:
            folder = settings.pop("folder", tmp_path / f"instance-{next(numbers)}")
            return running.enter_context(served(folder, url, **settings))

        yield create


class Licensed(NamedTuple):
    """A license of one slot with its activation key, an active instance, and another one."""

    license: str
    key: str
    active: Instance
    other: Instance
    api: Caller


@pytest.fixture
def licensed(backend: Backend, new: New) -> Licensed:
    license_id, key = backend.license_with_key(product="Scanner 5", customer="ACME", slots=1)
    active, other = new(), new()
    active.activate(key)
    return Licensed(license_id, key, active, other, backend)


@pytest.fixture(scope="package")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance without a backend, that tests may share: it keeps nothing that they do."""
    folder = tmp_path_factory.mktemp("alone")
    passwords = {"admin_password": "the admin's", "reader_password": "the reader's"}
    with served(folder, NOWHERE, **passwords) as instance:
        yield instance
