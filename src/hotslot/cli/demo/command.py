"""The command itself: find or start a server, play the story, and leave the server up."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from hotslot.cli.client import CallError, RefusedError, connect, credentials
from hotslot.cli.demo.narrator import Narrator, StoryError
from hotslot.cli.demo.server import DemoServerError, Server, check_projections, serving
from hotslot.cli.demo.story import Story, shortened
from hotslot.cli.output import say, screen, show_failure
from hotslot.cli.session import KeyOption, UrlOption, address
from hotslot.settings import ClientSettings, Settings

UNAUTHENTICATED = 401
PIPE_COLUMNS = 100


def demo(
    *,
    exit_: Annotated[
        bool, typer.Option("--exit", help="End after the story, and the server with it.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help="The port of the demo's server. Unset, 8000, or any when that is taken.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="Where that server keeps its data; else .hotslot/demo."),
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Play the main job through the HTTP API, and read along.

    It starts a server of its own and leaves it up until Ctrl-C. With --url and --key (or
    HOTSLOT_URL and HOTSLOT_KEY) it plays on that server instead, and starts none; the key must be
    an admin's. HOTSLOT_KEY without a URL is a key of some other server, and is left alone.
    """
    console = screen()
    if not console.is_terminal:
        console.width = PIPE_COLUMNS  # prose; its ids are far shorter than that
    settings = ClientSettings()
    given = url is not None or "url" in settings.model_fields_set
    if given and key is None and settings.key is not None:
        key = settings.key.get_secret_value()
    if given != (key is not None):
        raise typer.BadParameter(
            "to play on a running server give both --url and --key (or HOTSLOT_URL and "
            "HOTSLOT_KEY); give neither to have a server started"
        )
    try:
        with _told_to_end_as_by_ctrl_c():
            if key is not None:
                _play_on_running(console, address(url), key)
            else:
                _play_on_own(
                    console, data_dir or Settings().data_dir / "demo", port, then_end=exit_
                )
    except (DemoServerError, StoryError) as broken:
        say(screen(stderr=True), f"The demo failed. {broken}", "bold red")
        raise typer.Exit(1) from broken
    except CallError as failure:
        say(screen(stderr=True), "The demo failed: a call that must work did not.", "bold red")
        show_failure(failure)
        raise typer.Exit(failure.exit_status) from failure


def _play_on_running(console: Console, url: str, key: str) -> None:
    say(console, f"Playing on {url} with the key {shortened(key)}", "bold")
    reachable = "HOTSLOT_DATABASE_URL" in os.environ
    _play(console, url, key, os.environ if reachable else None)
    console.print()
    say(console, f"Done. API docs: {url.rstrip('/')}/docs", "bold green")


def _play_on_own(console: Console, data_dir: Path, port: int | None, *, then_end: bool) -> None:
    data_dir = data_dir.absolute()
    say(console, f"Starting a server with its data in {data_dir} ...", "bold")
    with serving(data_dir, port) as server:
        say(console, f"It listens on {server.url}; its admin key is {shortened(server.key)}")
        try:
            _play(console, server.url, server.key, server.environment)
        except RefusedError as refused:
            if refused.status == UNAUTHENTICATED:
                raise DemoServerError(
                    f"The data in {data_dir} is older than the admin key beside it. Remove that "
                    "folder, or give the demo another one with --data-dir."
                ) from refused
            raise
        console.print()
        if then_end:
            say(console, "Done.", "bold green")
        else:
            _stay(console, server, data_dir)


def _play(console: Console, url: str, key: str, database: Mapping[str, str] | None) -> None:
    narrator = Narrator(console)

    def check() -> None:
        assert database is not None
        console.print()
        narrator.say("hotslot projections check", "cyan")
        done = check_projections(dict(database))
        if done.returncode:
            raise StoryError(
                f"The story says: the projections agree with the ledger. The check ended with "
                f"status {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        for line in done.stdout.splitlines():
            narrator.say(line.rstrip(), "green")

    with connect(url, credentials(key=key)) as admin:
        Story(admin, narrator).play(None if database is None else check)


def _stay(console: Console, server: Server, data_dir: Path) -> None:
    say(console, f"The server stays up. API docs: {server.url}/docs", "bold green")
    say(console, "To go on with it from another terminal:")
    say(console, f"  export HOTSLOT_URL={server.url}")
    say(console, f'  export HOTSLOT_KEY="$(cat {data_dir / "admin-key"})"')
    say(console, "  hotslot status")
    say(console, "Ctrl-C stops it.")
    try:
        status = server.process.wait()
    except KeyboardInterrupt:
        say(console, "Stopped.")
        return
    raise DemoServerError(f"The server ended by itself with status {status}; see {server.log}.")


@contextmanager
def _told_to_end_as_by_ctrl_c() -> Iterator[None]:
    """Take the other signals that end a process as Ctrl-C, so that the server is ended too."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
