"""The user of the operating system that PostgreSQL runs as.

PostgreSQL refuses to run as root, so root hands it to an unprivileged user. Anybody else runs it
as themselves.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from hotslot.ledger.postgres.errors import EmbeddedPostgresError

UNPRIVILEGED = ("postgres", "nobody")


class SwitchTo(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that start a process as another user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """The user that PostgreSQL runs as; `switched` when that isn't who runs Hotslot."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    switched: bool

    @property
    def switch(self) -> SwitchTo:
        """What makes `subprocess` start a process as this account."""
        if not self.switched:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": list(self.groups)}

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a short command as this account, its errors mixed into its output.

        Raises `PermissionError` when the account may not reach the program.
        """
        return subprocess.run(  # noqa: S603
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            cwd="/",  # ours may be a folder that this account cannot enter
            env=clean_environment(),
            **self.switch,
        )

    def can_enter(self, folder: Path) -> bool:
        """Whether the account can reach what lies in this folder."""
        # Asked of the kernel: mode bits alone do not show access lists and the like.
        return self.run("/bin/sh", "-c", 'cd -- "$1"', "sh", folder).returncode == 0

    def take(self, folder: Path) -> None:
        """Give the account a folder that we have just made, and to nobody else."""
        folder.chmod(0o700)
        if self.switched:
            os.chown(folder, self.uid, self.gid, follow_symlinks=False)


def server_account() -> Account:
    """Return the account for PostgreSQL: this user's own, or an unprivileged one when it is root.

    Raises `EmbeddedPostgresError` when there is no such account.
    """
    uid = os.geteuid()
    if uid != 0:
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL cannot run as user id {uid}: the system has no name for "
                "it, and PostgreSQL asks for one. Run as a user with a name, or give a database "
                "(HOTSLOT_DATABASE_URL)."
            ) from None
        return Account(entry.pw_name, uid, os.getegid(), (), switched=False)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        groups = tuple(os.getgrouplist(name, entry.pw_gid))
        return Account(name, entry.pw_uid, entry.pw_gid, groups, switched=True)
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root, and this system has no user "
        f"{' or '.join(repr(name) for name in UNPRIVILEGED)} to run it as. Make one of them, run "
        "Hotslot as an ordinary user, or give a database (HOTSLOT_DATABASE_URL)."
    )


def clean_environment() -> dict[str, str]:
    """Return an environment for PostgreSQL: none of our settings, secrets or PG variables."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}
