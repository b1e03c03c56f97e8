"""After a restart, a damaged disk or a kill at any moment, a whole version is in use."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.node.engines.material import Site, package

MARKED = b"here is a marker of some bytes, in a file"
KILLED = 9


def version(site: Site) -> Path:
    return (site.data / "deployed" / "demo" / "current").resolve()


def test_what_was_deployed_is_in_use_after_a_restart_without_any_right(site: Site):
    site.offer({"demo": package()})
    site.update()
    before = site.engines.listing()
    site.rights.clear()
    site.start()
    assert site.engines.listing() == before
    assert site.found(MARKED) == ("Threat",)


@pytest.mark.parametrize("name", ["set.json", "engine.json"])
@pytest.mark.parametrize("change", ["flip", "cut", "gone"])
def test_a_version_that_was_damaged_on_the_disk_is_not_used(site: Site, name: str, change: str):
    site.upload(package("One"))
    site.upload(package("Two"))
    file = version(site) / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    match change:
        case "flip":
            file.write_bytes(data)
        case "cut":
            file.write_bytes(data[:-1])
        case _:
            file.unlink()
    if (name, change) == ("engine.json", "flip"):  # wherever the middle was
        file.write_bytes(bytes(data).replace(b'"sha256":"', b'"sha256":"0'))
    site.start()
    assert site.found(MARKED) == ("One",)
    row = site.row()
    assert (row["state"], row["active"]) == ("content invalid", True)
    assert "was damaged on the disk" in row["reason"]
    # The next update puts it right.
    site.offer({"demo": package("Two")})
    assert site.update().outcome == "done"
    assert (site.row()["state"], site.found(MARKED)) == ("production", ("Two",))
    site.start()
    assert (site.row()["state"], site.found(MARKED)) == ("production", ("Two",))


def test_with_no_good_version_left_it_says_so_and_the_next_update_helps(site: Site):
    site.offer({"demo": package()})
    site.update()
    (version(site) / "set.json").unlink()
    site.start()
    assert site.found(MARKED) == ()
    assert (site.row()["state"], site.row()["active"]) == ("content invalid", False)
    site.update()
    assert site.found(MARKED) == ("Threat",)


def test_one_version_before_is_kept_and_no_more(site: Site):
    for threat in ("One", "Two", "Three", "Two", "Two"):
        site.upload(package(threat))
        assert site.found(MARKED) == (threat,)
    versions = [path for path in (site.data / "deployed" / "demo").iterdir() if path.is_dir()]
    assert len(versions) == 3  # two, and the link to one of them
    site.start()
    assert site.found(MARKED) == ("Two",)


def test_damaged_notes_are_kept_aside_and_told(site: Site):
    site.upload(package())
    site.engines.disable("demo")
    (site.data / "known.json").write_bytes(b"\0" * 50)
    site.start()
    assert site.found(MARKED) == ("Threat",)
    assert "were damaged" in str(site.engines.complaint)
    assert (site.data / "known.damaged").read_bytes() == b"\0" * 50
    site.start()
    assert site.engines.complaint is None


def test_what_a_killed_process_left_is_cleared_away(site: Site):
    site.upload(package())
    (site.data / "packages" / "x.part").write_bytes(b"x")
    staging = site.data / "deployed" / ".staging-x"
    staging.mkdir()
    (staging / "engine.json").write_bytes(b"x")
    (site.data / "deployed" / "half" / "00").mkdir(parents=True)
    site.start()
    assert site.leftovers() == []
    assert [row["eng_id"] for row in site.engines.listing()] == ["demo"]
    assert not (site.data / "deployed" / "half").exists()


# For each step of a deployment: a process that ends just before it without any cleaning up, and
# what an instance that is started then has.
_CUT = """
import itertools, json, os, sys
from pathlib import Path
from tests.node.engines.material import Site, package

site = Site(Path(sys.argv[1]))
site.upload(package("One"))
site.upload(package("Two"))

def cut(real, steps, at):
    def step(*arguments, **named):
        if next(steps) == at:
            os._exit(9)
        return real(*arguments, **named)
    return step

for at in itertools.count():
    child = os.fork()
    if child == 0:
        steps = itertools.count()
        for name in ("fsync", "rename", "replace", "symlink", "unlink", "rmdir", "mkdir"):
            setattr(os, name, cut(getattr(os, name), steps, at))
        site.upload(package(sys.argv[2].format(at)))
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    site.start()
    found = site.found(b"here is a marker of some bytes, in a file")
    print(json.dumps([status, found, site.row()["state"], site.leftovers()]))
    if status != 9:
        break
"""


def cut_at_every_step(folder: Path, threat: str) -> list[tuple[int, list[str]]]:
    """What ended each process, and what was found by the next; all versions were whole."""
    ended = subprocess.run(
        [sys.executable, "-c", _CUT, folder, threat],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    steps = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("[")]
    for step, (_, _, state, leftovers) in enumerate(steps):
        assert (state, leftovers) == ("production", []), (step, ended.stderr)
    return [(status, found) for status, found, _, _ in steps]


def test_a_kill_at_any_step_of_a_deployment_leaves_a_whole_version(tmp_path: Path):
    before = ["Two"]
    outcomes = set()
    steps = cut_at_every_step(tmp_path, "New-{}")
    for step, (status, found) in enumerate(steps):
        new = [f"New-{step}"]
        assert found in (before, new), step
        outcomes.add((status, found == new))
        before = found
    # It was cut before the turn, and after it; and at last not at all.
    assert outcomes == {(KILLED, False), (KILLED, True), (0, True)}
    assert len(steps) > 10


def test_a_kill_while_the_version_in_use_comes_again_leaves_it(tmp_path: Path):
    *cut, last = cut_at_every_step(tmp_path, "Two")
    assert {(status, *found) for status, found in cut} == {(KILLED, "Two")}
    assert last == (0, ["Two"])
