"""How events become procedures: which entries of the trail belong together.

The offline procedure is what takes the place of a nomination where there is no network: the active
deployment is deactivated, the backup is unregistered, and then activated with a license file. Its
steps are one procedure when all three carry the same reason, or the same trace id.
"""

import hashlib
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, Self

from psycopg import Cursor

from hotslot.domain.events import (
    BackupNominated,
    BackupRegistered,
    BackupUnregistered,
    Context,
    DeploymentActivated,
    DeploymentDeactivated,
    Mode,
    Recorded,
    Role,
)

# Steps of which these are no longer the ones that count.
FORGET = """
DELETE FROM open_steps AS s
 USING unnest(%s::text[], %s::text[], %s::text[]) AS f (license, deployment, role)
 WHERE (s.license, s.deployment, s.role) = (f.license, f.deployment, f.role)
"""

REMEMBER = """
COPY open_steps (license, deployment, role, index, reason_sha256, trace_id) FROM STDIN
"""

# How a deployment gave up a role.
STEP = """
SELECT index, reason_sha256, trace_id FROM open_steps
 WHERE (license, deployment, role) = (%s, %s, %s)
"""

# The last deactivation before an entry, by the one tie and by the other.
DEACTIVATED = """
SELECT * FROM (
    (SELECT deployment, index FROM open_steps
      WHERE license = %(license)s AND role = 'active' AND reason_sha256 = %(reason_sha256)s
        AND index < %(before)s AND deployment <> ALL (%(passed_over)s)
      ORDER BY index DESC LIMIT 1)
    UNION ALL
    (SELECT deployment, index FROM open_steps
      WHERE license = %(license)s AND role = 'active' AND trace_id = %(trace_id)s
        AND index < %(before)s AND deployment <> ALL (%(passed_over)s)
      ORDER BY index DESC LIMIT 1)) AS d
 ORDER BY index DESC LIMIT 1
"""

ADD = """
INSERT INTO procedures (ended, unregistered, began, license, customer, former, deployment)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


class Ties(NamedTuple):
    """What an event has that may tie it to others."""

    reason_sha256: str | None
    trace_id: str | None

    def shared_with(self, other: Self) -> "Ties":
        """Those that are the same."""
        return Ties(*(mine if mine == its else None for mine, its in zip(self, other, strict=True)))

    def __bool__(self) -> bool:
        return any(tie is not None for tie in self)


class Step(NamedTuple):
    """The entry in which a deployment gave up a role."""

    entry: int
    ties: Ties


class Found(NamedTuple):
    """The first two steps of a procedure."""

    former: str
    began: int
    unregistered: int


def find_procedures(
    cursor: Cursor[Any],
    index: int,
    batch: Sequence[Recorded],
    customers: Mapping[str, str | None],
) -> None:
    """Record the procedures that end in a batch, whose first event has the entry `index`."""
    steps = _OpenSteps(cursor)
    for at, recorded in enumerate(batch, index):
        match event := recorded.event:
            case DeploymentDeactivated():
                steps.give_up(event.license, event.deployment, Role.ACTIVE, at, recorded.context)
            case BackupUnregistered():
                steps.give_up(event.license, event.deployment, Role.BACKUP, at, recorded.context)
            case BackupRegistered():
                steps.forget(event.license, event.deployment, Role.BACKUP)
            case DeploymentActivated() | BackupNominated():
                if isinstance(event, DeploymentActivated) and event.mode is Mode.OFFLINE:
                    found = steps.before(event, recorded.context)
                    if found is not None:
                        customer = customers[event.license]
                        about = (event.license, customer, found.former, event.deployment)
                        cursor.execute(ADD, (at, found.unregistered, found.began, *about))
                        steps.forget(event.license, found.former, Role.ACTIVE)
                steps.forget(event.license, event.deployment, Role.ACTIVE)
                steps.forget(event.license, event.deployment, Role.BACKUP)
    steps.write()


class _OpenSteps:
    """The table of open steps, with the changes of a batch kept back until its end."""

    def __init__(self, cursor: Cursor[Any]) -> None:
        self._cursor = cursor
        self._changed: dict[tuple[str, str, Role], Step | None] = {}

    def give_up(
        self, license_id: str, deployment: str, role: Role, entry: int, context: Context
    ) -> None:
        """A deployment gave up a role; a step without ties is part of nothing."""
        ties = _ties(context)
        self._changed[license_id, deployment, role] = Step(entry, ties) if ties else None

    def forget(self, license_id: str, deployment: str, role: Role) -> None:
        """A deployment took the role again, or the step is part of a procedure."""
        self._changed[license_id, deployment, role] = None

    def before(self, event: DeploymentActivated, context: Context) -> Found | None:
        """The steps that come before an activation, if it ends a procedure."""
        unregistered = self._step(event.license, event.deployment, Role.BACKUP)
        if unregistered is None:
            return None
        ties = unregistered.ties.shared_with(_ties(context))
        if not ties:
            return None
        # What is in the table happened before this batch.
        former = self._deactivated_in_batch(event, unregistered, ties)
        former = former or self._deactivated_earlier(event, unregistered, ties)
        return Found(*former, unregistered.entry) if former else None

    def _step(self, license_id: str, deployment: str, role: Role) -> Step | None:
        key = (license_id, deployment, role)
        if key in self._changed:
            return self._changed[key]
        row = self._cursor.execute(STEP, key).fetchone()
        return None if row is None else Step(row[0], Ties(*row[1:]))

    def _deactivated_in_batch(
        self, event: DeploymentActivated, unregistered: Step, ties: Ties
    ) -> tuple[str, int] | None:
        found = (
            (deployment, step.entry)
            for (license_id, deployment, role), step in self._changed.items()
            if step is not None
            and (license_id, role) == (event.license, Role.ACTIVE)
            and deployment != event.deployment
            and step.entry < unregistered.entry
            and step.ties.shared_with(ties)
        )
        return max(found, key=itemgetter(1), default=None)

    def _deactivated_earlier(
        self, event: DeploymentActivated, unregistered: Step, ties: Ties
    ) -> tuple[str, int] | None:
        changed = {
            deployment
            for license_id, deployment, role in self._changed
            if (license_id, role) == (event.license, Role.ACTIVE)
        }
        asked = {
            "license": event.license,
            "before": unregistered.entry,
            "passed_over": [*changed, event.deployment],
        }
        return self._cursor.execute(DEACTIVATED, {**asked, **ties._asdict()}).fetchone()

    def write(self) -> None:
        """Bring the table up to date."""
        if not self._changed:
            return
        self._cursor.execute(FORGET, tuple(map(list, zip(*self._changed, strict=True))))
        with self._cursor.copy(REMEMBER) as copy:
            for key, step in self._changed.items():
                if step is not None:
                    copy.write_row((*key, step.entry, *step.ties))


def _ties(context: Context) -> Ties:
    reason = context.reason or None
    digest = None if reason is None else hashlib.sha256(reason.encode()).hexdigest()
    return Ties(digest, context.trace_id)
