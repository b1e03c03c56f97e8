"""Refusals about license files, and about licenses that came in one."""

from datetime import datetime

from hotslot.domain import remedies
from hotslot.domain.refusals.refusal import Refusal
from hotslot.domain.remedies import Remedy
from hotslot.domain.times import write_time


class LicenseFileSignatureInvalid(Refusal, frozen=True, kw_only=True):
    """The signature of a license file does not fit what the file says."""

    code = "license-file-signature-invalid"
    status = 403
    title = "The license file's signature is not valid"

    def detail(self) -> str:
        return (
            "The signature does not fit what the license file says: it was changed on its way, "
            "or never signed by the vendor."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        return (remedies.carry_another_file(),)


class LicenseFileKeyUnknown(Refusal, frozen=True, kw_only=True):
    """A license file is signed by a key that this server does not trust."""

    code = "license-file-key-unknown"
    status = 403
    title = "The license file is signed by an unknown key"
    key: str

    def detail(self) -> str:
        return f"The license file is signed by key {self.key}, which this server does not trust."

    def remedies(self) -> tuple[Remedy, ...]:
        return (
            Remedy(
                "trust-key",
                "If the vendor confirms that key, put its public key where HOTSLOT_TRUSTED_KEYS "
                "points.",
            ),
            remedies.carry_another_file(),
        )


class LicenseFileKeyRevoked(Refusal, frozen=True, kw_only=True):
    """A license file is signed by a key that was revoked."""

    code = "license-file-key-revoked"
    status = 403
    title = "The license file is signed by a revoked key"
    key: str

    def detail(self) -> str:
        return f"The license file is signed by key {self.key}, which was revoked."

    def remedies(self) -> tuple[Remedy, ...]:
        return (remedies.carry_another_file(),)


class LicenseFileExpired(Refusal, frozen=True, kw_only=True):
    """The license file says that the license has ended."""

    code = "license-file-expired"
    status = 403
    title = "The license file is expired"
    license: str
    expires_at: datetime

    def detail(self) -> str:
        return (
            f"The file says that license {self.license} expired at "
            f"{write_time(self.expires_at)}: it gives no rights now."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        return (remedies.carry_another_file(),)


class LicenseFileSuperseded(Refusal, frozen=True, kw_only=True):
    """Another file of the license, not issued earlier, said something else."""

    code = "license-file-superseded"
    status = 409
    title = "A newer file of the license is known"
    license: str
    issued_at: datetime
    newest_issued_at: datetime

    def detail(self) -> str:
        return (
            f"This file of license {self.license} was issued at {write_time(self.issued_at)}, and "
            "says something else than the one that counts here, which was issued at "
            f"{write_time(self.newest_issued_at)}."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        return (
            Remedy(
                "use-newest-file",
                "Use the file that counts here, issued at "
                f"{write_time(self.newest_issued_at)}, or one that is newer still.",
            ),
        )


class LicenseFileForAnotherDeployment(Refusal, frozen=True, kw_only=True):
    """A license file that may activate one deployment was to activate another."""

    code = "license-file-for-another-deployment"
    status = 409
    title = "The license file is for another deployment"
    deployment: str
    license: str
    bound_to: str

    def detail(self) -> str:
        return (
            f"This file of license {self.license} may activate {self.bound_to} only, not "
            f"{self.deployment}."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        return (
            Remedy(
                "carry-file-for-deployment",
                f"Have the vendor make a file for {self.deployment}: GET /v1/licenses/"
                f"{self.license}/file?deployment={self.deployment}",
            ),
            remedies.register_with_file(self.deployment),
        )


class LicenseFileForAnotherProduct(Refusal, frozen=True, kw_only=True):
    """The license that a file names is another one here."""

    code = "license-file-for-another-product"
    status = 409
    title = "The license file is for another product, customer or vendor"
    license: str

    def detail(self) -> str:
        return (
            f"License {self.license} is known here for another product or customer, or from "
            "another vendor, than this file says."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        return (
            Remedy(
                "choose-id",
                "Have the vendor of this file issue its license under another id, and use a file "
                "of that one. Made anew under the same id, the file is refused again.",
            ),
        )


class LicenseFileRequired(Refusal, frozen=True, kw_only=True):
    """A deployment was to take a role, without a license file, on a license that came in one."""

    code = "license-file-required"
    status = 409
    title = "A license file is required"
    deployment: str
    license: str
    command: str

    def detail(self) -> str:
        return (
            f"License {self.license} came here in a license file, and a file may be for one "
            f"deployment only. So {self.deployment} has to show a file of it."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        if self.command == "register":
            return (remedies.register_with_file(self.deployment),)
        return (remedies.activate_with_file(self.deployment),)


class LicenseIssuedElsewhere(Refusal, frozen=True, kw_only=True):
    """The terms of a license that came in a file were to be changed, or a file of it made."""

    code = "license-issued-elsewhere"
    status = 409
    title = "The license was issued elsewhere"
    license: str

    def detail(self) -> str:
        return (
            f"License {self.license} came here in a license file. Only the vendor who signed it "
            "says what it is, and makes files of it."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        return (remedies.carry_another_file(),)
