"""Engines: what a node scans with, from the publisher's folder to the verdict on a file.

`docs/engines.md` explains packages, indexes and states. The parts:

- `publishing` makes packages (`packing`) and a signed index; `forms` is what they say, `sealing`
  how it is signed, and `sample` an engine to try it with.
- `manager` is what the rest of the node asks. `updating` takes what a source (`sources`) offers,
  and `collection` knows the state of each engine; `book` remembers it.
- `unpacking` takes packages apart that nobody knows yet; `shelf` keeps versions on disk, and turns
  from one to the next in one step.
- `scanning` looks for the signatures of a `signature_set` in a stream.
"""

from hotslot.node.engines.errors import (
    ContentInvalidError,
    DownloadFailedError,
    EngineError,
    NotAllowedError,
    NotDeployedError,
    UnknownEngineError,
)
from hotslot.node.engines.forms import Index, Limits
from hotslot.node.engines.manager import Engines
from hotslot.node.engines.publishing import publish
from hotslot.node.engines.sample import eicar, write_sample
from hotslot.node.engines.scanning import Finding, Verdict
from hotslot.node.engines.updating import Check, UpdateSettings

__all__ = [
    "Check",
    "ContentInvalidError",
    "DownloadFailedError",
    "EngineError",
    "Engines",
    "Finding",
    "Index",
    "Limits",
    "NotAllowedError",
    "NotDeployedError",
    "UnknownEngineError",
    "UpdateSettings",
    "Verdict",
    "eicar",
    "publish",
    "write_sample",
]
