"""How every peer is served: the same server, event loop and HTTP parser as Hotslot, one process."""

import socket

import uvicorn
from fastapi import FastAPI

READY = "Listening on port "


def serve(app: FastAPI) -> None:
    """Serve the app on a free port of 127.0.0.1, and say on standard output which one it is."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(f"{READY}{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[listener])
