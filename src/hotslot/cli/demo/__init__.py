"""`hotslot demo`: the main job played on a real server, with a person reading along.

`command.py` is the command, `server.py` the servers that it starts, `children.py` how processes are
started and ended, `narrator.py` how stories are told, and `scenes.py` what they have in common.
`story.py` and `offline.py` are the two that need servers alone. That of running nodes is
`failover.py`, with the nodes in `nodes.py`, what stands between one and the backend in `relay.py`,
the client in `traffic.py`, and in `evidence.py` and `proof.py` what came of it.
"""

from hotslot.cli.demo.command import demo

__all__ = ["demo"]
