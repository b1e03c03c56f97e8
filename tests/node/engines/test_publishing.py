"""Publishing: what nodes can take, and nothing else."""

import json
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hotslot.cli.main import app
from hotslot.licensefiles import KeyFolder, Keys
from hotslot.node.engines import EngineError, Engines, Index, eicar, publish
from hotslot.node.engines.forms import read_index
from tests.node.engines.material import KEYS, NOW, OTHERS, Site


def published(site: Site) -> Index:
    return read_index((site.source / "index.json").read_bytes(), KEYS)


def test_what_did_not_change_is_the_same_package_again(site: Site):
    site.engine(b"first marker", engine="one")
    site.engine(b"second marker", engine="two")
    site.publish()
    first = published(site)
    site.engine(b"other marker", engine="two", version="2")
    site.publish()
    second = published(site)
    assert second.packages[0] == first.packages[0]
    assert second.packages[1].sha256 != first.packages[1].sha256
    # Nodes may still be downloading the earlier one.
    assert (site.source / first.packages[1].file).exists()


def test_the_serial_rises_with_the_clock_and_without(site: Site):
    site.engine(b"first marker")
    serials = [
        publish(site.engines_folder, site.source, KEYS, now).serial
        for now in (NOW, NOW, NOW - timedelta(days=9), NOW + timedelta(days=1))
    ]
    at = int(NOW.timestamp())
    assert serials == [at, at + 1, at + 2, at + 86_400]


def test_whoever_serves_the_folder_can_read_it(site: Site):
    site.engine(b"first marker")
    site.publish()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in site.source.iterdir()}
    assert modes == {0o644}
    assert len(list(site.source.iterdir())) == 2


def test_without_a_key_nothing_is_published(site: Site):
    site.engine(b"first marker")
    with pytest.raises(EngineError, match="hotslot keys generate-signing"):
        publish(site.engines_folder, site.source, Keys(), NOW)
    assert list(site.source.iterdir()) == []


def test_an_index_of_others_is_not_gone_on_from(site: Site):
    site.engine(b"first marker")
    publish(site.engines_folder, site.source, OTHERS, NOW)
    before = (site.source / "index.json").read_bytes()
    with pytest.raises(EngineError, match=r"not yours to go on from.*Move it away"):
        site.publish()
    assert (site.source / "index.json").read_bytes() == before


SET = {"format": "hotslot-signature-set/1"}
ABOUT = {"name": "Demo", "type": "signature-set", "version": "1"}
LONG = "x" * 101 + ".json"


@pytest.mark.parametrize(
    ("folder", "files", "complaint"),
    [
        ("demo", {"set.json": SET}, r"engine\.json and at least one signature set"),
        ("demo", {"engine.json": ABOUT}, r"engine\.json and at least one signature set"),
        ("demo", {"engine.json": {**ABOUT, "type": "program"}, "s.json": SET}, "only one there is"),
        ("demo", {"engine.json": {**ABOUT, "version": "a b"}, "s.json": SET}, "version"),
        ("demo", {"engine.json": {**ABOUT, "more": 1}, "s.json": SET}, "more"),
        ("demo", {"engine.json": ABOUT, "s.json": {}}, r"s\.json is no signature set"),
        ("demo", {"engine.json": ABOUT, "a b.json": SET}, "name"),
        ("demo", {"engine.json": ABOUT, LONG: SET}, "name"),
        ("a name", {"engine.json": ABOUT, "s.json": SET}, "engine"),
        (
            "demo",
            {"engine.json": ABOUT, **{f"{number}.json": SET for number in range(65)}},
            "65 files, and 64 are the most",
        ),
    ],
)
def test_what_no_node_would_take_is_not_published(
    site: Site, folder: str, files: dict[str, object], complaint: str
):
    engine = site.engines_folder / folder
    engine.mkdir(parents=True)
    for name, content in files.items():
        (engine / name).write_text(json.dumps(content))
    with pytest.raises(EngineError, match=f"can't be published.*{complaint}"):
        site.publish()
    assert list(site.source.iterdir()) == []


def test_links_are_not_published(site: Site):
    site.engine(b"first marker")
    (site.engines_folder / "demo" / "link.json").symlink_to("/etc/passwd")
    with pytest.raises(EngineError, match=r"link\.json is no plain file"):
        site.publish()


def test_a_folder_without_engines_is_explained(site: Site, tmp_path: Path):
    (tmp_path / "none").mkdir()
    with pytest.raises(EngineError, match="hotslot engines sample"):
        publish(tmp_path / "none", site.source, KEYS, NOW)


# -- the commands ---------------------------------------------------------------------------------


class Commands:
    """Runs `hotslot engines ...` with a data directory of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"HOTSLOT_DATA_DIR": str(folder / "data"), "COLUMNS": "200"}

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        ended = CliRunner().invoke(app, arguments, env=self.environment)
        return ended.exit_code, ended.stdout, ended.stderr


@pytest.fixture
def hotslot(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def test_the_sample_goes_from_the_command_to_a_finding(hotslot: Commands, tmp_path: Path):
    sources, out = str(tmp_path / "sources"), str(tmp_path / "out")
    status, said, _ = hotslot("engines", "sample", sources)
    assert (status, f"hotslot engines publish {sources} --out FOLDER" in said) == (0, True)
    assert hotslot("keys", "generate-signing")[0] == 0
    status, said, _ = hotslot("engines", "publish", sources, "--out", out)
    assert status == 0
    assert "hotslot-sample" in said
    assert f"hotslot node --update-source {out}" in said

    site = Site(tmp_path)
    site.keys = KeyFolder(tmp_path / "data" / "signing-keys").read()
    site.engines = Engines(site.data, lambda _: True, keys=lambda: site.keys, update_source=out)
    assert site.update().outcome == "done"
    assert site.found(eicar()) == ("EICAR-Test-File",)

    status, said, _ = hotslot("engines", "publish", sources, "--out", out, "--json")
    assert status == 0
    printed = json.loads(said)
    assert printed["packages"][0]["engine"] == "hotslot-sample"
    assert [row["eng_id"] for row in site.engines.listing()] == ["hotslot-sample"]


@pytest.mark.parametrize("missing", ["key", "folder"])
def test_a_failure_is_told_in_a_sentence(hotslot: Commands, tmp_path: Path, missing: str):
    sources = tmp_path / "sources"
    if missing == "key":
        hotslot("engines", "sample", str(sources))
        expected = "No key signs. Make one: hotslot keys generate-signing"
    else:
        hotslot("keys", "generate-signing")
        expected = f"{sources} can't be used: No such file or directory."
    status, said, complaint = hotslot("engines", "publish", str(sources), "--out", str(tmp_path))
    assert (status, said) == (1, "")
    assert complaint.startswith(expected)


def test_a_sample_that_cannot_be_written_is_told(hotslot: Commands, tmp_path: Path):
    (tmp_path / "file").write_text("")
    status, _, complaint = hotslot("engines", "sample", os.fspath(tmp_path / "file"))
    assert (status, "can't be used" in complaint) == (1, True)
