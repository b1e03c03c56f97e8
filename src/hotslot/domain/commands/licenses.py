"""Commands on a license."""

from collections.abc import Iterator
from datetime import datetime

from hotslot.domain import license, offline, refusals  # noqa: A004 - the field's word
from hotslot.domain.asker import Asker
from hotslot.domain.commands.command import Command, States
from hotslot.domain.events import CommandRefused, LicenseIssued, license_stream
from hotslot.domain.license import Decision, License
from hotslot.domain.refusals import Refusal


class LicenseCommand(Command, frozen=True, kw_only=True):
    """A command on one license."""

    license: str

    def reads(self, known: States) -> Iterator[str]:
        yield license_stream(self.license)

    def license_of(self, states: States) -> License | None:
        return states.license(self.license)

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        license_ = states.license(self.license)
        if license_ is None or not asker.may_see(license_):
            return refusals.UnknownLicense(license=self.license)
        return self.decide_on(license_, now)

    def decide_on(self, license_: License, now: datetime) -> Decision:
        """Decide on a license that the asker may see."""
        raise NotImplementedError

    def refused(self, states: States, asker: Asker, refusal: Refusal) -> CommandRefused | None:
        license_ = states.license(self.license)
        if license_ is None or not asker.may_see(license_):
            # Not on the stream of a deployment that the command names: it is not read for this.
            return None
        return super().refused(states, asker, refusal)


class IssueLicense(LicenseCommand, frozen=True, kw_only=True):
    """Issue a license."""

    name = "issue"
    product: str
    customer: str
    slots: int
    expires_at: datetime | None
    activation_key_sha256: str

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        issued = LicenseIssued(
            license=self.license,
            product=self.product,
            customer=self.customer,
            slots=self.slots,
            expires_at=self.expires_at,
            activation_key_sha256=self.activation_key_sha256,
        )
        return license.issue(states.license(self.license), issued)


class RenewLicense(LicenseCommand, frozen=True, kw_only=True):
    """Move the end of validity."""

    name = "renew"
    expires_at: datetime | None

    def decide_on(self, license_: License, now: datetime) -> Decision:
        return license.renew(license_, self.expires_at)


class ResizeLicense(LicenseCommand, frozen=True, kw_only=True):
    """Change the number of slots."""

    name = "resize"
    slots: int

    def decide_on(self, license_: License, now: datetime) -> Decision:
        return license.resize(license_, self.slots)


class SetLease(LicenseCommand, frozen=True, kw_only=True):
    """Change how long leases last."""

    name = "set-lease"
    seconds: int

    def decide_on(self, license_: License, now: datetime) -> Decision:
        return license.set_lease(license_, self.seconds)


class SuspendLicense(LicenseCommand, frozen=True, kw_only=True):
    """Suspend a license."""

    name = "suspend"

    def decide_on(self, license_: License, now: datetime) -> Decision:
        return license.suspend(license_)


class ReinstateLicense(LicenseCommand, frozen=True, kw_only=True):
    """End a suspension."""

    name = "reinstate"

    def decide_on(self, license_: License, now: datetime) -> Decision:
        return license.reinstate(license_)


class RevokeLicense(LicenseCommand, frozen=True, kw_only=True):
    """Revoke a license."""

    name = "revoke"

    def decide_on(self, license_: License, now: datetime) -> Decision:
        return license.revoke(license_)


class IssueFile(LicenseCommand, frozen=True, kw_only=True):
    """Make a license file."""

    name = "issue-file"
    deployment: str | None
    key: str
    """Id of the key that is to sign it."""

    def decide_on(self, license_: License, now: datetime) -> Decision:
        return offline.issue_file(license_, self.deployment, self.key, now)
