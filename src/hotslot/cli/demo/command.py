"""The command itself: find or start the servers, play the story, and leave them up."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from hotslot.cli.client import Client, connect, credentials, exit_status, path
from hotslot.cli.demo.children import DemoServerError
from hotslot.cli.demo.narrator import Narrator, StoryError
from hotslot.cli.demo.offline import OfflineStory, tell_of_keys, tell_of_site
from hotslot.cli.demo.scenes import shortened
from hotslot.cli.demo.server import Server, first_to_end, serving
from hotslot.cli.demo.story import Story
from hotslot.cli.output import say, screen, show_failure
from hotslot.cli.session import KeyOption, UrlOption, address
from hotslot.client import HotslotError, Refused
from hotslot.settings import ClientSettings, Settings

UNAUTHENTICATED = 401
PIPE_COLUMNS = 100


def demo(
    *,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="Play the story of a site without a connection instead, on two servers: the "
            "vendor's and the site's.",
        ),
    ] = False,
    nodes: Annotated[
        bool,
        typer.Option(
            "--nodes",
            help="Play the story of a failover between running nodes instead: one is killed, and "
            "one is cut off, while a client posts files.",
        ),
    ] = False,
    exit_: Annotated[
        bool, typer.Option("--exit", help="End after the story, and the server with it.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help="The port of the demo's server, offline of the vendor's. Unset, 8000, or any when "
            "that is taken.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            help="Where data is kept; else .hotslot/demo, or .hotslot/demo-offline or -nodes.",
        ),
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Play the main job through the HTTP API, and read along.

    It starts a server of its own and leaves it up until Ctrl-C. With --url and --key (or
    HOTSLOT_URL and HOTSLOT_KEY) it plays on that server instead, and starts none; the key must be
    an admin's. HOTSLOT_KEY without a URL is a key of some other server, and is left alone.
    With --offline it starts two servers, and with --nodes one and three nodes, and plays on no
    others.
    """
    console = screen()
    if not console.is_terminal:
        console.width = PIPE_COLUMNS  # prose; its ids are far shorter than that
    own = "--offline" if offline else "--nodes" if nodes else None
    if own and (url is not None or key is not None):
        raise typer.BadParameter(f"{own} starts servers of its own; leave --url and --key away")
    if offline and nodes:
        raise typer.BadParameter("--offline and --nodes are two stories; ask for one at a time")
    try:
        with _told_to_end_as_by_ctrl_c():
            if nodes:
                place = data_dir or Settings().data_dir / "demo-nodes"
                _play_nodes(console, place.absolute(), port, then_end=exit_)
            elif offline:
                place = data_dir or Settings().data_dir / "demo-offline"
                _play_offline(console, place.absolute(), port, then_end=exit_)
            elif running := _running_server(url, key):
                _play_on_running(console, *running)
            else:
                place = data_dir or Settings().data_dir / "demo"
                _play_on_own(console, place.absolute(), port, then_end=exit_)
    except (DemoServerError, StoryError) as broken:
        say(screen(stderr=True), f"The demo failed. {broken}", "bold red")
        raise typer.Exit(1) from broken
    except HotslotError as failure:
        say(screen(stderr=True), "The demo failed: a call that must work did not.", "bold red")
        show_failure(failure)
        raise typer.Exit(exit_status(failure)) from failure


def _running_server(url: str | None, key: str | None) -> tuple[str, str] | None:
    """Give the address and the key of the server to play on, if one was named.

    Raises `typer.BadParameter` when only one of the two was.
    """
    settings = ClientSettings()
    given = url is not None or "url" in settings.model_fields_set
    if given and key is None and settings.key is not None:
        key = settings.key.get_secret_value()
    if given != (key is not None):
        raise typer.BadParameter(
            "to play on a running server give both --url and --key (or HOTSLOT_URL and "
            "HOTSLOT_KEY); give neither to have a server started"
        )
    return None if key is None else (address(url), key)


def _play_on_running(console: Console, url: str, key: str) -> None:
    say(console, f"Playing on {url} with the key {shortened(key)}", "bold")
    reachable = "HOTSLOT_DATABASE_URL" in os.environ
    _play(console, url, key, os.environ if reachable else None)
    console.print()
    say(console, f"Done. API docs: {url.rstrip('/')}/docs", "bold green")


def _play_on_own(console: Console, data_dir: Path, port: int | None, *, then_end: bool) -> None:
    with _started(console, "a server", data_dir, port) as server:
        _play(console, server.url, server.key, server.environment)
        _end_or_stay(console, [("", server)], then_end=then_end)


def _play_nodes(console: Console, data_dir: Path, port: int | None, *, then_end: bool) -> None:
    # Engines need cryptography: the other stories, and commands, start without it.
    from hotslot.cli.demo.failover import FailoverStory

    with _started(console, "a server", data_dir, port) as server:
        with connect(server.url, credentials(key=server.key)) as admin:
            FailoverStory(server, admin, data_dir / "nodes", Narrator(console)).play()
        _end_or_stay(console, [("", server)], then_end=then_end)


def _play_offline(console: Console, data_dir: Path, port: int | None, *, then_end: bool) -> None:
    tell = Narrator(console)
    stick = data_dir / "carried"
    with _started(console, "the vendor's server", data_dir / "vendor", port) as vendor:
        trusted = str(tell_of_keys(tell, vendor, stick))
        tell_of_site(tell)
        with (
            _started(
                console, "the site's server", data_dir / "site", 0, HOTSLOT_TRUSTED_KEYS=trusted
            ) as site,
            connect(vendor.url, credentials(key=vendor.key)) as at_vendor,
            connect(site.url, credentials(key=site.key)) as at_site,
        ):
            OfflineStory(at_vendor, at_site, stick, tell).play(site.environment)
            console.print()
            say(console, f"The files that were carried are in {stick}")
            _end_or_stay(console, [("vendor", vendor), ("site", site)], then_end=then_end)


@contextmanager
def _started(
    console: Console, what: str, data_dir: Path, port: int | None, **settings: str
) -> Iterator[Server]:
    """Run a server for the length of a block. Raises `DemoServerError`."""
    say(console, f"Starting {what} with its data in {data_dir} ...", "bold")
    with serving(data_dir, port, **settings) as server:
        say(console, f"It listens on {server.url}; its admin key is {shortened(server.key)}")
        with connect(server.url, credentials(key=server.key)) as admin:
            _try_key(admin, data_dir)
        yield server


def _try_key(admin: Client, data_dir: Path) -> None:
    try:
        admin.get(path("keys"), limit=1)
    except Refused as refused:
        if refused.status != UNAUTHENTICATED:
            raise
        raise DemoServerError(
            f"The data in {data_dir} is older than the admin key beside it. Remove that folder, "
            "or give the demo another one with --data-dir."
        ) from refused


def _play(console: Console, url: str, key: str, database: Mapping[str, str] | None) -> None:
    with connect(url, credentials(key=key)) as admin:
        Story(admin, Narrator(console)).play(database)


def _end_or_stay(console: Console, servers: list[tuple[str, Server]], *, then_end: bool) -> None:
    """Say where to go on, and stay until Ctrl-C unless the demo is to end now."""
    if then_end:
        console.print()
        say(console, "Done.", "bold green")
        return
    for name, server in servers:
        console.print()
        whose = f"The {name}'s server" if name else "The server"
        say(console, f"{whose} stays up. API docs: {server.url}/docs", "bold green")
        say(console, "To go on with it from another terminal:")
        say(console, f"  export HOTSLOT_URL={server.url}")
        say(console, f'  export HOTSLOT_KEY="$(cat {server.child.log.with_name("admin-key")})"')
        say(console, "  hotslot status")
    say(console, "Ctrl-C stops it." if len(servers) == 1 else "Ctrl-C stops them.")
    try:
        ended = first_to_end([server for _, server in servers])
    except KeyboardInterrupt:
        say(console, "Stopped.")
        return
    raise DemoServerError(
        f"The server at {ended.url} ended by itself with status {ended.child.process.returncode}; "
        f"see {ended.child.log}."
    )


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
