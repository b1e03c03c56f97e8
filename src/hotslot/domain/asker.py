"""Who asks, and what of the licenses they may see."""

import msgspec

from hotslot.domain.events import Actor
from hotslot.domain.license import License
from hotslot.domain.license_file import LicenseFile


class Asker(msgspec.Struct, frozen=True):
    """An actor with the limits of its credential. None means no limit."""

    actor: Actor
    customer: str | None = None
    license: str | None = None
    """An activation key acts under its own license only."""

    def may_see(self, license_: License | LicenseFile) -> bool:
        """Whether the license, or one that a file would bring, exists for this asker."""
        license_id = license_.id if isinstance(license_, License) else license_.license
        return self.customer in (None, license_.customer) and self.license in (None, license_id)

    @property
    def is_limited(self) -> bool:
        """Whether anything at all is hidden from this asker."""
        return self.customer is not None or self.license is not None
