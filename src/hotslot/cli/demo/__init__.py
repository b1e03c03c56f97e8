"""`hotslot demo`: the main job played on a real server, with a person reading along.

`command.py` is the command, `server.py` the server that it starts, `story.py` what is played, and
`narrator.py` how it is told.
"""

from hotslot.cli.demo.command import demo

__all__ = ["demo"]
