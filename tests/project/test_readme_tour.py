"""What README.md shows is true: played again, every command prints what stands there."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.serving import ADMIN_KEY, Server, serving

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
TOUR = README.partition("## A five-minute tour")[2].partition("\n## ")[0]
SITES = README.partition("## Sites without a connection")[2].partition("\n## ")[0]
ADDRESS = "http://127.0.0.1:8000"
DIFFERS = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"), "<time>"),
    (re.compile(r"(?<=Activation key: scanner-1\.)\S+"), "<secret>"),
    (re.compile(r"(?<=Request )[0-9a-f]{32}"), "<request>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"), "<time>"),
    (re.compile(r"hotslot/[0-9a-f-]{36}"), "<log>"),
    (re.compile(r'(?<= key: ")[\w-]{43}(?=")'), "<key>"),
    (re.compile(r'(?<= value: ")[\w+/]{86}==(?=")'), "<signature>"),
)
"""What is another one each time."""


def tour() -> list[tuple[str, str]]:
    """Each command after the server's start, and what README shows of it."""
    start, *blocks = re.findall(r"```console\n(.*?)```", TOUR, re.DOTALL)
    assert "hotslot serve" in start
    shown = [each.partition("\n") for block in blocks for each in re.split(r"(?m)^\$ ", block)[1:]]
    return [(command, output) for command, _, output in shown]


def carried() -> list[tuple[str, str | None]]:
    """Each command of the section on license files, and what README shows of it, if anything."""
    steps: list[tuple[str, str | None]] = []
    for kind, block in re.findall(r"```(sh|console)\n(.*?)```", SITES, re.DOTALL):
        if kind == "sh":
            steps += [(line.partition("#")[0].strip(), None) for line in block.splitlines()]
        else:
            (command, _, output) = block.removeprefix("$ ").partition("\n")
            steps.append((command, output))
    return steps


def masked(output: str) -> str:
    for pattern, name in DIFFERS:
        output = pattern.sub(name, output)
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


def run_hotslot(
    arguments: list[str], server: Server, module: str = "hotslot", **settings: str
) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("HOTSLOT_")}
    theirs = {"HOTSLOT_URL": server.url, "HOTSLOT_KEY": ADMIN_KEY, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=own | theirs | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


def said_by_curl(arguments: list[str], server: Server) -> str:
    """Ask as the tour's curl does, which prints the status; curl itself may not be there."""
    (url,) = (each for each in arguments if each.startswith(ADDRESS))
    with server.client() as client:
        return str(client.get(httpx.URL(url).path).status_code)


def test_masks_leave_the_rest():
    assert masked("a 2026-11-22 10:14:42.345  3 \nRequest " + "0" * 32) == (
        "a <time>  3\nRequest <request>"
    )


def test_the_tour_prints_what_readme_shows(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    commands = tour()
    assert len(commands) >= 10
    with serving(dsn) as server:
        for command, shown in commands:
            typed, _, into = command.partition(" > ")
            program, *arguments = shlex.split(typed)
            if program == "curl":
                said = said_by_curl(arguments, server)
            elif program == "sed":
                subprocess.run(shlex.split(typed), check=True)
                said = ""
            else:
                module = program.replace("-", "_")
                assert module in ("hotslot", "hotslot_verify")
                ended = run_hotslot(arguments, server, module, HOTSLOT_DATABASE_URL=dsn)
                said = ended.stdout
            if into:
                Path(into).write_text(said, "utf-8")
                said = ""
            assert masked(said) == masked(shown), command


def test_the_license_file_is_carried_as_readme_shows(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    at_vendor = {"HOTSLOT_DATA_DIR": str(tmp_path / "vendor")}
    shown_too = 0
    with ExitStack() as servers:
        server = servers.enter_context(serving(new_database(), **at_vendor))
        for command, shown in carried():
            words = shlex.split(command)
            if words[-1] == "serve":
                # From here on it is the site where commands are typed, with what was carried.
                given = dict(word.split("=") for word in words[:-2])
                assert given.pop("HOTSLOT_ADMIN_KEY") == "$HOTSLOT_KEY"
                server = servers.enter_context(serving(new_database(), **given))
            elif words[0] in ("mkdir", "cp", "chmod"):
                subprocess.run(words, check=True)
            elif words[0] == "cat":
                assert masked(Path(words[1]).read_text("utf-8")) == masked(str(shown))
            else:
                typed, _, into = command.partition(" > ")
                ended = run_hotslot(shlex.split(typed)[1:], server, **at_vendor)
                if into:
                    Path(into).write_text(ended.stdout, "utf-8")
                if shown is None:
                    assert ended.returncode == 0, ended.stdout
                else:
                    assert masked(ended.stdout) == masked(shown), command
                    shown_too += 1
    assert shown_too == 2
