"""`hotslot audit export`, against a log that tests made: what is written, and gone on with."""

import base64
import errno
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hotslot.cli.exports.folder import Folder
from tests.cli.conftest import Export
from tests.cli.log_stub import SIZE, LogStub, is_whole


def test_an_export_has_every_entry_the_tree_and_the_checkpoint(
    export: Export, log: LogStub, tmp_path: Path
):
    ended = export()

    assert (ended.status, ended.err) == (0, "")
    assert f"{SIZE}, of which {SIZE} are new" in ended.out
    is_whole(tmp_path / "export", log, SIZE)


def test_as_json_it_says_what_the_export_holds(export: Export, log: LogStub, tmp_path: Path):
    assert json.loads(export("export", "--json").out) == {
        "export": str(tmp_path / "export"),
        "origin": log.origin,
        "events": SIZE,
        "fetched": SIZE,
        "root": base64.b64encode(log.root(SIZE)).decode(),
        "last_event_at": "2026-01-01T00:16:39+00:00",
        "checkpoint_at": "2026-01-01T00:16:40+00:00",
    }


def test_the_readme_verifies_it_with_nothing_but_python(export: Export, tmp_path: Path):
    export()
    readme = (tmp_path / "export" / "README.md").read_text("utf-8")
    assert f"{SIZE} of them, on 2026-01-01 at 00:16:40 UTC" in readme
    script = readme.partition("python3 - <<'END'\n")[2].partition("    END\n")[0]
    lines = "".join(line.removeprefix("    ") for line in script.splitlines(keepends=True))

    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", lines],
        cwd=tmp_path / "export",
        capture_output=True,
        text=True,
        check=True,
    )

    computed, signed = ended.stdout.splitlines()
    assert computed == signed


@pytest.mark.parametrize("answers", [2, 3, 5, 8, 10])
def test_an_interrupted_export_goes_on_where_it_was(
    export: Export, log: LogStub, tmp_path: Path, answers: int
):
    log.answers_left = answers
    interrupted = export()
    assert interrupted.status == 3
    assert "The export is not finished." in interrupted.err
    assert not (tmp_path / "export" / "checkpoint").exists()
    log.answers_left = None
    before = len(log.asked)

    assert export().status == 0

    is_whole(tmp_path / "export", log, SIZE)
    fetched = [path for path in log.asked if path.startswith("tile/entries")]
    # The bundle that was under way is fetched again; those before it are not.
    assert len(fetched) <= len(set(fetched)) + 1
    assert len(log.asked) - before < 13 or answers == 2


def test_how_far_it_came_is_said(export: Export, log: LogStub):
    log.answers_left = 6

    ended = export()

    assert f"512 of {SIZE} events are there. The same command goes on from there." in ended.err


def test_ctrl_c_ends_it_with_one_line_more(
    export: Export, log: LogStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept = []

    def keep(self: Folder, name: str, content: bytes) -> None:
        kept.append(name)
        if name == "tile/entries/001":
            raise KeyboardInterrupt
        original(self, name, content)

    original = Folder.keep
    monkeypatch.setattr(Folder, "keep", keep)
    ended = export()
    monkeypatch.undo()

    assert ended.status == 130
    assert "The same command goes on from there.\nStopped.\n" in ended.err
    assert export().status == 0
    is_whole(tmp_path / "export", log, SIZE)


def test_a_finished_export_is_brought_up_to_date(export: Export, log: LogStub, tmp_path: Path):
    export()
    for size in (1001, 1023, 1300):
        log.grow(size)
        log.asked.clear()
        ended = export("export", "--json")
        assert json.loads(ended.out)["events"] == size
        assert "tile/entries/000" not in log.asked
        is_whole(tmp_path / "export", log, size)


def test_an_update_that_is_interrupted_leaves_the_export_as_it_was(
    export: Export, log: LogStub, tmp_path: Path
):
    export()
    folder = tmp_path / "export"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    log.grow(3000)
    log.answers_left = 7

    assert export().status == 3

    assert {path: path.read_bytes() for path in before} == before
    log.answers_left = None
    assert export().status == 0
    is_whole(folder, log, 3000)


def test_an_update_that_died_in_its_last_step_is_repeated(
    export: Export, log: LogStub, tmp_path: Path
):
    export()
    folder = tmp_path / "export"
    with (folder / "entries.ndjson").open("ab") as entries:
        entries.write(log.leaves[0] + b"\n" + log.leaves[1][:20])
    log.grow(1500)

    assert export().status == 0

    is_whole(folder, log, 1500)


def test_a_first_export_that_died_in_its_last_step_is_repeated(
    export: Export, log: LogStub, tmp_path: Path
):
    export()
    folder = tmp_path / "export"
    (folder / "checkpoint").rename(folder / "checkpoint.partial")
    log.asked.clear()

    assert export().status == 0

    is_whole(folder, log, SIZE)
    assert "tile/entries/000" not in log.asked


@pytest.mark.parametrize(
    ("until", "size"), [("1", 300), ("300", 300), ("301", 600), ("1000", 1000)]
)
def test_until_a_position_is_the_first_checkpoint_that_covers_it(
    export: Export, log: LogStub, tmp_path: Path, until: str, size: int
):
    assert json.loads(export("export", "--until", until, "--json").out)["events"] == size
    is_whole(tmp_path / "export", log, size)


def test_until_a_time_is_all_that_had_happened(export: Export, log: LogStub):
    log.positions["2026-02-01T00:00:00+00:00"] = 500

    ended = export("export", "--until", "2026-02-01", "--json")

    assert json.loads(ended.out)["events"] == 600


def test_until_what_an_export_covers_changes_nothing(export: Export, log: LogStub, tmp_path: Path):
    export()

    ended = export("export", "--until", "10", "--json")

    assert json.loads(ended.out)["fetched"] == 0
    is_whole(tmp_path / "export", log, SIZE)


@pytest.mark.parametrize(
    ("until", "complaint"),
    [("1001", "There is no checkpoint over 1001 events yet."), ("0", "Nothing had happened by 0")],
)
def test_what_no_checkpoint_covers_is_told(export: Export, until: str, complaint: str):
    ended = export("export", "--until", until)

    assert ended.status == 1
    assert complaint in ended.err


def test_a_full_disk_is_told(export: Export, log: LogStub, monkeypatch: pytest.MonkeyPatch):
    def full(self: Folder, name: str, content: bytes) -> None:
        if name.startswith("tile/entries"):
            raise OSError(errno.ENOSPC, "No space left on device", name)

    monkeypatch.setattr(Folder, "keep", full)

    ended = export()

    assert ended.status == 1
    assert "There is no room left for" in ended.err
    assert "The same command goes on from there" in ended.err


def test_a_place_where_nothing_can_be_written_is_told(export: Export, tmp_path: Path):
    (tmp_path / "file").write_text("", "utf-8")

    ended = export("file/export")

    assert ended.status == 1
    assert "can't be used: Not a directory" in ended.err


def test_a_zip_has_the_same_and_is_brought_up_to_date(export: Export, log: LogStub, tmp_path: Path):
    for size in (SIZE, 1200):
        log.grow(size)
        log.answers_left = 6
        assert export("export.zip").status == 3
        log.answers_left = None
        assert export("export.zip").status == 0
        assert [path.name for path in tmp_path.iterdir()] == ["export.zip"]
    with zipfile.ZipFile(tmp_path / "export.zip") as packed:
        packed.extractall(tmp_path / "unpacked")
    is_whole(tmp_path / "unpacked", log, 1200)


@pytest.mark.parametrize("content", [b"no zip", None])
def test_another_file_is_not_replaced(
    export: Export, log: LogStub, tmp_path: Path, content: bytes | None
):
    place = tmp_path / "export.zip"
    if content is None:
        with zipfile.ZipFile(place, "w") as packed:
            packed.writestr("../letters.txt", "dear")
    else:
        place.write_bytes(content)
    before = place.read_bytes()

    ended = export("export.zip")

    assert ended.status == 1
    assert "Name another file." in ended.err
    assert place.read_bytes() == before
    assert log.asked == []


def test_an_interrupted_exports_damaged_checkpoint_is_passed_over(
    export: Export, log: LogStub, tmp_path: Path
):
    log.answers_left = 6
    export()
    (tmp_path / "export" / "checkpoint.partial").write_bytes(b"")
    log.answers_left = None

    assert export().status == 0

    is_whole(tmp_path / "export", log, SIZE)
