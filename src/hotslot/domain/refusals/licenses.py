"""Refusals about a license: what it is now, and what it can become."""

from datetime import datetime

from hotslot.domain import remedies
from hotslot.domain.refusals.refusal import Refusal
from hotslot.domain.remedies import NAMED, Remedy, names
from hotslot.domain.times import write_time


class SlotsInUse(Refusal, frozen=True, kw_only=True):
    """A license was to be resized below what is used."""

    code = "slots-in-use"
    status = 409
    title = "More slots are in use"
    license: str
    used: int
    slots: int
    holders: tuple[str, ...]

    def detail(self) -> str:
        return (
            f"License {self.license} cannot have {self.slots} slot(s): {self.used} are used, by: "
            f"{names(self.holders)}."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        return tuple(remedies.deactivate(holder) for holder in self.holders[:NAMED])


class LicenseExpired(Refusal, frozen=True, kw_only=True):
    """The license ended by time and gives no rights now."""

    code = "license-expired"
    status = 403
    title = "The license is expired"
    license: str
    expires_at: datetime
    imported: bool = False

    def detail(self) -> str:
        at = write_time(self.expires_at)
        return f"License {self.license} expired at {at} and gives no rights now."

    def remedies(self) -> tuple[Remedy, ...]:
        if self.imported:
            return (remedies.carry_newer_file("with a later expiry"),)
        return (Remedy("renew", f"Renew it: POST /v1/licenses/{self.license}/renewal"),)


class LicenseSuspended(Refusal, frozen=True, kw_only=True):
    """The license is suspended and gives no rights now."""

    code = "license-suspended"
    status = 403
    title = "The license is suspended"
    license: str

    def detail(self) -> str:
        return f"License {self.license} is suspended and gives no rights now."

    def remedies(self) -> tuple[Remedy, ...]:
        return (
            Remedy("reinstate", f"Reinstate it: POST /v1/licenses/{self.license}/reinstatement"),
        )


class LicenseRevoked(Refusal, frozen=True, kw_only=True):
    """The license was revoked, which is final."""

    code = "license-revoked"
    status = 403
    title = "The license is revoked"
    license: str
    imported: bool = False

    def detail(self) -> str:
        return f"License {self.license} was revoked, which is final. It gives no rights."

    def remedies(self) -> tuple[Remedy, ...]:
        if self.imported:
            return (remedies.carry_another_file("a file of another license"),)
        return (Remedy("issue", "Issue another license: POST /v1/licenses"),)


class LicenseAlreadyIssued(Refusal, frozen=True, kw_only=True):
    """A license was to be issued under an id that is in use."""

    code = "license-already-issued"
    status = 409
    title = "The license id is in use"
    license: str

    def detail(self) -> str:
        return f"A license {self.license} was issued before; an id is used once."

    def remedies(self) -> tuple[Remedy, ...]:
        return (Remedy("choose-id", "Choose another id, or leave `id` out to get a fresh one."),)


class UnknownLicense(Refusal, frozen=True, kw_only=True):
    """There is no such license, or the actor may not see it."""

    code = "unknown-license"
    status = 404
    title = "Unknown license"
    license: str

    def detail(self) -> str:
        return f"There is no license {self.license} here that this key may see."

    def remedies(self) -> tuple[Remedy, ...]:
        return (Remedy("list", "See which there are: GET /v1/licenses"),)


class UnknownActivationKey(Refusal, frozen=True, kw_only=True):
    """The activation key fits no license."""

    code = "unknown-activation-key"
    status = 403
    title = "Unknown activation key"

    def detail(self) -> str:
        return "The activation key fits no license. Check that it was copied whole."
