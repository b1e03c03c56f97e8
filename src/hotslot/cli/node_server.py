"""The process of a node: its data directory held, its port listened on, its application served."""

import contextlib
import signal
import socket
import sys

import typer
import uvicorn

from hotslot import logs
from hotslot.cli.listening import address, listening
from hotslot.node.app import create_app
from hotslot.node.identity import DataDirectory
from hotslot.node.instance import assemble
from hotslot.node.settings import NodeSettings

GRACE_SECONDS = 5
"""Requests under way have this long to end when the node is stopped."""


class _Server(uvicorn.Server):
    """Says where it listens, as soon as it does."""

    def __init__(self, config: uvicorn.Config, greeting: str) -> None:
        super().__init__(config)
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            typer.echo(self._greeting)
            sys.stdout.flush()


def run(settings: NodeSettings) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        DataDirectoryError: another node has it, or it belongs to another deployment.
        NodeSettingError: a setting can't be right.
        OSError: the port is taken, or a file can't be read.

    """
    logs.configure()
    directory = DataDirectory(settings.data_dir)
    with contextlib.closing(directory), listening(settings.host, settings.port) as listener:
        node = assemble(settings, directory)
        config = uvicorn.Config(
            create_app(node),
            loop="auto",
            http="httptools",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            # Who asks is who is connected: a header is anybody's to write.
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        password = node.access.new_password
        greeting = f"Hotslot node {node.deployment} listens on {address(settings.host, listener)}"
        # uvicorn raises the signal that ended it once more when it is done: what is ours ends then.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            if password is not None:
                greeting += (
                    f"\nUser admin, password {password} (made just now, and shown this once)"
                )
            _Server(config, greeting).run(sockets=[listener])
    typer.echo("Stopped.")
