"""Processing files: taken in, scanned, and answered for, with the right to do so at each step.

- `right` gives out warrants: the right as it was when work on a file began, gone once it is lost.
- `upload` writes a body to disk while it comes, in constant memory.
- `scanner` is what engines have to do; `report` is what clients are told, in the Core's words.
- `results` keeps reports on disk; `intake` puts all of it together.
"""

from hotslot.node.processing.intake import Limits, Processing
from hotslot.node.processing.right import NotActiveError, RightToProcess, Warrant
from hotslot.node.processing.scanner import Finding, Scanner, Verdict

__all__ = [
    "Finding",
    "Limits",
    "NotActiveError",
    "Processing",
    "RightToProcess",
    "Scanner",
    "Verdict",
    "Warrant",
]
