"""Where this instance stands at one moment: its role, and what it may do."""

from datetime import datetime
from typing import Literal

import msgspec

Role = Literal["unlicensed", "active", "backup"]
Status = Literal["ok", "backup", "waiting", "unlicensed"]

PROCESS = "process"
WITHOUT_LEASE = frozenset({"settings.modify", "settings.import", "administer"})
"""What every instance may do, also one that was never licensed."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the lease said at the moment that was asked about. Ask again for the next one."""

    role: Role
    """`unlicensed` also when the lease has ended, whatever the role was before."""
    license: str | None
    rights: frozenset[str]
    """Names of capabilities, such as `process` and `engines.download`."""
    term: int | None
    """The fencing number: shared resources refuse an older one."""
    expires_at: datetime | None
    """When the lease ends unless renewed, by this machine's wall clock."""
    waits_for: str | None
    """The former active deployment, while this one may not process until it is known silent."""
    why: str
    """How it came to this, in sentences for a person. Holds no secret."""

    def may(self, right: str) -> bool:
        """Whether it has this right."""
        return right in self.rights

    @property
    def status(self) -> Status:
        """The whole in one word; `ok` alone means that it may process."""
        if self.may(PROCESS):
            return "ok"
        if self.role == "active":
            return "waiting"
        return self.role
