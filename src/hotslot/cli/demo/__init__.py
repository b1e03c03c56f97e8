"""`hotslot demo`: the main job played on a real server, with a person reading along.

`command.py` is the command, `server.py` the servers that it starts, `story.py` and `offline.py` the
two stories, `scenes.py` what these have in common, and `narrator.py` how they are told.
"""

from hotslot.cli.demo.command import demo

__all__ = ["demo"]
