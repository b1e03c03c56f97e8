"""Calls that ask the record: the audit trail, and what can be told from it."""

from datetime import datetime

from hotslot.client.call import Pages, path, written
from hotslot.client.results import Entry, Failover, Procedure


def entries(
    *,
    license: str | None = None,  # noqa: A002 - the parameter's name
    deployment: str | None = None,
    actor: str | None = None,
    type: str | None = None,  # noqa: A002 - the parameter's name
    outcome: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Pages[Entry]:
    """Iterate over each `Entry` of the audit trail, oldest first, refusals included.

    `actor` is an id or `kind:id`, `type` that of an event (docs/events.md), `outcome` done or
    refused.
    """
    return Pages(
        path=path("audit"),
        name="entries",
        of=Entry,
        query={
            "license": license,
            "deployment": deployment,
            "actor": actor,
            "type": type,
            "outcome": outcome,
            "since": written(since),
            "until": written(until),
        },
    )


def procedures(
    *,
    license: str | None = None,  # noqa: A002 - the parameter's name
    deployment: str | None = None,
) -> Pages[Procedure]:
    """Iterate over each offline `Procedure`, oldest first."""
    return Pages(
        path=path("audit", "procedures"),
        name="procedures",
        of=Procedure,
        query={"license": license, "deployment": deployment},
    )


def failovers(
    *,
    license: str | None = None,  # noqa: A002 - the parameter's name
    deployment: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Pages[Failover]:
    """Iterate over each `Failover`, newest first: how long every nomination really took."""
    return Pages(
        path=path("failovers"),
        name="failovers",
        of=Failover,
        query={
            "license": license,
            "deployment": deployment,
            "since": written(since),
            "until": written(until),
        },
    )
