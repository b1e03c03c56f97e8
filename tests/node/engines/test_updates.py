"""Updates: what comes, in which states, and what is said when it does not."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hotslot.licensefiles import KeyFolder, KeyFolderError, Keys
from hotslot.node.engines import (
    ContentInvalidError,
    EngineError,
    Limits,
    UpdateSettings,
    publish,
)
from hotslot.node.engines.sources import FolderSource
from tests.licensefiles.material import listed
from tests.node.engines.material import (
    KEY,
    KEYS,
    NOW,
    OTHER,
    OTHERS,
    Site,
    index,
    package,
)

MARKED = b"here is a marker of some bytes, in a file"


def test_what_is_published_is_in_production_after_an_update(site: Site):
    site.engine(b"first marker", version="1.2")
    site.publish()
    assert site.update().outcome == "done"
    (row,) = site.engines.listing()
    assert row.pop("download_time") is not None
    assert row.pop("def_time").startswith("2023-11-")
    assert row == {
        "active": True,
        "download_progress": 100,
        "eng_id": "demo",
        "eng_name": "Demo",
        "eng_type": "Bundled engine",
        "eng_ver": "1.2",
        "engine_type": "av",
        "pinned": False,
        "reason": None,
        "state": "production",
    }
    assert site.found(b"the first marker is here") == ("Threat-1.2",)
    assert site.leftovers() == []


def test_a_new_version_takes_the_place_of_the_old_one(site: Site):
    for version, marker in (("1", b"first marker"), ("2", b"second marker")):
        site.engine(marker, version=version)
        site.publish()
        assert site.update().outcome == "done"
        assert site.found(b"first marker, second marker") == (f"Threat-{version}",)
        assert site.row()["eng_ver"] == version


def test_what_has_not_changed_is_not_asked_for_again(site: Site):
    site.engine(b"first marker")
    site.publish()
    site.update()
    site.publish()
    for path in site.source.glob("*.engine"):
        path.unlink()
    assert site.update().outcome == "done"
    assert site.row()["state"] == "production"


def test_states_and_progress_are_seen_as_they_pass(site: Site, monkeypatch: pytest.MonkeyPatch):
    data = package()
    site.offer({"demo": data})
    seen: list[tuple[str, int]] = []
    real = FolderSource.read

    async def slowly(source: FolderSource, name: str) -> AsyncGenerator[bytes, None]:
        async for piece in real(source, name):
            if name != "demo.engine":
                yield piece
                continue
            for at in range(0, len(piece), len(piece) // 4 + 1):
                yield piece[at : at + len(piece) // 4 + 1]
                seen.append((site.row()["state"], site.row()["download_progress"]))

    show = site.engines._collection.show

    def shown(engine: Any, state: Any, **other: Any) -> None:
        show(engine, state, **other)
        seen.append((site.row()["state"], site.row()["download_progress"]))
        assert (site.row()["active"], site.row()["eng_ver"]) == (False, "1")

    monkeypatch.setattr(FolderSource, "read", slowly)
    monkeypatch.setattr(site.engines._collection, "show", shown)
    site.update()
    seen.append((site.row()["state"], site.row()["download_progress"]))
    states = list(dict.fromkeys(state for state, _ in seen))
    assert states == ["downloading", "downloaded", "staging", "production"]
    progress = [percent for state, percent in seen if state == "downloading"]
    assert progress == sorted(progress)
    assert {0, 100} < set(progress)
    assert {percent for state, percent in seen if state != "downloading"} == {100}


def test_what_the_publisher_withdraws_is_removed(site: Site):
    site.engine(b"first marker", engine="one")
    site.engine(b"second marker", engine="two")
    site.publish()
    site.update()
    site.upload(package())
    for path in (site.engines_folder / "one").iterdir():
        path.unlink()
    (site.engines_folder / "one").rmdir()
    site.publish()
    assert site.update().outcome == "done"
    assert (site.row("one")["state"], site.row("one")["active"]) == ("removed", False)
    assert "does not offer it anymore" in site.row("one")["reason"]
    assert site.found(b"first marker, second marker" + MARKED) == ("Threat", "Threat-1")
    assert not (site.data / "deployed" / "one").exists()


def test_a_withdrawn_engine_comes_again(site: Site):
    site.offer({"demo": package()})
    site.update()
    site.offer({}, serial=2)
    site.update()
    assert site.row()["state"] == "removed"
    site.offer({"demo": package()}, serial=3)
    assert site.update().outcome == "done"
    assert (site.row()["state"], site.row()["active"]) == ("production", True)


def test_one_bad_package_does_not_keep_the_others_away(site: Site):
    site.offer({"a-bad-one": b"nonsense", "demo": package()}, name="Demo")
    check = site.update()
    assert check.outcome == "content invalid"
    assert site.row("a-bad-one")["state"] == "content invalid"
    assert site.row("demo")["state"] == "production"


BAD_SOURCES = {
    "no index": (None, "download failed", r"index\.json can't be read .* No such file"),
    "no JSON": (b"nonsense", "content invalid", "no JSON"),
    "signed by another key": (
        index({"demo": package()}, signing=OTHER),
        "content invalid",
        "signed by a key that is not trusted here",
    ),
    "changed": (
        index({"demo": package()}).replace(b"Demo", b"Deno"),
        "content invalid",
        "changed after it was signed",
    ),
    "too large": (b" " * ((1 << 20) + 1), "download failed", "more than 1048576 bytes"),
}


@pytest.mark.parametrize("name", BAD_SOURCES)
def test_an_index_that_is_not_good_changes_nothing_and_says_why(site: Site, name: str):
    site.offer({"demo": package("Before")})
    site.update()
    data, outcome, complaint = BAD_SOURCES[name]
    if data is None:
        (site.source / "index.json").unlink()
    else:
        (site.source / "index.json").write_bytes(data)
    check = site.update()
    assert check.outcome == outcome
    with pytest.raises(EngineError, match=complaint):
        raise EngineError(check.reason)
    assert site.engines.last_update == check
    assert (site.row()["state"], site.found(MARKED)) == ("production", ("Before",))


def test_an_older_index_is_not_taken_also_after_a_restart(site: Site):
    old = package("Old")
    site.offer({"demo": old}, serial=7)
    older = (site.source / "index.json").read_bytes()
    site.update()
    site.offer({"demo": package("New")}, serial=8)
    site.update()
    (site.source / "demo.engine").write_bytes(old)
    (site.source / "index.json").write_bytes(older)
    for _ in range(2):
        check = site.update()
        assert check.outcome == "content invalid"
        assert "older (serial 7) than one that was here before (serial 8)" in str(check.reason)
        assert site.found(MARKED) == ("New",)
        site.start()


def test_two_indexes_of_one_serial_are_not_taken_for_each_other(site: Site):
    site.offer({"demo": package("One")}, serial=7)
    site.update()
    site.offer({"demo": package("Other")}, serial=7)
    check = site.update()
    assert check.outcome == "content invalid"
    assert "with the same serial (7)" in str(check.reason)
    assert site.found(MARKED) == ("One",)


def test_an_index_counts_as_seen_although_its_packages_are_bad(site: Site):
    site.offer({"demo": b"nonsense"}, serial=8)
    site.update()
    site.offer({"demo": package()}, serial=7)
    assert site.update().outcome == "content invalid"


@pytest.mark.parametrize(
    ("said", "state", "complaint"),
    [
        ({"sha256": "00" * 32}, "content invalid", "another SHA-256 than the index says"),
        ({"size": 1000}, "download failed", r"ends after \d+ of 1000 bytes"),
        ({"size": 10}, "content invalid", "more than 10 bytes"),
        ({"file": "other.engine"}, "download failed", "No such file"),
        ({"version": "2"}, "content invalid", "its version is another"),
        ({"name": "Other"}, "content invalid", "its name is another"),
        ({"type": "other"}, "content invalid", "its type is another"),
        ({"engine": "other"}, "content invalid", "its engine is another"),
    ],
)
def test_a_package_that_is_not_as_listed_is_not_deployed(
    site: Site, said: dict[str, Any], state: str, complaint: str
):
    site.offer({"demo": package()}, **said)
    check = site.update()
    row = site.row(said.get("engine", "demo"))
    assert (check.outcome, row["state"], row["active"]) == (state, state, False)
    with pytest.raises(EngineError, match=complaint):
        raise EngineError(row["reason"])
    assert site.found(MARKED) == ()
    assert site.leftovers() == []
    site.offer({"demo": package()}, serial=2)
    assert site.update().outcome == "done"


def test_a_package_that_was_damaged_while_it_waited_is_asked_for_again(site: Site):
    data = package()
    site.offer({"demo": data})
    (site.data / "packages" / hashlib.sha256(data).hexdigest()).write_bytes(data[:-1])
    assert site.update().outcome == "done"
    assert site.found(MARKED) == ("Threat",)


def test_a_failure_goes_away_with_the_next_good_update(site: Site):
    site.offer({"demo": package("One")})
    site.update()
    site.offer({"demo": package("Two")}, serial=2)
    (site.source / "demo.engine").unlink()
    site.update()
    row = site.row()
    assert (row["state"], row["active"]) == ("download failed", True)
    site.offer({"demo": package("Two")}, serial=3)
    site.update()
    assert (site.row()["state"], site.row()["reason"]) == ("production", None)
    assert site.found(MARKED) == ("Two",)


def test_a_source_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    site = Site(tmp_path, Limits(download_seconds=0.01))
    site.offer({"demo": package()})
    real = FolderSource.read

    async def hanging(source: FolderSource, name: str) -> AsyncGenerator[bytes, None]:
        async for piece in real(source, name):
            yield piece
        if name == "demo.engine":
            await asyncio.Event().wait()

    monkeypatch.setattr(FolderSource, "read", hanging)
    assert site.update().outcome == "download failed"
    assert "took longer than 0.01 s" in site.row()["reason"]
    assert site.leftovers() == []


def test_keys_that_cannot_be_read_are_told(site: Site, tmp_path: Path):
    site.offer({"demo": package()})
    missing = KeyFolder(tmp_path / "none", required=True)

    def keys() -> Keys:
        return missing.read()

    site.engines._updates._keys = keys
    site.engines._keys = keys
    check = site.update()
    assert (check.outcome, "nothing at" in str(check.reason)) == ("content invalid", True)
    with pytest.raises(EngineError, match="There is nothing at"):
        site.upload(package())
    with pytest.raises(KeyFolderError):
        keys()


def test_a_revoked_key_signs_nothing_more_and_what_is_deployed_stays(site: Site):
    site.offer({"demo": package("Before")})
    site.update()
    site.keys = Keys(None, (listed(KEY, "revoked"),))
    site.offer({"demo": package("After")}, serial=2)
    assert "key that was revoked" in str(site.update().reason)
    with pytest.raises(ContentInvalidError, match="key that was revoked"):
        site.upload(package("After"))
    site.start()
    assert site.found(MARKED) == ("Before",)


def test_updates_come_from_the_pickup_folder_when_told(site: Site, tmp_path: Path):
    site.engine(b"first marker")
    publish(site.engines_folder, tmp_path / "pickup", KEYS, NOW + timedelta(seconds=5))
    site.engines.configure(UpdateSettings(source="folder", folder=tmp_path / "pickup"))
    assert site.update().outcome == "done"
    assert site.found(b"first marker") == ("Threat-1",)


def test_with_the_source_manual_nothing_is_asked_for(site: Site):
    site.offer({"demo": package()})
    site.engines.configure(UpdateSettings(source="manual"))
    assert "no update source" in str(site.update().reason)
    assert site.upload(package()) == "demo"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (UpdateSettings(period=0), "1 or more"),
        (UpdateSettings(source="folder"), "needs a pickup folder"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    site: Site, settings: UpdateSettings, complaint: str
):
    with pytest.raises(EngineError, match=complaint):
        site.engines.configure(settings)


def test_others_keys_are_no_reason_to_trust(site: Site):
    site.keys = OTHERS
    with pytest.raises(ContentInvalidError, match="not trusted"):
        site.upload(package())
    digest = hashlib.sha256(package()).hexdigest()
    assert not (site.data / "deployed" / "demo" / digest).exists()
