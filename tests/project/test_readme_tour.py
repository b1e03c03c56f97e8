"""The tour in README.md is true: played again, every command prints what stands there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx

from tests.serving import ADMIN_KEY, Server, serving

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
TOUR = README.partition("## A five-minute tour")[2].partition("\n## ")[0]
ADDRESS = "http://127.0.0.1:8000"
DIFFERS = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"), "<time>"),
    (re.compile(r"(?<=Activation key: scanner-1\.)\S+"), "<secret>"),
    (re.compile(r"(?<=Request )[0-9a-f]{32}"), "<request>"),
)
"""What is another one each time."""


def tour() -> list[tuple[str, str]]:
    """Each command after the server's start, and what README shows of it."""
    start, *blocks = re.findall(r"```console\n(.*?)```", TOUR, re.DOTALL)
    assert "hotslot serve" in start
    shown = [each.partition("\n") for block in blocks for each in re.split(r"(?m)^\$ ", block)[1:]]
    return [(command, output) for command, _, output in shown]


def masked(output: str) -> str:
    for pattern, name in DIFFERS:
        output = pattern.sub(name, output)
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


def said_by_hotslot(arguments: list[str], server: Server, dsn: str) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith("HOTSLOT_")}
    settings = {
        "HOTSLOT_URL": server.url,
        "HOTSLOT_KEY": ADMIN_KEY,
        "HOTSLOT_DATABASE_URL": dsn,
        "PYTHONIOENCODING": "utf-8",
    }
    return subprocess.run(
        [sys.executable, "-m", "hotslot", *arguments],
        env=own | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    ).stdout


def said_by_curl(arguments: list[str], server: Server) -> str:
    """Ask as the tour's curl does, which prints the status; curl itself may not be there."""
    (url,) = (each for each in arguments if each.startswith(ADDRESS))
    with server.client() as client:
        return str(client.get(httpx.URL(url).path).status_code)


def test_masks_leave_the_rest():
    assert masked("a 2026-11-22 10:14:42.345  3 \nRequest " + "0" * 32) == (
        "a <time>  3\nRequest <request>"
    )


def test_the_tour_prints_what_readme_shows(dsn: str):
    commands = tour()
    assert len(commands) >= 10
    with serving(dsn) as server:
        for command, shown in commands:
            program, *arguments = shlex.split(command)
            if program == "curl":
                said = said_by_curl(arguments, server)
            else:
                assert program == "hotslot"
                said = said_by_hotslot(arguments, server, dsn)
            assert masked(said) == masked(shown), command
