"""Whole exports, and what is done to them: what is found, and at which entry."""

import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hotslot_verify.verify import Bad
from tests.verify.conftest import Verify, found, verify_folder
from tests.verify.logs import (
    SIGNED_AT,
    START,
    History,
    Signer,
    activate,
    changed,
    export,
    issue,
    naive_root,
    renumbered,
    story,
    tiles,
)

LEAVES = story().leaves


@pytest.fixture
def folder(tmp_path: Path, signer: Signer) -> Path:
    """A good export."""
    return export(tmp_path / "export", LEAVES, signer.note(LEAVES))


def rewrite(folder: Path, leaves: list[bytes]) -> None:
    """Other entries than those that were signed."""
    (folder / "entries.ndjson").write_bytes(b"".join(each + b"\n" for each in leaves))


def with_tiles_of(folder: Path, leaves: list[bytes]) -> None:
    """Tiles that fit the other entries, so that they tell nothing."""
    shutil.rmtree(folder / "tile")
    for path, tile in tiles(leaves).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(tile)


def other_reason(entry: dict[str, Any]) -> None:
    entry["event"]["context"]["reason"] = "another"


def test_a_good_export(folder: Path, signer: Signer):
    report = verify_folder(folder, signer)

    assert (report.problems, report.notices) == ([], [])
    assert report.checkpoint is not None
    assert (report.checkpoint.size, report.checkpoint.root) == (len(LEAVES), naive_root(LEAVES))


def test_an_export_without_tiles(folder: Path, signer: Signer):
    shutil.rmtree(folder / "tile")

    assert verify_folder(folder, signer).problems == []


def test_an_empty_log(tmp_path: Path, signer: Signer):
    assert verify_folder(export(tmp_path / "e", [], signer.note([])), signer).problems == []


def test_a_byte_of_an_event_was_changed(folder: Path, signer: Signer):
    rewrite(
        folder, [changed(each, other_reason) if k == 0 else each for k, each in enumerate(LEAVES)]
    )

    assert found(verify_folder(folder, signer)) == [("leaf", 0), ("root", None)]


def test_a_byte_was_changed_and_the_tiles_with_it(folder: Path, signer: Signer):
    others = [changed(LEAVES[0], other_reason), *LEAVES[1:]]
    rewrite(folder, others)
    with_tiles_of(folder, others)

    assert found(verify_folder(folder, signer)) == [("root", None)]


def test_a_byte_was_changed_that_makes_it_no_entry(folder: Path, signer: Signer):
    rewrite(folder, [*LEAVES[:4], LEAVES[4].replace(b'"', b"'", 1), *LEAVES[5:]])

    assert found(verify_folder(folder, signer))[-2:] == [("leaf", 4), ("root", None)]


@pytest.mark.parametrize("index", [0, 3, len(LEAVES) - 1])
def test_an_event_was_deleted(folder: Path, signer: Signer, index: int):
    rewrite(folder, LEAVES[:index] + LEAVES[index + 1 :])

    rules = dict(found(verify_folder(folder, signer)))

    assert rules["entries"] == len(LEAVES) - 1
    # The last tile is narrower than the one that is there, and so has no file to differ from.
    assert index == len(LEAVES) - 1 or rules.keys() & {"position", "command"}


def test_an_event_was_deleted_and_the_rest_counted_anew(folder: Path, signer: Signer):
    """Two refusals would not be missed by any rule; the root is."""
    alone = next(k for k, each in enumerate(LEAVES) if b"command-refused" in each)
    rewrite(folder, renumbered(LEAVES[:alone] + LEAVES[alone + 1 :]))

    assert found(verify_folder(folder, signer)) == [("entries", len(LEAVES) - 1)]


def test_an_event_was_inserted(folder: Path, signer: Signer):
    alone = next(k for k, each in enumerate(LEAVES) if b"command-refused" in each)
    rewrite(folder, renumbered([*LEAVES[: alone + 1], *LEAVES[alone:]]))

    report = verify_folder(folder, signer)

    assert found(report)[-2:] == [("leaf", alone + 1), ("root", None)]
    assert "behind the signed ones" in report.notices[0]


def test_two_events_were_swapped(folder: Path, signer: Signer):
    swapped = [LEAVES[1], LEAVES[0], *LEAVES[2:]]
    rewrite(folder, swapped)

    assert found(verify_folder(folder, signer)) == [("position", 0), ("leaf", 0), ("root", None)]


def test_two_events_were_swapped_and_counted_anew(folder: Path, signer: Signer):
    rewrite(folder, renumbered([*LEAVES[:-1][:-1], LEAVES[-1], LEAVES[-2]]))

    assert ("leaf", len(LEAVES) - 2) in found(verify_folder(folder, signer))


def test_the_newest_were_cut_off(folder: Path, signer: Signer):
    rewrite(folder, LEAVES[:-3])

    assert ("entries", len(LEAVES) - 3) in found(verify_folder(folder, signer))


def test_entries_behind_the_signed_ones_count_for_nothing(folder: Path, signer: Signer):
    """An export that is being continued has them."""
    rewrite(folder, [*LEAVES, b"not even an entry"])

    report = verify_folder(folder, signer)

    assert report.problems == []
    assert "behind the signed ones" in report.notices[0]


def test_a_tile_was_changed(folder: Path, signer: Signer):
    path = folder / f"tile/0/000.p/{len(LEAVES)}"
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    assert found(verify_folder(folder, signer)) == [("leaf", len(LEAVES) - 1)]


def test_another_root_was_signed(tmp_path: Path, signer: Signer):
    folder = export(tmp_path / "e", LEAVES, signer.note([*LEAVES[:-1], b"other"]))

    assert found(verify_folder(folder, signer)) == [("root", None)]


def test_the_signing_key_was_exchanged(tmp_path: Path, signer: Signer):
    folder = export(tmp_path / "e", LEAVES, Signer().note(LEAVES))

    with pytest.raises(Bad) as bad:
        verify_folder(folder, signer)
    assert bad.value.rule == "signature"


def test_the_replay_is_told_beside_the_rest(tmp_path: Path, signer: Signer):
    """A log can be signed and whole, and yet break a rule."""
    leaves = [
        changed(each, lambda entry: entry["event"]["data"].update(slots=0)) if k == 0 else each
        for k, each in enumerate(LEAVES)
    ]
    folder = export(tmp_path / "e", leaves, signer.note(leaves))

    assert found(verify_folder(folder, signer)) == [("slots", 1)]


def test_a_log_of_more_tiles(tmp_path: Path, signer: Signer):
    history = History()
    for number in range(600):
        history.do(issue(f"l{number}"))
    folder = export(tmp_path / "e", history.leaves, signer.note(history.leaves))
    assert verify_folder(folder, signer).problems == []

    rewrite(
        folder,
        [changed(e, other_reason) if k == 300 else e for k, e in enumerate(history.leaves)],
    )
    assert found(verify_folder(folder, signer)) == [("leaf", 300), ("root", None)]


# --- Notices --------------------------------------------------------------------------------------


def at(**later: float) -> Callable[[dict[str, Any]], None]:
    def set_(entry: dict[str, Any]) -> None:
        time = START + timedelta(hours=1, **later)
        entry["event"]["context"]["at"] = time.isoformat().replace("+00:00", "Z")

    return set_


def times(*seconds: float) -> list[bytes]:
    history = History()
    for number in range(len(seconds)):
        history.do(issue(f"l{number}"))
    return [changed(each, at(seconds=s)) for each, s in zip(history.leaves, seconds, strict=True)]


def test_a_clock_that_was_set_back_is_a_notice(verify: Verify):
    report = verify(times(0, 100, 94.5, 95, 200, 100, 101))

    assert report.problems == []
    assert report.notices == [
        "entry 2: the clock was set back by 0:00:05.500000",
        "entry 5: the clock was set back by 0:01:40",
    ]


def test_clocks_of_servers_may_differ_a_little(verify: Verify):
    assert verify(times(0, 5, 0, 4.9, 9, 4)).notices == []


def test_the_first_and_the_last_time_of_the_calendar(verify: Verify):
    leaves = times(0, 0)
    for year in (b'"at":"0001', b'"at":"9999'):
        report = verify([leaves[0], leaves[1].replace(b'"at":"2026', year)])
        assert [problem.rule for problem in report.problems] in ([], ["entry"])


def test_a_checkpoint_before_its_last_entry(tmp_path: Path, signer: Signer):
    note = signer.note(LEAVES, at=START - timedelta(days=1))

    report = verify_folder(export(tmp_path / "e", LEAVES, note), signer)

    assert report.problems == []
    assert "its last entry" in report.notices[0]


def test_a_log_that_ends_within_a_command(verify: Verify):
    report = verify(History().do(issue("l")).do(activate("a")).leaves[:-1])

    assert report.problems == []
    assert "within a command" in report.notices[0]


# --- What --last remembers ------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 5, 16, len(LEAVES)])
def test_a_log_that_continues(verify: Verify, signer: Signer, size: int):
    assert verify(LEAVES, last=signer.note(LEAVES[:size])).problems == []


def test_a_log_that_was_rolled_back(verify: Verify, signer: Signer):
    report = verify(LEAVES[:-2], last=signer.note(LEAVES))

    assert found(report) == [("rolled-back", None)]
    assert "--until" in report.problems[0].text


def forked(size: int) -> list[bytes]:
    return renumbered([*LEAVES[: size - 1], changed(LEAVES[size - 1], other_reason)])


@pytest.mark.parametrize("size", [1, 9, len(LEAVES)])
def test_a_log_that_was_forked(verify: Verify, signer: Signer, size: int):
    assert found(verify(LEAVES, last=signer.note(forked(size)))) == [("forked", None)]


def test_a_fork_over_a_tile(verify: Verify, signer: Signer):
    history = History()
    for number in range(600):
        history.do(issue(f"l{number}"))
    leaves = history.leaves
    for size in (255, 256, 257, 512, 600):
        assert verify(leaves, last=signer.note(leaves[:size])).problems == []
        other = [*leaves[: size - 1], b"other"]
        assert found(verify(leaves, last=signer.note(other))) == [("forked", None)]


def test_entries_that_were_changed_are_no_fork(folder: Path, signer: Signer):
    """Nothing is known of a fork where the entries are not those that were signed."""
    rewrite(folder, [changed(LEAVES[0], other_reason), *LEAVES[1:]])

    report = verify_folder(folder, signer, last=signer.note(LEAVES[:5]))

    assert found(report) == [("leaf", 0), ("root", None)]


def test_two_signed_roots_of_one_size_are_a_fork_whatever_the_entries(folder: Path, signer: Signer):
    rewrite(folder, LEAVES[:-1])

    report = verify_folder(folder, signer, last=signer.note(forked(len(LEAVES))))

    assert ("forked", None) in found(report)


def test_a_checkpoint_that_is_older_than_the_last(verify: Verify, signer: Signer):
    report = verify(LEAVES, last=signer.note(LEAVES[:3], at=SIGNED_AT + timedelta(days=1)))

    assert report.problems == []
    assert "--last" in report.notices[0]


# --- Hostile and broken sources -------------------------------------------------------------------


def zipped(folder: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", method) as packed:
        for each in sorted(folder.rglob("*")):
            if each.is_file():
                packed.write(each, each.relative_to(folder))
    return path


def test_a_zip(folder: Path, signer: Signer):
    assert verify_folder(zipped(folder), signer).problems == []

    path = folder / f"tile/0/000.p/{len(LEAVES)}"
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert found(verify_folder(zipped(folder), signer)) == [("leaf", 0)]


def test_nothing_of_a_zip_is_unpacked(folder: Path, signer: Signer, tmp_path: Path):
    path = zipped(folder)
    shutil.rmtree(folder)
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("../evil", "x")
        packed.writestr("/tmp/evil-of-hotslot", "x")
    before = sorted(tmp_path.rglob("*"))

    assert verify_folder(path, signer).problems == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_line_without_end(folder: Path, signer: Signer):
    (folder / "entries.ndjson").write_bytes(b"x" * 5_000_000)

    with pytest.raises(Bad, match="longer"):
        verify_folder(folder, signer)


def test_a_line_longer_than_a_leaf_can_be(folder: Path, signer: Signer):
    (folder / "entries.ndjson").write_bytes(b"x" * 65_536 + b"\n")

    with pytest.raises(Bad, match="longer"):
        verify_folder(folder, signer)


def test_the_longest_leaf(tmp_path: Path, signer: Signer):
    leaf = History().do(issue("l")).leaves[0]
    longest = leaf.replace(b'"a test"', b'"%s"' % (b"x" * (65_535 - len(leaf) + 6)))
    assert len(longest) == 65_535

    report = verify_folder(export(tmp_path / "e", [longest], signer.note([longest])), signer)

    assert report.problems == []


@pytest.mark.parametrize("name", ["checkpoint", f"tile/0/000.p/{len(LEAVES)}"])
def test_a_small_file_that_is_large(folder: Path, signer: Signer, name: str):
    (folder / name).write_bytes(b"x" * 100_000)

    with pytest.raises(Bad, match="longer"):
        verify_folder(folder, signer)


def test_an_export_without_entries(folder: Path, signer: Signer):
    (folder / "entries.ndjson").unlink()

    with pytest.raises(Bad, match="there is no entries"):
        verify_folder(folder, signer)
