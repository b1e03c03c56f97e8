"""The deployments of a site, and the license that is carried to them."""

from collections.abc import Callable
from typing import NamedTuple

from tests.api.sites import Vendor


class Instances(NamedTuple):
    """A license of one slot, the deployment that its file is bound to, and two others."""

    license: str
    p: str
    q: str
    r: str

    @classmethod
    def with_license(
        cls,
        vendor: Vendor,
        unique: Callable[[str], str],
        expires_at: str = "2999-01-01T00:00:00Z",
    ) -> "Instances":
        """Instances that were never seen, and a license that the vendor issues for them."""
        license_id = vendor.issued(id=unique("lic"), slots=1, expires_at=expires_at)
        return cls(license_id, unique("p"), unique("q"), unique("r"))
