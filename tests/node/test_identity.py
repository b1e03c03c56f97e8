"""A deployment ID that stays, and a data directory that only one node uses."""

import os
import re
import stat
from pathlib import Path

import pytest

from hotslot.node.identity import DataDirectory, DataDirectoryError


def deployment(folder: Path, wanted: str | None = None) -> str:
    directory = DataDirectory(folder)
    try:
        return directory.deployment(wanted)
    finally:
        directory.close()


def test_it_is_mscl_and_a_uuid_and_stays(tmp_path: Path):
    first = deployment(tmp_path)

    assert re.fullmatch(r"MSCL[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)
    assert deployment(tmp_path) == first
    assert deployment(tmp_path / "another") != first


def test_a_new_host_name_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = deployment(tmp_path)
    monkeypatch.setattr("socket.gethostname", lambda: "renamed")
    monkeypatch.setattr("platform.node", lambda: "renamed")
    monkeypatch.setattr("uuid.getnode", lambda: 1)

    assert deployment(tmp_path) == first


def test_a_given_one_is_kept(tmp_path: Path):
    assert deployment(tmp_path, "scanner-7") == "scanner-7"
    assert deployment(tmp_path) == "scanner-7"
    assert deployment(tmp_path, "scanner-7") == "scanner-7"


def test_a_folder_of_another_deployment_is_refused(tmp_path: Path):
    deployment(tmp_path, "scanner-7")

    with pytest.raises(DataDirectoryError, match="belongs to the deployment scanner-7"):
        deployment(tmp_path, "scanner-8")
    assert deployment(tmp_path) == "scanner-7"


@pytest.mark.parametrize("wanted", ["", "-x", "a b", "a/b", "x" * 129])
def test_one_that_is_none_is_refused(tmp_path: Path, wanted: str):
    (tmp_path / "deployment-id").write_text(wanted)

    with pytest.raises(DataDirectoryError, match="holds no deployment ID"):
        deployment(tmp_path)


def test_a_given_one_that_is_none_is_refused(tmp_path: Path):
    with pytest.raises(DataDirectoryError, match="1 to 128 letters"):
        deployment(tmp_path, "a/b")
    assert not (tmp_path / "deployment-id").exists()


def test_a_second_node_is_refused_until_the_first_has_ended(tmp_path: Path):
    first = DataDirectory(tmp_path)

    with pytest.raises(DataDirectoryError, match=rf"\(process {os.getpid()}\) runs on"):
        DataDirectory(tmp_path)

    first.close()
    DataDirectory(tmp_path).close()


def test_nothing_that_is_removed_from_it_lets_a_second_node_in(tmp_path: Path):
    first = DataDirectory(tmp_path)
    for each in tmp_path.iterdir():
        each.unlink()

    with pytest.raises(DataDirectoryError, match="Another node runs on"):
        DataDirectory(tmp_path)

    first.close()


def test_others_can_not_look_into_it(tmp_path: Path):
    folder = tmp_path / "new"

    deployment(folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(DataDirectoryError, match=r"file/x can't be used: .*--data-dir"):
        DataDirectory(tmp_path / "file" / "x")
