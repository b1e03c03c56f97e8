"""What Prometheus can read at `/metrics`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import Scope

from hotslot.domain.refusals import Refusal
from hotslot.leases.lease import Lease

REGISTRY = CollectorRegistry()

COMMANDS = Counter(
    "hotslot_commands_total",
    "Commands by what became of them: done, unchanged, refused or repeated.",
    ["command", "outcome"],
    registry=REGISTRY,
)
REFUSALS = Counter(
    "hotslot_refusals_total",
    "Refusals by code; recorded is false for those repeated within 60 s.",
    ["code", "recorded"],
    registry=REGISTRY,
)
LEASES = Counter(
    "hotslot_leases_total",
    "Leases that were asked for: granted, waiting (without the right to process yet), or the "
    "code of what they were refused for.",
    ["outcome"],
    registry=REGISTRY,
)
LEDGER_POSITION = Gauge(
    "hotslot_ledger_position", "The last ledger position known here.", registry=REGISTRY
)
PROJECTION_POSITION = Gauge(
    "hotslot_projection_position",
    "The position that a projection has reached.",
    ["projection"],
    registry=REGISTRY,
)
LOG_SIZE = Gauge(
    "hotslot_log_size", "Entries in the Merkle tree, as far as known here.", registry=REGISTRY
)
CHECKPOINT_SIZE = Gauge(
    "hotslot_log_checkpoint_size", "Entries that the last checkpoint is over.", registry=REGISTRY
)
CHECKPOINT_AGE = Gauge(
    "hotslot_log_checkpoint_age_seconds",
    "Time since the last checkpoint was signed, or since this process began to wait for the first.",
    registry=REGISTRY,
)
LOG_CONTRADICTIONS = Counter(
    "hotslot_log_contradictions_total",
    "How often this process found the ledger or its tree not to be what was signed.",
    registry=REGISTRY,
)
REQUESTS = Histogram(
    "hotslot_http_request_duration_seconds",
    "Time to answer a request.",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
    registry=REGISTRY,
)

# Children of the two that every request meets: finding them by their labels takes a lock.
_commands: dict[tuple[str, str], Counter] = {}
_observers: dict[tuple[str, str, int], Histogram] = {}


def count_command(command: str, outcome: str) -> None:
    """Count one command."""
    counter = _commands.get((command, outcome))
    if counter is None:
        counter = _commands[command, outcome] = COMMANDS.labels(command, outcome)
    counter.inc()


def count_lease(result: Lease | Refusal) -> None:
    """Count one answer to a request for a lease."""
    if isinstance(result, Lease):
        LEASES.labels("granted" if result.waits_for is None else "waiting").inc()
    else:
        LEASES.labels(result.code).inc()


def observe_request(scope: Scope, status: int, seconds: float) -> None:
    """Count one answered request under its route, never under its path: paths hold ids."""
    route = getattr(scope.get("route"), "path", "unknown")
    key = (scope["method"], route, status)
    observer = _observers.get(key)
    if observer is None:
        observer = _observers[key] = REQUESTS.labels(scope["method"], route, str(status))
    observer.observe(seconds)
