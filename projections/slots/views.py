"""What the reads of the slots projection answer with."""

from datetime import datetime

import msgspec

from hotslot.domain.events import Mode, Role
from hotslot.domain.license import Status, status


class Holder(msgspec.Struct, frozen=True):
    """A deployment that holds a role on a license, since an event."""

    deployment: str
    role: Role
    mode: Mode
    since: datetime
    position: int
    standby_for: str | None


class LicenseView(msgspec.Struct, frozen=True):
    """A license, and who holds a role on it."""

    license: str
    product: str
    customer: str
    slots: int
    expires_at: datetime | None
    suspended: bool
    revoked: bool
    term: int
    used: int
    backup_count: int
    position: int
    """Position of the last event that changed it."""
    active: list[Holder] = []
    backups: list[Holder] = []
    """The first of them: one more than is shown of a license."""

    def status(self, at: datetime) -> Status:
        """The status that it has at a time."""
        return status(
            revoked=self.revoked, suspended=self.suspended, expires_at=self.expires_at, now=at
        )


class DeploymentView(msgspec.Struct, frozen=True):
    """The last role of a deployment, which may have ended, and the license it is or was on."""

    deployment: str
    license: str
    role: Role
    """`unlicensed` when it has ended; the license is then the former one."""
    mode: Mode | None
    standby_for: str | None
    since: datetime
    term: int | None
    position: int
    """Position of the event that began the role, or ended it."""
    customer: str
    expires_at: datetime | None
    suspended: bool
    revoked: bool

    def license_status(self, at: datetime) -> Status:
        """The status that the license has at a time."""
        return status(
            revoked=self.revoked, suspended=self.suspended, expires_at=self.expires_at, now=at
        )


class Moment(msgspec.Struct, frozen=True):
    """Where a tenure begins or ends: an event's position, time and type."""

    position: int
    at: datetime
    type: str


class TenureView(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A stretch of time in which a deployment held a role on a license."""

    license: str
    deployment: str
    role: Role
    mode: Mode
    standby_for: str | None
    term: int
    from_: Moment
    to: Moment | None


class Change(msgspec.Struct, frozen=True):
    """A deployment that held another role on a license at one position than at another."""

    deployment: str
    before: Holder | None
    """None when it held none."""
    after: Holder | None


class Step(msgspec.Struct, frozen=True):
    """What an event left of a license."""

    license: str
    slots: int
    expires_at: datetime | None
    suspended: bool
    revoked: bool
    term: int
    used: int
    backup_count: int
    position: int
    """Position of the last event that had changed it."""
    active: list[str]
    """The active deployments in the order in which they became it, so many as are named."""

    def status(self, at: datetime) -> Status:
        """The status that it had at a time."""
        return status(
            revoked=self.revoked, suspended=self.suspended, expires_at=self.expires_at, now=at
        )
