"""What the embedded PostgreSQL cannot work with, it says clearly."""

import shutil
import subprocess

import pytest

from hotslot.ledger.postgres import EmbeddedPostgres, EmbeddedPostgresError, running_dsn
from tests.ledger.embedded.server_process import (
    Person,
    only_root,
)


def test_a_second_server_on_the_same_data_is_refused_by_process_id(person: Person) -> None:
    data_dir = person.data_dir()
    with person.serving(data_dir) as served:
        error = person.error(data_dir)
        assert f"(process {served.process.pid})" in error
        assert "HOTSLOT_DATA_DIR" in error
        assert served.ask("SELECT 1") == [(1,)]


def test_data_of_another_major_version_is_refused(me: Person) -> None:
    data_dir = me.data_dir()
    (data_dir / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    error = me.error(data_dir)
    assert "was made by PostgreSQL 17" in error
    assert "HOTSLOT_PG_BIN" in error


def test_a_folder_without_the_programs_is_refused(me: Person) -> None:
    error = me.error(me.folder / "data", me.folder)
    assert f"{me.folder} has no initdb and no postgres" in error
    assert "HOTSLOT_PG_BIN" in error


def test_programs_that_do_not_run_are_refused(me: Person) -> None:
    for name in ("initdb", "postgres"):
        (me.folder / name).write_text("#!/bin/sh\necho made for another machine; exit 1\n")
        (me.folder / name).chmod(0o755)
    error = me.error(me.folder / "data", me.folder)
    assert "does not run here: made for another machine" in error


@only_root
def test_a_data_directory_that_cannot_be_written_is_refused(me: Person, nobody: Person) -> None:
    error = nobody.error(me.folder / "data")
    assert str(me.folder / "data") in error
    assert "Permission denied" in error
    assert "HOTSLOT_DATA_DIR" in error


@only_root
@pytest.mark.parametrize("who", ["me", "nobody"])
def test_a_full_disk_is_told_as_such(who: str, request: pytest.FixtureRequest) -> None:
    person: Person = request.getfixturevalue(who)
    disk = person.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m,mode=0777", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this system lets nobody mount a small disk")
    try:
        filler = disk / "filler"

        def fill_up(all_but: int) -> None:
            filler.write_bytes(bytes(shutil.disk_usage(disk).free - all_but))

        fill_up(all_but=4 << 20)
        error = person.error(disk / "data")
        assert "The disk is full" in error
        filler.unlink()
        with person.serving(disk / "data") as served:
            assert served.error == ""
        fill_up(all_but=0)
        error = person.error(disk / "data")
        assert "The disk is full" in error
        filler.unlink()
        with person.serving(disk / "data") as served:
            assert served.ask("SELECT 1") == [(1,)]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_server_that_does_not_come_up_shows_the_end_of_its_log(me: Person) -> None:
    data_dir = me.data_dir()
    tuned = data_dir / "postgres" / "data" / "postgresql.auto.conf"
    tuned.write_text("max_connections = 'many'\n")
    server = EmbeddedPostgres(data_dir)
    with pytest.raises(EmbeddedPostgresError, match="invalid value for parameter"):
        server.start()
    # Nothing was left behind: once that is put right, it starts.
    tuned.write_text("")
    with server:
        assert running_dsn(data_dir) == server.dsn
