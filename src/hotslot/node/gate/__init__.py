"""The gate: a reverse proxy before the real product, that holds back calls without the right.

- `paths` is the path as the product will read it, or a refusal where products differ.
- `rules` are the calls that count as processing; `headers` are those that pass.
- `forwarding` carries one call there and back; `gate` is the ASGI application.
"""

from hotslot.node.gate.gate import Gate
from hotslot.node.gate.rules import PROCESSING_CALLS, Rules

__all__ = ["PROCESSING_CALLS", "Gate", "Rules"]
