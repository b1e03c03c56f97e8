"""What a deployment may do: the rights that go with a role."""

from hotslot.domain.events import Role
from hotslot.domain.license_file import RIGHTS

PROCESS = "process"

EVERYBODY = ("settings.modify", "settings.import", "administer")
"""What a fresh installation may do too."""


def rights_of(role: Role, *, valid: bool, waits: bool = False) -> tuple[str, ...]:
    """The rights of a role on a license that is valid or not (False: on no license).

    Who waits for the end of the former active one may not process yet.
    """
    if role is Role.UNLICENSED or not valid:
        return EVERYBODY
    may_process = role is Role.ACTIVE and not waits
    return tuple(right for right in RIGHTS if right != PROCESS or may_process) + EVERYBODY
