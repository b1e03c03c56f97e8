"""The program as an auditor runs it: what it prints, and its exit status."""

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from hotslot_verify import verify as verifier
from tests.verify.conftest import Program
from tests.verify.logs import Signer, export, story

LEAVES = story().leaves


@pytest.fixture
def folder(tmp_path: Path, signer: Signer) -> Path:
    return export(tmp_path / "export", LEAVES, signer.note(LEAVES))


def script(*arguments: object) -> "subprocess.CompletedProcess[str]":
    path = Path(sys.executable).with_name("hotslot-verify")
    command = [str(path), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_console_script_says_good(folder: Path, signer: Signer):
    ended = script(folder, "--key", signer.vkey)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"{len(LEAVES)} entries" in ended.stdout
    assert ended.stdout.startswith("GOOD")


def test_the_console_script_says_bad(folder: Path, signer: Signer):
    entries = (folder / "entries.ndjson").read_bytes()
    (folder / "entries.ndjson").write_bytes(entries.replace(b"a test", b"a TEST", 1))

    ended = script(folder, "--key", signer.vkey)

    assert (ended.returncode, ended.stderr) == (1, "")
    assert "entry 0: " in ended.stdout
    assert "GOOD" not in ended.stdout


def test_it_runs_without_hotslot(folder: Path, signer: Signer, tmp_path: Path):
    """The package alone, with nothing else of the project to import."""
    shutil.copytree(Path(verifier.__file__).parent, tmp_path / "alone" / "hotslot_verify")
    absent = "import sys; sys.modules.update(dict.fromkeys(('hotslot', 'projections', 'msgspec')))"
    (tmp_path / "alone" / "sitecustomize.py").write_text(absent, "utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "hotslot_verify", folder, "--key", signer.vkey],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "alone")},
    )

    assert (ended.returncode, ended.stderr) == (0, "")


def test_it_can_be_read_in_a_sitting():
    text = Path(verifier.__file__).read_text("utf-8")

    assert len(text.splitlines()) < 500


def test_the_key_may_be_a_file(program: Program, folder: Path, signer: Signer):
    (folder / "key.vkey").write_text(f"{Signer().vkey}\n{signer.vkey}\n", "utf-8")

    assert program(folder, "--key", folder / "key.vkey")[0] == 0


@pytest.mark.parametrize("key", ["", "nonsense", "no/such/file", "a+b+c"])
def test_a_key_that_is_none_is_wrong_usage(program: Program, folder: Path, key: str):
    status, out, err = program(folder, "--key", key)

    assert (status, out) == (2, "")
    assert "--key" in err


def test_without_a_key_nothing_is_verified(program: Program, folder: Path):
    assert program(folder)[0] == 2


@pytest.mark.parametrize("url", ["ftp://h/", "file:///etc/passwd", "http://me:secret@h/"])
def test_a_url_of_another_kind_is_wrong_usage(program: Program, signer: Signer, url: str):
    status, _, err = program(url, "--key", signer.vkey)

    assert status == 2
    assert "secret" not in err


def test_json(program: Program, folder: Path, signer: Signer):
    status, out, _ = program(folder, "--key", signer.vkey, "--json")
    told = json.loads(out)

    assert status == 0
    assert told["good"] is True
    assert (told["size"], told["origin"]) == (len(LEAVES), signer.origin)
    assert told["at"].startswith("2026-06-01T00:00:00")

    (folder / "entries.ndjson").write_bytes(b"".join(each + b"\n" for each in LEAVES[:-1]))
    status, out, _ = program(folder, "--key", signer.vkey, "--json")
    told = json.loads(out)

    assert (status, told["good"]) == (1, False)
    assert {"rule": "entries", "index": len(LEAVES) - 1} in [
        {"rule": each["rule"], "index": each["index"]} for each in told["problems"]
    ]


def test_quiet(program: Program, folder: Path, signer: Signer):
    assert program(folder, "--key", signer.vkey, "--quiet") == (0, "", "")

    status, out, _ = program(folder, "--key", Signer().vkey, "--quiet")
    assert status == 1
    assert "[signature]" in out


def test_last_is_kept_and_asked(program: Program, tmp_path: Path, signer: Signer):
    last, more = tmp_path / "last", story().leaves
    old = export(tmp_path / "old", more[:9], signer.note(more[:9]))
    new = export(tmp_path / "new", more, signer.note(more))

    assert program(old, "--key", signer.vkey, "--last", last)[0] == 0
    assert last.read_text("utf-8") == signer.note(more[:9])
    assert program(new, "--key", signer.vkey, "--last", last)[0] == 0
    assert last.read_text("utf-8") == signer.note(more)

    status, out, _ = program(old, "--key", signer.vkey, "--last", last)
    assert status == 1
    assert "rolled back" in out
    assert last.read_text("utf-8") == signer.note(more)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["last", "new", "old"]


def test_last_is_not_kept_of_a_bad_log(program: Program, folder: Path, signer: Signer):
    (folder / "entries.ndjson").write_bytes(b"")
    last = folder / "last"

    assert program(folder, "--key", signer.vkey, "--last", last)[0] == 1
    assert not last.exists()


def test_last_of_another_log(program: Program, tmp_path: Path, signer: Signer):
    other = Signer("another/log")
    (tmp_path / "last").write_text(other.note([]), "utf-8")
    folder = export(tmp_path / "e", LEAVES, signer.note(LEAVES))

    status, out, _ = program(
        folder, "--key", signer.vkey, "--key", other.vkey, "--last", tmp_path / "last"
    )

    assert status == 1
    assert "[forked]" in out


@pytest.mark.parametrize("text", ["", "nonsense", None])
def test_last_that_nobody_signed(program: Program, folder: Path, signer: Signer, text: str | None):
    (folder / "last").write_text(Signer().note([]) if text is None else text, "utf-8")

    status, out, err = program(folder, "--key", signer.vkey, "--last", folder / "last")

    assert (status, out) == (2, "")
    assert "--last" in err
    assert "give the former one" in err


def test_a_larger_checkpoint_that_was_kept_meanwhile_stays(
    program: Program, folder: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
):
    larger = signer.note([*LEAVES, b"one more"])
    verified = verifier.verify

    def slowly(*arguments: Any) -> Any:
        found = verified(*arguments)
        (folder / "last").write_text(larger, "utf-8")  # another run, over more, was faster
        return found

    monkeypatch.setattr("hotslot_verify.program.verify", slowly)

    assert program(folder, "--key", signer.vkey, "--last", folder / "last")[0] == 0
    assert (folder / "last").read_text("utf-8") == larger


def test_a_verdict_is_told_though_last_cannot_be_kept(
    program: Program, folder: Path, signer: Signer
):
    status, out, err = program(folder, "--key", signer.vkey, "--last", folder / "nowhere" / "last")

    assert status == 3
    assert out.startswith("GOOD")
    assert "--last can't be written" in err


@pytest.mark.parametrize("url", ["http://[", "http://\u00e9.example", "http://a b"])
def test_a_url_that_is_none_is_wrong_usage(program: Program, signer: Signer, url: str):
    assert program(url, "--key", signer.vkey)[0] == 2


def test_a_credential_with_a_line_end_is_taken_without_it(
    program: Program, signer: Signer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOTSLOT_KEY", "secret\r\n")
    monkeypatch.setattr("hotslot_verify.program.WAITS", (0,))
    status, _, err = program("http://127.0.0.1:9", "--key", signer.vkey)
    assert (status, "secret" in err) == (3, False)

    monkeypatch.setenv("HOTSLOT_KEY", "sec\r\nret")
    status, _, err = program("http://127.0.0.1:9", "--key", signer.vkey)
    assert (status, "no API key" in err) == (3, True)


def test_what_is_not_there_is_out_of_reach(program: Program, tmp_path: Path, signer: Signer):
    for path in (tmp_path / "nowhere", tmp_path):
        status, out, err = program(path, "--key", signer.vkey)
        assert (status, out) == (3, "")
        assert "out of reach" in err


def test_a_file_that_is_no_zip(program: Program, tmp_path: Path, signer: Signer):
    (tmp_path / "x.zip").write_bytes(b"PK nonsense")

    assert program(tmp_path / "x.zip", "--key", signer.vkey)[0] == 3


@pytest.mark.parametrize("at", [0.02, 0.3, 0.6, 0.95])
def test_a_damaged_zip(program: Program, folder: Path, signer: Signer, at: float):
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("checkpoint", "entries.ndjson"):
            packed.write(folder / name, name)
    damaged = bytearray(path.read_bytes())
    damaged[int(len(damaged) * at)] ^= 0xFF
    path.write_bytes(damaged)

    assert program(path, "--key", signer.vkey)[0] in (1, 3)


def test_what_a_stranger_wrote_is_safe_for_a_terminal(
    program: Program, tmp_path: Path, signer: Signer
):
    leaf = LEAVES[0].replace(b'"license":"l"', b'"license":"\xc2\x9b2Jx"')
    folder = export(tmp_path / "e", [leaf], signer.note([leaf]))

    status, out, _ = program(folder, "--key", signer.vkey)

    assert status == 1
    assert out.isascii()


def test_interrupted(program: Program, folder: Path, signer: Signer, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verifier.Replay, "entry", interrupt)
    status, out, err = program(folder, "--key", signer.vkey)

    assert (status, out) == (130, "")
    assert "interrupted" in err


def test_a_pipe_in_place_of_a_file_is_not_waited_for(
    program: Program, folder: Path, signer: Signer
):
    (folder / "checkpoint").unlink()
    os.mkfifo(folder / "checkpoint")

    assert program(folder, "--key", signer.vkey)[0] == 3


def test_nothing_outlives_a_failure(
    program: Program, folder: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
):
    """Also where the process that runs it heeds no SIGTERM, and neither do its children."""
    (folder / "entries.ndjson").write_bytes(b"x" * 70_000)
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        assert program(folder, "--key", signer.vkey)[0] == 1
    finally:
        signal.signal(signal.SIGTERM, before)

    children = multiprocessing.active_children()
    for child in children:
        child.join(10)
    left = [child for child in children if child.is_alive()]
    for child in left:
        child.kill()  # or the tests would wait for it at their end
    assert left == []


def test_one_who_is_killed_leaves_no_process(folder: Path, signer: Signer):
    leaves = [b"no entry, " * 30] * 100_000
    (folder / "entries.ndjson").write_bytes(b"\n".join(leaves))
    (folder / "checkpoint").write_text(signer.note(leaves), "utf-8")
    command = [sys.executable, "-m", "hotslot_verify", str(folder), "--key", signer.vkey]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 20
    while not children.read_text("ascii"):
        assert time.monotonic() < deadline, "no process was started"
    process.kill()
    try:
        _, err = process.communicate(timeout=20)  # which ends when all who could write have ended
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    assert err == b""
