"""`hotslot audit export` of logs that are not what they should be, and over other exports."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hotslot.cli.exports.folder import Folder
from hotslot.licensefiles import SigningKey
from tests.cli.conftest import Export
from tests.cli.log_stub import SIZE, LogStub, is_whole


def changed_at(place: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    ("path", "change", "complaint"),
    [
        ("tile/entries/001", changed_at(100), "Entry 256 is not what the log's tree was made of"),
        ("tile/0/002", changed_at(32 * 7), "Entry 519 is not what the log's tree was made of"),
        ("tile/1/000.p/3", changed_at(64), "Entries from 512 are not what"),
        ("tile/0/003.p/232", changed_at(0), "Entry 768 is not what"),
        ("tile/entries/003.p/232", lambda content: content[:-1], "does not hold 232 whole"),
        ("tile/entries/001", lambda content: content + b"\0\0", "does not hold 256 whole"),
        ("tile/0/000", lambda content: content[:-32], "has 8160 bytes instead of 8192"),
        ("tile/entries/000", lambda _: b"\0\1\n" + bytes(510), "Entry 0 is not one line"),
        ("checkpoint", changed_at(30), "not signed by its keys"),
    ],
)
def test_a_log_that_contradicts_itself_ends_it_with_1_and_the_index(
    export: Export,
    log: LogStub,
    tmp_path: Path,
    path: str,
    change: Callable[[bytes], bytes],
    complaint: str,
):
    log.changed[path] = change

    ended = export()

    assert ended.status == 1
    assert complaint in ended.err
    assert not (tmp_path / "export" / "checkpoint").exists()


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("tile/entries/002", "entries from 512 on are gone"),
        ("tile/1/000.p/3", "from 0 on are gone"),
    ],
)
def test_what_is_signed_and_not_there_is_told(
    export: Export, log: LogStub, path: str, complaint: str
):
    log.missing.add(path)

    ended = export()

    assert ended.status == 1
    assert complaint in ended.err


def test_entries_and_tiles_that_agree_against_the_checkpoint_are_told(
    export: Export, log: LogStub, tmp_path: Path
):
    text = log.answer("/v1/log/checkpoint", {})[1]
    log.leaves[700] = b"{}"
    log.changed["checkpoint"] = lambda _: text

    ended = export()

    assert ended.status == 1
    assert "agree with its tiles, but not with the checkpoint" in ended.err
    assert not (tmp_path / "export" / "checkpoint").exists()


def test_a_log_that_was_rolled_back_is_told(export: Export, log: LogStub, tmp_path: Path):
    export()
    log.leaves, log.signed = log.leaves[:900], [900]

    ended = export()

    assert ended.status == 1
    assert "Its log was rolled back, or cut off. Keep the export" in ended.err
    log.leaves += LogStub(SIZE).leaves[900:]
    is_whole(tmp_path / "export", log, SIZE)


@pytest.mark.parametrize("size", [SIZE, 1200])
def test_a_log_that_was_rewritten_is_told(export: Export, log: LogStub, size: int):
    export()
    log.leaves[300] = b"{}"
    log.grow(size)

    ended = export()

    assert ended.status == 1
    assert "its history was changed or forked" in ended.err


def test_another_log_is_refused(export: Export, log: LogStub):
    export()
    log.origin = "hotslot/another"

    ended = export()

    assert ended.status == 1
    assert "is of a log with other keys" in ended.err


def test_another_key_is_refused(export: Export, log: LogStub):
    export()
    log.key = SigningKey.generate()

    ended = export()

    assert ended.status == 1
    assert "ask who exchanged its keys, and why" in ended.err


def test_a_folder_with_something_else_is_refused(export: Export, log: LogStub, tmp_path: Path):
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "letters.txt").write_text("dear", "utf-8")

    ended = export()

    assert ended.status == 1
    assert "holds something else than an export (letters.txt)" in ended.err
    assert [path.name for path in folder.iterdir()] == ["letters.txt"]
    assert log.asked == []


def test_a_finished_export_that_was_changed_is_not_built_upon(
    export: Export, log: LogStub, tmp_path: Path
):
    export()
    entries = tmp_path / "export" / "entries.ndjson"
    entries.write_bytes(entries.read_bytes().replace(b'"version":300,', b'"version":301,'))
    log.grow(1500)

    ended = export()

    assert ended.status == 1
    assert "was changed since it was made, or is damaged, at entry 256 or within" in ended.err


def test_a_server_that_is_away_leaves_no_empty_folder(export: Export, log: LogStub, tmp_path: Path):
    log.answers_left = 0

    assert export().status == 3
    assert list(tmp_path.iterdir()) == []


def test_two_into_one_folder_are_refused(export: Export, tmp_path: Path):
    with Folder(tmp_path / "export").opened():
        ended = export()

    assert ended.status == 1
    assert "is under way" in ended.err
