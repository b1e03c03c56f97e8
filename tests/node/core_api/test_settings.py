"""The settings of an instance: changed, exported, imported, kept, and damaged."""

import asyncio
import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from hotslot.node import settings_store
from hotslot.node.settings_store import (
    DEFAULTS,
    SettingsInvalidError,
    SettingsNotKeptError,
    SettingsStore,
)
from tests.node.core_api.conftest import NOWHERE, Licensed, New
from tests.node.core_api.served import APIKEY, Instance
from tests.node.nodes import node

UPDATE = "/admin/config/update"
DEFAULT = {"source": "internet", "autoupdateperiod": 60, "pickupfolder": ""}
FOLDER = {"source": "folder", "autoupdateperiod": 15, "pickupfolder": "/srv/engines"}


@pytest.fixture
def instance(new: New) -> Instance:
    return new(NOWHERE)


def test_update_settings_are_shown_and_changed_in_part(instance: Instance):
    assert instance.http.get(UPDATE).json() == DEFAULT

    answer = instance.http.put(UPDATE, json={"autoupdateperiod": 15})
    assert (answer.status_code, answer.json()) == (200, DEFAULT | {"autoupdateperiod": 15})
    answer = instance.http.put(UPDATE, json={"source": "folder", "pickupfolder": "/srv/engines"})
    assert (answer.status_code, answer.json()) == (200, FOLDER)
    assert instance.http.put(UPDATE, json={"source": "manual"}).json()["source"] == "manual"
    assert instance.http.get(UPDATE).json() == FOLDER | {"source": "manual"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "ftp"},
        {"source": None},
        {"source": "folder"},
        {"source": "folder", "pickupfolder": ""},
        {"pickupfolder": "engines"},
        {"pickupfolder": "../engines"},
        {"pickupfolder": "/a\x00b"},
        {"pickupfolder": "/" + "x" * 4096},
        {"autoupdateperiod": 0},
        {"autoupdateperiod": -1},
        {"autoupdateperiod": 10_081},
        {"autoupdateperiod": "15"},
        {"autoupdateperiod": 1.5},
        {"autoupdateperiod": True},
        {"period": 15},
        {"autoupdateperiod": 15, "unknown": 1},
        {"deleteafterimport": True},
        {"deleteafterimport": 0},
        {"disabledupdate": [{"from": "08:00"}]},
        [],
        "manual",
        None,
    ],
)
def test_a_change_of_a_wrong_form_is_400_and_loses_nothing(alone: Instance, wrong: Any):
    before = alone.http.get(UPDATE).json()
    alone.err(alone.http.put(UPDATE, json=wrong))
    assert alone.http.get(UPDATE).json() == before


def test_a_change_that_is_no_json_is_400(alone: Instance):
    for body in (b"", b"{", b"\xff"):
        alone.err(alone.http.put(UPDATE, content=body))


def test_settings_of_the_core_that_have_no_meaning_here_may_be_left_alone(instance: Instance):
    sent = FOLDER | {
        "deleteafterimport": False,
        "disabledupdate": [],
        "skipenginedependency": False,
    }
    assert instance.http.put(UPDATE, json=sent).json() == FOLDER


def test_an_export_is_imported_by_another_instance(instance: Instance, new: New):
    instance.http.put(UPDATE, json=FOLDER)
    other = new(NOWHERE)

    export = instance.http.get("/admin/export")
    assert export.headers["content-disposition"].startswith("attachment")
    answer = other.http.post("/admin/import", content=export.content)

    assert (answer.status_code, answer.json()) == (200, {"result": "Successfully imported"})
    assert other.http.get(UPDATE).json() == FOLDER
    assert other.http.get("/admin/export").content == export.content
    again = other.http.post("/admin/import", content=export.content)
    assert (again.status_code, again.content) == (304, b"")


def test_an_export_has_settings_and_no_secret(licensed: Licensed):
    document = licensed.active.http.get("/admin/export").json()
    assert document == {
        "format": "hotslot-node-settings",
        "version": 1,
        "settings": {"update": DEFAULT},
    }


GOOD = {"format": "hotslot-node-settings", "version": 1, "settings": {"update": FOLDER}}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [],
        GOOD | {"format": "another"},
        GOOD | {"version": 2},
        GOOD | {"version": "1"},
        GOOD | {"more": 1},
        GOOD | {"settings": {}},
        GOOD | {"settings": {"update": FOLDER, "more": {}}},
        GOOD | {"settings": {"update": FOLDER | {"more": 1}}},
        GOOD | {"settings": {"update": FOLDER | {"pickupfolder": ""}}},
        GOOD | {"settings": {"update": None}},
    ],
)
def test_an_import_of_a_wrong_form_is_400_and_loses_nothing(alone: Instance, wrong: Any):
    before = alone.http.get("/admin/export").content
    told = alone.err(alone.http.post("/admin/import", json=wrong))
    assert told.startswith("Nothing was imported.")
    assert alone.http.get("/admin/export").content == before


def test_an_import_that_was_cut_short_is_400(alone: Instance):
    whole = alone.http.get("/admin/export").content
    for body in (b"", whole[:-5], b"\xff" + whole, whole * 2):
        alone.err(alone.http.post("/admin/import", content=body))
    alone.err(alone.http.post("/admin/import", content=b" " * (1 << 17)), 413)


def test_engines_follow_the_settings(new: New, tmp_path: Path):
    instance = new(NOWHERE)
    (tmp_path / "srv").mkdir()
    instance.http.put(UPDATE, json={"source": "folder", "pickupfolder": str(tmp_path / "srv")})

    engines = instance.node.engines
    assert engines is not None
    kept = new(NOWHERE, folder=instance.copied()).node.engines
    assert kept is not None
    for each in (engines, kept):
        assert each._updates._settings.source == "folder"
        assert each._updates._settings.folder == tmp_path / "srv"


def test_a_full_disk_is_500_and_nothing_has_changed(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(settings_store, "write_private", full)
    told = instance.err(instance.http.put(UPDATE, json=FOLDER), 500)
    assert "No space left" in told
    assert "stay as they were" in told
    instance.err(instance.http.post("/admin/import", json=GOOD), 500)
    assert instance.http.get(UPDATE).json() == DEFAULT


# Kept


def test_settings_outlast_a_kill(tmp_path: Path):
    folder = tmp_path / "a"
    with node(folder, NOWHERE, HOTSLOT_NODE_APIKEY=APIKEY) as process:
        answer = httpx.put(
            f"{process.url}{UPDATE}", json=FOLDER, headers={"apikey": APIKEY}, trust_env=False
        )
        assert answer.status_code == 200
        process.kill()
    with node(folder, NOWHERE, HOTSLOT_NODE_APIKEY=APIKEY) as process:
        shown = httpx.get(f"{process.url}{UPDATE}", headers={"apikey": APIKEY}, trust_env=False)
        assert shown.json() == FOLDER
    assert stat.S_IMODE((folder / "settings.json").stat().st_mode) == 0o600


def test_a_kill_in_the_middle_of_writing_leaves_the_former_ones(tmp_path: Path):
    store = SettingsStore(tmp_path / "settings.json")
    asyncio.run(store.take_over(json.dumps(GOOD).encode()))
    (tmp_path / ".settings.json.new").write_bytes(b'{"format": "hot')
    again = SettingsStore(tmp_path / "settings.json")
    assert again.current == store.current != DEFAULTS
    asyncio.run(again.change_update({"source": "manual"}))
    assert SettingsStore(tmp_path / "settings.json").current.update.source == "manual"


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"[]", b'{"version": 1}'])
def test_damaged_settings_are_put_aside_and_said(tmp_path: Path, damage: bytes):
    (tmp_path / "settings.json").write_bytes(damage)
    with capture_logs() as logs:
        store = SettingsStore(tmp_path / "settings.json")
    assert store.current == DEFAULTS
    assert store.damage is not None
    (aside,) = tmp_path.glob("settings.json.broken-*")
    assert aside.read_bytes() == damage
    assert aside.name in store.damage
    assert [each["event"] for each in logs] == ["settings-damaged"]


def test_listeners_hear_of_what_is_kept_and_of_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = SettingsStore(tmp_path / "settings.json")
    heard: list[str] = []
    store.listen(lambda now: heard.append(now.update.source))

    async def story() -> None:
        await store.change_update({"source": "manual"})
        await store.change_update({"source": "manual"})
        with pytest.raises(SettingsInvalidError):
            await store.change_update({"source": "folder"})

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr(settings_store, "write_private", full)
        with pytest.raises(SettingsNotKeptError):
            await store.change_update({"source": "internet"})

    asyncio.run(story())
    assert heard == ["manual"]


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path):
    store = SettingsStore(tmp_path / "settings.json")

    async def story() -> None:
        await asyncio.gather(
            store.change_update({"source": "manual"}),
            store.change_update({"autoupdateperiod": 5}),
            store.change_update({"pickupfolder": "/srv"}),
        )

    asyncio.run(story())
    update = SettingsStore(tmp_path / "settings.json").current.update
    assert (update.source, update.autoupdateperiod, update.pickupfolder) == ("manual", 5, "/srv")
