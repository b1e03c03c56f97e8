"""One class a reason to say no: its code, its HTTP status, the explanation, and the ways out.

`docs/refusals.md` is generated from these files.
"""

from hotslot.domain.refusals.files import (
    LicenseFileExpired,
    LicenseFileForAnotherDeployment,
    LicenseFileForAnotherProduct,
    LicenseFileKeyRevoked,
    LicenseFileKeyUnknown,
    LicenseFileRequired,
    LicenseFileSignatureInvalid,
    LicenseFileSuperseded,
    LicenseIssuedElsewhere,
)
from hotslot.domain.refusals.keys import (
    KeyAlreadyExists,
    UnknownKey,
)
from hotslot.domain.refusals.licenses import (
    LicenseAlreadyIssued,
    LicenseExpired,
    LicenseRevoked,
    LicenseSuspended,
    SlotsInUse,
    UnknownActivationKey,
    UnknownLicense,
)
from hotslot.domain.refusals.refusal import Explanation, Refusal
from hotslot.domain.refusals.roles import (
    ActiveCannotBeBackup,
    ActiveIsAmbiguous,
    BackupCannotActivate,
    BoundToAnotherLicense,
    NoFreeSlot,
    NotABackup,
    NotActive,
    NotLicensed,
    OfflineBackupCannotBeNominated,
    ReplacedIsNotActive,
    UnknownDeployment,
)

__all__ = [
    "CATALOGUE",
    "ActiveCannotBeBackup",
    "ActiveIsAmbiguous",
    "BackupCannotActivate",
    "BoundToAnotherLicense",
    "Explanation",
    "KeyAlreadyExists",
    "LicenseAlreadyIssued",
    "LicenseExpired",
    "LicenseFileExpired",
    "LicenseFileForAnotherDeployment",
    "LicenseFileForAnotherProduct",
    "LicenseFileKeyRevoked",
    "LicenseFileKeyUnknown",
    "LicenseFileRequired",
    "LicenseFileSignatureInvalid",
    "LicenseFileSuperseded",
    "LicenseIssuedElsewhere",
    "LicenseRevoked",
    "LicenseSuspended",
    "NoFreeSlot",
    "NotABackup",
    "NotActive",
    "NotLicensed",
    "OfflineBackupCannotBeNominated",
    "Refusal",
    "ReplacedIsNotActive",
    "SlotsInUse",
    "UnknownActivationKey",
    "UnknownDeployment",
    "UnknownKey",
    "UnknownLicense",
]

CATALOGUE: dict[str, type[Refusal]] = {
    kind.code: kind
    for kind in (
        BackupCannotActivate,
        ActiveCannotBeBackup,
        OfflineBackupCannotBeNominated,
        BoundToAnotherLicense,
        NoFreeSlot,
        NotActive,
        NotABackup,
        NotLicensed,
        ActiveIsAmbiguous,
        ReplacedIsNotActive,
        SlotsInUse,
        LicenseExpired,
        LicenseSuspended,
        LicenseRevoked,
        LicenseAlreadyIssued,
        UnknownLicense,
        UnknownActivationKey,
        UnknownDeployment,
        LicenseFileSignatureInvalid,
        LicenseFileKeyUnknown,
        LicenseFileKeyRevoked,
        LicenseFileExpired,
        LicenseFileSuperseded,
        LicenseFileForAnotherDeployment,
        LicenseFileForAnotherProduct,
        LicenseFileRequired,
        LicenseIssuedElsewhere,
        KeyAlreadyExists,
        UnknownKey,
    )
}
"""Every refusal by its code."""
