"""Calls that ask the record: the audit trail, and what can be told from it."""

from datetime import datetime

from hotslot.client.call import Pages, moment, path, written
from hotslot.client.results import Entry, Failover, Procedure, Step


def entries(
    *,
    license: str | None = None,  # noqa: A002 - the parameter's name
    deployment: str | None = None,
    actor: str | None = None,
    type: str | None = None,  # noqa: A002 - the parameter's name
    outcome: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    as_of: int | datetime | None = None,
) -> Pages[Entry]:
    """Iterate over each `Entry` of the audit trail, oldest first, refusals included.

    `actor` is an id or `kind:id`, `type` that of an event (docs/events.md), `outcome` done or
    refused; `as_of` a position or a time, up to which the trail is read.
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
            "as_of": moment(as_of),
        },
    )


def procedures(
    *,
    license: str | None = None,  # noqa: A002 - the parameter's name
    deployment: str | None = None,
    as_of: int | datetime | None = None,
) -> Pages[Procedure]:
    """Iterate over each offline `Procedure`, oldest first; `as_of` is a position or a time."""
    return Pages(
        path=path("audit", "procedures"),
        name="procedures",
        of=Procedure,
        query={"license": license, "deployment": deployment, "as_of": moment(as_of)},
    )


def replay(
    *,
    license: str | None = None,  # noqa: A002 - the parameter's name
    from_: int | datetime | None = None,
    to: int | datetime | None = None,
) -> Pages[Step]:
    """Iterate over each `Step` of the record, oldest first: an event, and the slots after it.

    From the event at the position `from_`, or the first one at that time or after it, to that at
    `to`; of one license, or of all.
    """
    return Pages(
        path=path("audit", "replay"),
        name="steps",
        of=Step,
        query={"license": license, "from": moment(from_), "to": moment(to)},
    )


def failovers(
    *,
    license: str | None = None,  # noqa: A002 - the parameter's name
    deployment: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    as_of: int | datetime | None = None,
) -> Pages[Failover]:
    """Iterate over each `Failover`, newest first: how long every nomination really took.

    `as_of` is a position or a time: what was known of them then.
    """
    return Pages(
        path=path("failovers"),
        name="failovers",
        of=Failover,
        query={
            "license": license,
            "deployment": deployment,
            "since": written(since),
            "until": written(until),
            "as_of": moment(as_of),
        },
    )
