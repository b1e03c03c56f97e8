"""One class a command. Each names the streams that it reads, and decides on their states."""

from hotslot.domain.commands.command import (
    Command,
    States,
)
from hotslot.domain.commands.keys import (
    CreateKey,
    RevokeKey,
)
from hotslot.domain.commands.licenses import (
    IssueFile,
    IssueLicense,
    LicenseCommand,
    ReinstateLicense,
    RenewLicense,
    ResizeLicense,
    RevokeLicense,
    SetLease,
    SuspendLicense,
)
from hotslot.domain.commands.reads import (
    NoteExport,
)
from hotslot.domain.commands.roles import (
    Activate,
    ChangeRole,
    ConfirmRole,
    Deactivate,
    NominateBackup,
    RegisterBackup,
    RejectFile,
    TakeRole,
    UnregisterBackup,
)

__all__ = [
    "Activate",
    "ChangeRole",
    "Command",
    "ConfirmRole",
    "CreateKey",
    "Deactivate",
    "IssueFile",
    "IssueLicense",
    "LicenseCommand",
    "NominateBackup",
    "NoteExport",
    "RegisterBackup",
    "ReinstateLicense",
    "RejectFile",
    "RenewLicense",
    "ResizeLicense",
    "RevokeKey",
    "RevokeLicense",
    "SetLease",
    "States",
    "SuspendLicense",
    "TakeRole",
    "UnregisterBackup",
]
